"""Asks a real IIS what the emulator is asked, case by case, and records the answers. Run by Invoke-IisLane.ps1 and Invoke-ExpressLane.ps1.

    python -m tests.windows.record --server iis --work C:\\ota-lane --ca C:\\ota-lane\\ca.pem --output tests\\windows\\iis-recorded.json

Needs Windows and an administrator; what it does without them (choosing cases, marking requests) is tested on Linux.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.iis.case_files import Case, Site, Step, behaviour_cases
from tests.iis.emulator import filled, write
from tests.iis.upstream import Upstream, upstream
from tests.iis.wire import Request, Seen, exchange, request_of
from tests.windows import recorded
from tests.windows.apphost import bound_ports, merged, substatuses
from tests.windows.recorded import Answer, Recording, answer_of

HERE = Path(__file__).resolve().parent
_EXPRESS_TOPICS = frozenset(
    "cache documents headers locations mime outbound redirect rewrite-actions rewrite-levels rewrite-match rewrite-values static".split()  # noqa: SIM905 - a list of words reads better in one line
)
_EXPRESS_PORTS = {"http": 8080, "https": 44300}
"""IIS Express needs no administrator above port 1024, and keeps 44300 to 44399 for TLS."""
_READY = 60.0


def chosen(server: str, cases: Sequence[Case]) -> list[Case]:
    """Return the cases that a server can be asked: all modules there, this Windows, its own list of sections, no refusal of the emulator's."""
    return [
        case
        for case in cases
        if not (case.site.without or case.site.windows or any("refuses" in step.expected for step in case.steps))
        and "<configSections" not in case.site.overlay
        and (server == "iis" or case.id.partition("/")[0] in _EXPRESS_TOPICS)
    ]


def marked(request: Request, case: str, step: int) -> tuple[Request, str]:
    """Return the request with a user agent by which its line of the log is found, unless it has one of its own."""
    for name, value in request.headers.items():
        if name.lower() == "user-agent":
            return request, value.replace(" ", "+")
    agent = f"ota-proxy-lane/{case}/{step}"
    return replace(request, headers={**request.headers, "User-Agent": agent}), agent


class Lane:
    """One server on this machine: `apply` puts a site on it, `log` is what it wrote down since then."""

    def __init__(self, server: str, work: Path, base: str) -> None:
        self.server, self.work, self.base = server, work, base
        self.number = 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def here(self) -> Path:
        """The folder of the site that is on it."""
        return self.work / str(self.number)

    def apply(self, site: Site, application: Upstream) -> dict[str, int]:
        """Write the site's files and configuration and start the server on them; return its ports."""
        self.stop()
        self.number += 1
        for path, content in site.files.items():
            write(self.here / "site" / path, filled(content, application) if path.endswith("web.config") else content)
        overlay = filled(site.overlay.encode(), application).decode()
        ports = _EXPRESS_PORTS if self.server == "iis-express" else None
        config = merged(self.base, overlay, str(self.here / "site"), str(self.here / "logs"), ports)
        file = self.here / "applicationHost.config"
        file.write_text(config, encoding="utf-8")
        (self._start_express if self.server == "iis-express" else self._start_iis)(file)
        return bound_ports(config)

    def _start_iis(self, config: Path) -> None:
        powershell("Set-LaneConfig.ps1", "-Config", str(config))

    def _start_express(self, config: Path) -> None:
        """Start IIS Express and wait until it says so; its port may be free a little later than its predecessor ended."""
        for _ in range(3):
            words = [express(), f"/config:{config}", "/site:Default Web Site", "/trace:error", "/systray:false"]
            self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
            if _says(self.process, "IIS Express is running."):
                return
            self.stop()
        raise RuntimeError("IIS Express did not start")

    def log(self) -> str:
        """Return the W3C log of the site, written out first."""
        subprocess.run(["netsh", "http", "flush", "logbuffer"], check=False, capture_output=True)
        files = sorted((self.here / "logs").rglob("*.log"))
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def stop(self) -> None:
        """End IIS Express; IIS itself runs on."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None


def _says(process: subprocess.Popen[str], sentence: str) -> bool:
    deadline = time.monotonic() + _READY
    while process.stdout is not None and time.monotonic() < deadline:
        line = process.stdout.readline()
        if sentence in line:
            return True
        if not line or "Failed to initialize site bindings" in line:
            return False
    return False


def express() -> str:
    """Return where IIS Express is installed."""
    return "C:\\Program Files\\IIS Express\\iisexpress.exe"


def powershell(script: str, *arguments: str) -> str:
    """Run a script of this folder; CalledProcessError where it fails."""
    words = ["powershell", "-NoProfile", "-ExecutionPolicy", "Bypass", "-File", str(HERE / script), *arguments]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def asked(lane: Lane, cases: Sequence[Case], application: Upstream, ca: str) -> Iterator[Answer]:
    """Ask the cases of one site and yield an answer for each step."""
    ports = lane.apply(cases[0].site, application)
    rows: list[tuple[str, int, Seen, str]] = []
    for case in cases:
        seen: Seen | None = None
        for number, step in enumerate(case.steps):
            request, agent = marked(request_of(step.sent, seen), case.id, number)
            seen = _exchange(request, step, ports, ca)
            rows.append((case.id, number, seen, agent))
    logged = substatuses(lane.log())
    for case_id, number, seen, agent in rows:
        yield answer_of(case_id, number, seen, logged.get(agent))


def _exchange(request: Request, step: Step, ports: dict[str, int], ca: str) -> Seen:
    for _ in range(int(step.sent.get("repeat", 1))):
        seen = exchange(request, ports.get(request.scheme, 0), ca)
    return seen


def facts(server: str) -> dict[str, Any]:
    """Return build, product and module versions of this machine."""
    found: dict[str, Any] = json.loads(powershell("Get-LaneFacts.ps1", "-Server", server))
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Record every case that this server can be asked, and write the file after each site."""
    parser = argparse.ArgumentParser(prog="tests.windows.record", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--server", choices=("iis", "iis-express"), required=True)
    parser.add_argument("--work", type=Path, required=True, help="empty folder for sites, configurations and logs")
    parser.add_argument("--base", type=Path, required=True, help="applicationHost.config to start from")
    parser.add_argument("--ca", required=True, help="certificate authority of the certificate that IIS shows")
    parser.add_argument("--output", type=Path, default=recorded.FILE)
    given = parser.parse_args(words)
    known = facts(given.server)
    lane = Lane(given.server, given.work, given.base.read_text(encoding="utf-8-sig"))
    answers: list[Answer] = []
    with upstream() as application:
        for site, cases in groupby(chosen(given.server, behaviour_cases()), key=lambda case: case.site.id):
            try:
                answers += asked(lane, list(cases), application, given.ca)
            except (ValueError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
                sys.stderr.write(f"{site}: not recorded: {error}\n")
            made = Recording(given.server, known["build"], known["product"], known["modules"], tuple(answers))
            recorded.save(given.output, made)
    lane.stop()
    sys.stdout.write(recorded.standing(recorded.load(given.output)) + "\n")
    return 0 if answers else 1


if __name__ == "__main__":
    sys.exit(main())
