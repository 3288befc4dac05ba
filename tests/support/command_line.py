"""The command line as a person meets it: words in, exit code, stdout and stderr out."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ota_proxy.site import Site

FLAGS = ("--domain", "ota.example.com", "--root", "/srv/ota", "--cert", "/etc/ssl/ota.pem", "--key", "/etc/ssl/ota.key")
SERVERS = ("nginx", "apache", "iis")
NOWHERE = "tcp://127.0.0.1:1"
"""A DOCKER_HOST where nobody answers."""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one error sentence with its hint; what was only noted is left out. Fails unless there is exactly one."""
        lines = self.err.splitlines()
        starts = [number for number, line in enumerate(lines) if ": error: " in line]
        assert len(starts) == 1, self.err
        assert self.out == ""
        return "\n".join(lines[starts[0] :])


Run = Callable[..., Said]


def environment(**more: str) -> dict[str, str]:
    """Return the environment without what a person may have set for ota-proxy."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OTA_PROXY_")} | more


def spawn(*words: str, cwd: Path, env: Mapping[str, str] | None = None, seconds: float = 120) -> Said:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "ota_proxy", *words],
        capture_output=True,
        cwd=cwd,
        env={**environment(), **(env or {})},
        timeout=seconds,
        check=False,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def on_a_terminal(write: Callable[[int], object]) -> str:
    """Return what `write` leaves on a terminal, whose end for programs it is called with."""
    ours, theirs = pty.openpty()
    found: list[bytes] = []

    def read() -> None:
        try:
            while piece := os.read(ours, 65536):
                found.append(piece)
        except OSError:
            return  # Linux says so when the last writer has gone

    reader = threading.Thread(target=read)
    reader.start()
    write(theirs)
    os.close(theirs)
    reader.join(10)
    os.close(ours)
    return b"".join(found).decode()


def flags_of(site: Site) -> list[str]:
    """Return the flags that describe a whole site."""
    words: list[str] = []
    for key, value in site.model_dump(mode="json", exclude_none=True).items():
        inner = {f"{key}.{name}": part for name, part in value.items()} if isinstance(value, dict) else {key: value}
        words += [word for name, part in inner.items() for word in ("--set", f"{name}={_typed(part)}")]
    return words


def _typed(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Write a value as after `--set KEY=`: texts stand there as they are."""
    return value if isinstance(value, str) else _toml(value)


def _toml(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def using(folder: Path) -> list[str]:
    """Return the command lines of processes that name a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [words for words in found if str(folder) in words]
