"""The processes that check many targets: one for each processor, started once, fed one target at a time, gone with this one.

`Fleet` is the side of the parent, `main` what a process runs: settings on the first line of its stdin, a numbered target on each further
one, and on its stdout for each its number, its line, and what each suppression did; JSON, one value a line. At the end of its stdin (also
when the parent has died) it ends at once. A process that dies is a bug of ours: its targets get a line that says so, and another takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from ota_proxy import limits
from ota_proxy.commands.check import CheckOptions, check
from ota_proxy.commands.judge import settle
from ota_proxy.device.handshake import TlsMemory
from ota_proxy.errors import EXIT_BUG, OtaError
from ota_proxy.report.json import Line, failed_line, fitted, line_of
from ota_proxy.report.report import TargetReport
from ota_proxy.report.results import project_root
from ota_proxy.report.suppress import Judging, Standing, Suppression, highest

Tell = Callable[[str, Line], None]
"""Hears a target, as it was given, and its line."""

_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from ota_proxy.commands.target_workers import main; main()"
"""Imports from where this process does, and not from the current folder."""


@dataclass(slots=True)
class _Member:
    """One process, the targets it has, and the task that listens to it."""

    process: Process
    targets: dict[int, str] = field(default_factory=dict)
    listening: asyncio.Task[None] | None = None


class Fleet:
    """As many processes as processors, at most one a job. `jobs` is how many targets may be under way at once.

    `standings` is what each suppression did so far.
    """

    def __init__(self, options: CheckOptions, judging: Judging, jobs: int) -> None:
        self.jobs = jobs
        self.standings = [Standing.SILENT] * len(judging.ignored)
        self._first = settings(options, judging)
        self._members: list[_Member] = []
        self._number = 0

    @contextlib.asynccontextmanager
    async def running(self, tell: Tell) -> AsyncIterator[None]:
        """Start the processes and end them; `tell` hears of every target that is done."""
        try:
            for _ in range(min(self.jobs, _processors())):
                self._members.append(await self._member(tell))
            yield
        finally:
            await asyncio.gather(*map(_ended, self._members))

    async def _member(self, tell: Tell) -> _Member:
        """Start a process. It has a session of its own: ^C reaches us alone, and it ends when its stdin does."""
        command = (sys.executable, "-P", "-c", _PROGRAM, *sys.path)
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, limit=LONGEST, start_new_session=True
        )
        member = _Member(process)
        _write(process, self._first)
        member.listening = asyncio.create_task(self._listen(member, tell))
        return member

    def start(self, target: str) -> None:
        """Give a target to the process with the fewest."""
        member = min(self._members, key=lambda one: len(one.targets))
        self._number += 1
        member.targets[self._number] = target
        _write(member.process, json.dumps([self._number, target]).encode() + b"\n")

    async def _listen(self, member: _Member, tell: Tell) -> None:
        """Pass results on; where the process is gone, or says what is no result, another takes its place."""
        try:
            await self._results(member, tell)
        except ValueError:  # a line beyond the limit, or one that is not JSON: nothing it says later can be told apart
            with contextlib.suppress(ProcessLookupError):
                member.process.kill()
        code = await member.process.wait()
        self._members[self._members.index(member)] = await self._member(tell)
        for target in member.targets.values():
            tell(target, failed_line(target, EXIT_BUG, f"bug in ota-proxy: a worker process ended with {code}"))

    async def _results(self, member: _Member, tell: Tell) -> None:
        assert member.process.stdout is not None  # noqa: S101 - it was asked for as a pipe
        while row := await member.process.stdout.readline():
            number, line, standings = json.loads(row)
            self.standings = highest([self.standings, standings])
            tell(member.targets.pop(number), line)


def _processors() -> int:
    """Return how many processors this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _write(process: Process, data: bytes) -> None:
    """Send without waiting: a process has few targets at a time, and one that is gone is found out by who listens."""
    assert process.stdin is not None  # noqa: S101 - it was asked for as a pipe
    process.stdin.write(data)


async def _ended(member: _Member) -> None:
    """End a process by closing its stdin, and wait until it is gone."""
    if member.listening is not None:
        member.listening.cancel()
    if member.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            member.process.kill()
    await member.process.wait()


LONGEST = limits.WIRE
"""Bytes of one line between the processes."""
_WAYS = ("resolve", "also")
"""Fields of the options whose keys JSON cannot have."""


def settings(options: CheckOptions, judging: Judging) -> bytes:
    """Return the first line of a worker's stdin."""
    ways = {name: [[*key, *way] for key, way in getattr(options, name).items()] for name in _WAYS}
    plain = {**asdict(options), **ways}
    return json.dumps({"options": plain, "judging": asdict(judging)}).encode() + b"\n"


def _options(plain: dict[str, Any]) -> CheckOptions:
    ways = {name: {(host, port): (address, way) for host, port, address, way in plain[name]} for name in _WAYS}
    return CheckOptions(**{**plain, **ways})


def _judging(plain: dict[str, Any]) -> Judging:
    return Judging(plain["fail_on"], tuple(Suppression(**row) for row in plain["ignored"]))


class Worker:
    """The targets of one process: all share one event loop and what is known of the hosts' TLS."""

    def __init__(self, options: CheckOptions, judging: Judging) -> None:
        self.options, self.judging = options, judging
        self.root = project_root()
        self.memory = TlsMemory()
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, number: int, target: str) -> None:
        """Begin to check a target; its line is printed when it is done."""
        task = asyncio.create_task(self._one(number, target))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _one(self, number: int, target: str) -> None:
        line, standing = await self.line(target)
        sys.stdout.write(json.dumps([number, fitted(line), standing]) + "\n")
        sys.stdout.flush()

    async def line(self, target: str) -> tuple[Line, list[Standing]]:
        """Check one target; return its line, and what each suppression did.

        Every failure is a line too, so that one target never stops the others.
        """
        begun = time.monotonic()
        try:
            report = await check(target, self.options, tls=self.memory)
            return self._judged(report, time.monotonic() - begun)
        except OtaError as error:
            return self._lost(failed_line(target, error.exit_code, str(error), time.monotonic() - begun))
        except Exception as error:  # noqa: BLE001 - a bug met by one target is said in its line; the others go on
            words = f"bug in ota-proxy: {type(error).__name__}: {error}"
            return self._lost(failed_line(target, EXIT_BUG, words, time.monotonic() - begun))

    def _judged(self, report: TargetReport, seconds: float) -> tuple[Line, list[Standing]]:
        settled = settle([report], self.judging.ignored, self.root)
        return line_of(settled.report.targets[0], self.judging.fail_on, seconds), settled.standings

    def _lost(self, line: Line) -> tuple[Line, list[Standing]]:
        return line, [Standing.SILENT] * len(self.judging.ignored)


async def _serve() -> None:
    reader = asyncio.StreamReader(limit=LONGEST)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    first = json.loads(await reader.readline())
    worker = Worker(_options(first["options"]), _judging(first["judging"]))
    while row := await reader.readline():
        worker.start(*json.loads(row))


def main() -> None:
    """Serve until stdin ends."""
    gc.freeze()  # what was imported stays: the collector need not look at it again with every thousand objects
    asyncio.run(_serve())
