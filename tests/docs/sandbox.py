"""A folder in which the blocks of a page are run: a package, tools on the PATH, and a live site at ota.example.com.

The live site is what our own README leads to: a rendered nginx configuration with our landing page, run by the embedded engine.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ota_proxy.apps.package import build_package
from ota_proxy.harness.engine import choose
from ota_proxy.harness.trial import Trial, start
from ota_proxy.site import Site

HOST = "ota.example.com"
_SITE = Site.model_validate(
    {
        "domains": [HOST],
        "locations": [{"path": "/", "root": "/srv/ota"}],
        "certificates": [{"cert": "/etc/ssl/ota.pem", "key": "/etc/ssl/ota.key"}],
    }
)


@dataclass(frozen=True, slots=True)
class Live:
    """The running site: its ports on loopback, and the roots to trust."""

    https: int
    http: int
    ca_pem: bytes


@contextlib.contextmanager
def live() -> Iterator[Live]:
    """Serve the site until the block ends."""
    engine = choose("embedded", "nginx")
    with start(Trial("nginx", _SITE), engine, lambda _text: None) as started:
        ways = started.running.endpoint.resolve
        yield Live(ways[HOST, 443][1], ways[HOST, 80][1], started.prepared.ca_pem)


_TOOL = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
words = sys.argv[1:]
if words[:1] == ["check"]:
    words = [word.replace("192.0.2.7", "127.0.0.1:{https}") for word in words]
    words += ["--resolve", "{host}:443:127.0.0.1:{https}", "--resolve", "{host}:80:127.0.0.1:{http}"]
    words += ["--ca", {ca!r}] if "--ca" not in words else []
from ota_proxy.cli.main import main
sys.exit(main(words))
"""
"""`ota-proxy` as it is, but for one thing: ota.example.com is the live site of the test."""


class Sandbox:
    """The folder; `run` runs a script of bash in it and returns what it printed, AssertionError where it fails."""

    def __init__(self, folder: Path, root: Path, live: Live) -> None:
        self.folder = folder
        self.bin = folder / ".bin"
        self.bin.mkdir()
        (folder / "root.pem").write_bytes(live.ca_pem)
        ca = str(folder / "root.pem")
        tool = _TOOL.format(python=sys.executable, root=str(root), https=live.https, http=live.http, host=HOST, ca=ca)
        self._tool("ota-proxy", tool)
        self._tool("pytest", f'#!/bin/sh\nexec {sys.executable} -m pytest -p no:cacheprovider "$@"\n')
        self._tool("sudo", '#!/bin/sh\nexec "$@"\n')
        (folder / "App.ipa").write_bytes(build_package(size=4000))
        (folder / "urls.txt").write_text(f"https://{HOST}/\nhttps://{HOST}/app.plist\n", encoding="utf-8")
        (folder / ".curlrc").write_text(
            f'cacert = "{ca}"\nconnect-to = "{HOST}:443:127.0.0.1:{live.https}"\n', encoding="utf-8"
        )

    def _tool(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text, encoding="utf-8")
        (self.bin / name).chmod(0o755)

    def write(self, name: str, text: str) -> None:
        """Write a file of a page, with its folders."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(self, script: str, place: str, **environ: str) -> str:
        """Run a script; every command in it must end well."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self._environ() | environ,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, f"{place} ended with {done.returncode}\n{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTA_PROXY_", "PYTEST_"))}
        path = f"{self.bin}:{kept.get('PATH', '')}:/usr/sbin:/sbin"
        return {**kept, "PATH": path, "HOME": str(self.folder), "OTA_PROXY_ENGINE": "embedded", "NO_COLOR": "1"}
