"""Runs `ota-proxy up iis` as a person does: a process, its ready line, its access log."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.iis.case_files import Site, Step
from tests.iis.upstream import Upstream
from tests.iis.wire import Seen, exchange, request_of
from tests.support.command_line import environment

NOWHERE = "http://127.0.0.1:1"
MODIFIED = 1704164646
"""Tue, 02 Jan 2024 03:04:06 GMT: the time of last change of every file of a site."""
_READY = 60.0
_LOGGED = 3.0
_KEPT = 3


class NotStartedError(Exception):
    """The emulator ended before its ready line: exit code and what it said."""

    def __init__(self, code: int | None, said: str) -> None:
        super().__init__(f"exit {code}: {said}")
        self.code, self.said = code, said


@dataclass(slots=True)
class Emulator:
    """A running emulator of one site."""

    process: subprocess.Popen[bytes]
    ports: dict[str, int]
    ca: str
    log: Path
    upstream: Upstream
    read: int = 0

    def ask(self, step: Step, before: Seen | None) -> Seen:
        """Send a step's request, as often as it says, and return what came of the last."""
        request = request_of(step.sent, before)
        for _ in range(int(step.sent.get("repeat", 1))):
            asked = len(self.upstream.asked)
            seen = exchange(request, self.ports[request.scheme], self.ca)
            seen.log = None if seen.tls_failed else self._logged()
            if len(self.upstream.asked) > asked:
                seen.upstream = self.upstream.asked[-1].headers
        return seen

    def _logged(self) -> dict[str, Any] | None:
        """Return the request's line of the access log; None where none comes: HTTP.sys answers some requests alone."""
        deadline = time.monotonic() + _LOGGED
        while time.monotonic() < deadline:
            lines = self.log.read_bytes().split(b"\n") if self.log.exists() else [b""]
            if len(lines) - 1 > self.read:
                assert len(lines) - 1 == self.read + 1, f"several lines for one request: {lines[self.read :]}"
                self.read += 1
                line: dict[str, Any] = json.loads(lines[self.read - 1])
                return line
            time.sleep(0.005)
        return None

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            if self.process.stdout:
                self.process.stdout.close()


def start(site: Site, folder: Path, upstream: Upstream) -> Emulator:
    """Write a site and start its emulator. NotStartedError where it ends before it is ready."""
    root = folder / "site"
    root.mkdir(parents=True)
    for path, content in site.files.items():
        write(root / path, filled(content, upstream) if path.endswith("web.config") else content)
    words = ["up", "iis", "--site-root", str(root), "--access-log", str(folder / "access.log")]
    if site.overlay:
        write(folder / "applicationHost.config", filled(site.overlay.encode(), upstream))
        words += ["--apphost", str(folder / "applicationHost.config")]
    if site.windows:
        words += ["--windows", site.windows]
    for module in site.without:
        words += ["--without-module", module]
    with (folder / "stderr").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "ota_proxy", *words],
            stdout=subprocess.PIPE,
            stderr=said,
            cwd=folder,
            env=environment(),
        )
    ready = _ready(process, folder)
    ports = {"http": int(ready["http"]), "https": int(ready["https"])}
    return Emulator(process, ports, str(ready["ca"]), folder / "access.log", upstream)


def _ready(process: subprocess.Popen[bytes], folder: Path) -> dict[str, Any]:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], _READY)
    line = process.stdout.readline() if readable else b""
    if not line:
        code = process.wait(10) if readable else process.poll()
        process.kill()
        process.wait()
        process.stdout.close()
        raise NotStartedError(code, (folder / "stderr").read_text())
    ready: dict[str, Any] = json.loads(line)
    return ready


def write(path: Path, content: bytes) -> None:
    """Write a file with the time that the cases know."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (MODIFIED, MODIFIED))


def filled(text: bytes, upstream: Upstream) -> bytes:
    """Put the application's address where a configuration names it."""
    return text.replace(b"@UPSTREAM@", upstream.url.encode()).replace(b"@NOWHERE@", NOWHERE.encode())


@dataclass(slots=True)
class Pool:
    """The emulators of the sites used last: the cases of a site stand beside each other, so few are enough."""

    folder: Path
    upstream: Upstream
    running: OrderedDict[str, Emulator] = field(default_factory=OrderedDict)
    failed: dict[str, NotStartedError] = field(default_factory=dict)
    started: int = 0

    def of(self, site: Site) -> Emulator:
        if site.id in self.failed:
            raise self.failed[site.id]
        if site.id not in self.running:
            self._start(site)
        while len(self.running) > _KEPT:
            self.running.popitem(last=False)[1].stop()
        return self.running[site.id]

    def _start(self, site: Site) -> None:
        self.started += 1
        folder = self.folder / str(self.started)
        folder.mkdir()
        try:
            self.running[site.id] = start(site, folder, self.upstream)
        except NotStartedError as error:
            self.failed[site.id] = error
            raise

    def close(self) -> None:
        for emulator in self.running.values():
            emulator.stop()
