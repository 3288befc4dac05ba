"""The processes that check many targets: one for each processor, started once, fed one target at a time, gone with this one.

A process that dies is a bug of ours: its targets get a line that says so, and another takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from ota_proxy.commands.check import CheckOptions
from ota_proxy.commands.worker import LONGEST, settings
from ota_proxy.errors import EXIT_BUG
from ota_proxy.report.json import Line, failed_line
from ota_proxy.report.suppress import Judging, Standing, highest

Tell = Callable[[str, Line], None]
"""Hears a target, as it was given, and its line."""

_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from ota_proxy.commands.worker import main; main()"
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
