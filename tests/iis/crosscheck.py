"""Level 2: inbound rewrite rules through ASP.NET Core's AddIISUrlRewrite too, where a `dotnet` is on the PATH.

The harness (tests/windows/crosscheck) is C# with the public API only. It is no IIS: a difference is a question, answered by the
documentation, and those that are known stand in divergences.toml, case by case.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.iis.case_files import Case, Site
from tests.iis.emulator import write
from tests.iis.wire import Request, Seen, resolved

PROJECT = Path(__file__).resolve().parents[1] / "windows" / "crosscheck"
NOT_RUN = "L2 not run: no dotnet on the PATH"
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a request goes: a redirect's status and absolute target, a status that a rule answers, or the URL inside the server."""

    status: int
    target: str


def dotnet() -> str | None:
    """Return the program, or None."""
    return shutil.which("dotnet")


def comparable(cases: tuple[Case, ...]) -> list[Case]:
    """Return the cases whose rules stand in one web.config at the root, over nothing else: all that the harness can be given."""
    return [
        case
        for case in cases
        if case.id.startswith("rewrite-")
        and not case.site.overlay
        and [path for path in case.site.files if path.endswith("web.config")] == ["web.config"]
        and not case.site.without
    ]


def divergences() -> dict[str, str]:
    """Return why a case may differ, by its id; ValueError for one that stands there twice."""
    groups = tomllib.loads((PROJECT / "divergences.toml").read_text(encoding="utf-8")).values()
    pairs = [(case, str(group["why"])) for group in groups for case in group["cases"]]
    if len(dict(pairs)) != len(pairs):
        raise ValueError("divergences.toml names a case twice")
    return dict(pairs)


def emulated(seen: Seen) -> Outcome:
    """Return where the emulator sent a request, as far as rewrite rules decided it."""
    log = seen.log or {}
    if seen.closed:
        return Outcome(0, "")
    if seen.status in REDIRECTS and "location" in seen.headers and log.get("rule"):
        return Outcome(seen.status, plain(resolved(seen.request, seen.headers["location"])))
    if log.get("rule") and log.get("rewritten_url") is None and log.get("served") is None and seen.status != 404:
        return Outcome(seen.status, "")
    return Outcome(200, plain(log.get("rewritten_url") or seen.request.target))


def checked(status: int, headers: Mapping[str, str], request: Request) -> Outcome:
    """Return where the harness sent the request."""
    if status in REDIRECTS:
        return Outcome(status, plain(resolved(request, headers.get("location", ""))))
    return Outcome(status, plain(headers.get("x-lane-target", "")))


def plain(url: str) -> str:
    """Leave out how a URL is escaped: the two servers do it at different times."""
    return unquote(url)


def build(folder: Path) -> Path:
    """Build the harness away from the checkout; CalledProcessError where that fails, with the compiler's words above it."""
    source = shutil.copytree(PROJECT, folder / "source")
    words = ["dotnet", "build", str(source), "--configuration", "Release", "--output", str(folder / "out"), "--nologo"]
    subprocess.run(words, check=True, env=os.environ | {"DOTNET_CLI_TELEMETRY_OPTOUT": "1"})
    return folder / "out" / "crosscheck.dll"


class Harness:
    """The harness running on the rules of one site."""

    def __init__(self, program: Path, site: Site, folder: Path) -> None:
        for path, content in site.files.items():
            write(folder / path, content)
        words = ["dotnet", str(program), str(folder / "web.config"), str(folder)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        address = urlsplit(self.process.stdout.readline().strip())
        self.place = (address.hostname or "", address.port or 0)
        self.unreadable = frozenset(json.loads(self.process.stdout.readline()))

    def ask(self, request: Request) -> Outcome:
        """Send one request and say where it went."""
        connection = http.client.HTTPConnection(*self.place, timeout=10)
        headers = {**request.headers, "X-Lane-Scheme": request.scheme}
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(request.content or None)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            answer.read()
            return checked(answer.status, found, request)
        except (http.client.HTTPException, ConnectionError):
            return Outcome(0, "")
        finally:
            connection.close()

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()
