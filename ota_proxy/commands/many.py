"""Thousands of targets: spread over processes, each line written when its target is done, nothing kept.

`jobs` targets are under way at once; the exit code is that of the worst.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

from ota_proxy import limits
from ota_proxy.commands.check import CheckOptions
from ota_proxy.commands.fleet import Fleet
from ota_proxy.commands.meter import Meter
from ota_proxy.commands.reader import Reader
from ota_proxy.commands.waiting import Waiting
from ota_proxy.errors import EXIT_CLEAN, UsageError
from ota_proxy.report.json import Line, dumped, worst
from ota_proxy.report.suppress import Judging, unused


@dataclass(frozen=True, slots=True)
class Sink:
    """Where lines go: `write` takes one with its newline, `tell` one for people.

    `terminal` says that people see results where they see progress too.
    """

    write: Callable[[str], None]
    tell: Callable[[str], object]
    terminal: bool = False


def check_many(  # noqa: PLR0913, PLR0917 - one argument for each flag of the command line
    file: str, urls: Sequence[str], options: CheckOptions, jobs: int, judging: Judging, sink: Sink
) -> int:
    """Check the URLs and those of `file` (`-` is stdin), write a line for each, and return the worst exit code.

    A suppression that matched nothing in any of them is told at the end.
    UsageError for a file that cannot be read or holds no target; what `sink.write` raises ends the run.
    """
    with _source(file) as opened:
        lines = Rows(opened)
        run = _Run(sink, Meter(sys.stderr, _total(file, urls, lines), mixed=sink.terminal))
        fleet = Fleet(options, judging, jobs)
        asyncio.run(run.all(chain(urls, targets_of(lines)), fleet))
    if not run.count:
        raise UsageError("it has no targets", place=f"--targets {file}", hint="write one URL a line")
    for sentence in unused(judging.ignored, fleet.standings):
        sink.tell(f"note: {sentence}\n")
    return run.code


def targets_of(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield the target of each line; blank lines, and `#` at the start or after a blank with what follows, are left out."""
    for raw in lines:
        text = raw.decode("utf-8", "replace").removeprefix("\ufeff").strip()
        target = text.partition(" #")[0].partition("\t#")[0].strip()
        if target and not target.startswith("#"):
            yield target


class Rows:
    """The lines of a file, each of bounded length: what is beyond `limits.TARGET` of one is passed over, and a line without an end ends the run."""

    def __init__(self, opened: IO[bytes]) -> None:
        self.file = opened

    def __iter__(self) -> Iterator[bytes]:
        while row := self.file.readline(limits.TARGET):
            yield row
            if len(row) == limits.TARGET and not row.endswith(b"\n"):
                self._pass_over()

    def _pass_over(self) -> None:
        for _ in range(limits.CONFIG_FILE // limits.TARGET):
            rest = self.file.readline(limits.TARGET)
            if not rest or rest.endswith(b"\n"):
                return
        raise UsageError(
            f"a line has more than {limits.CONFIG_FILE} bytes", place="--targets", hint="write one URL a line"
        )


def _total(file: str, urls: Sequence[str], lines: Rows) -> int | None:
    """Count the targets, where that does not use them up."""
    try:
        known = file != "-" and stat.S_ISREG(os.fstat(lines.file.fileno()).st_mode)
    except OSError:
        known = False
    if not known:
        return None
    total = len(urls) + sum(1 for _ in targets_of(lines))
    lines.file.seek(0)
    return total


@contextlib.contextmanager
def _source(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with contextlib.ExitStack() as stack:
        try:
            opened = stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise UsageError(f"the targets cannot be read: {error.strerror}", place=f"--targets {file}") from None
        yield opened


class _Run:
    """One run: everything that happens comes through one queue of events, so that nothing has to be locked."""

    def __init__(self, sink: Sink, meter: Meter) -> None:
        self.sink, self.meter, self.waiting = sink, meter, Waiting()
        self.code, self.count, self.busy, self.ended = EXIT_CLEAN, 0, 0, False

    async def all(self, targets: Iterable[str], fleet: Fleet) -> None:
        """Check every target; returns when the last line is written."""
        events: asyncio.Queue[str | tuple[str, Line] | Exception | None] = asyncio.Queue()
        reader = Reader(targets, events.put_nowait)
        ticking = asyncio.create_task(self.meter.tick())
        try:
            async with fleet.running(lambda target, line: events.put_nowait((target, line))):
                reader.start()
                while not self.ended or self.busy or len(self.waiting):
                    self._happened(await events.get())
                    while self.busy < fleet.jobs and len(self.waiting):
                        reader.next()
                        fleet.start(self.waiting.take())
                        self.busy += 1
        finally:
            ticking.cancel()
            self.meter.end()

    def _happened(self, event: str | tuple[str, Line] | Exception | None) -> None:
        """Take in a target that was read, the end of all targets (None), what ended them instead, or a target's line."""
        if event is None:
            self.ended = True
        elif isinstance(event, Exception):
            raise event
        elif isinstance(event, str):
            self.waiting.add(event)
        else:
            target, line = event
            self.waiting.done(target)
            self.busy -= 1
            self._written(line)

    def _written(self, line: Line) -> None:
        self.count += 1
        self.code = worst(self.code, line["exit"])
        self.meter.clear()
        self.sink.write(dumped(line) + "\n")
        self.meter.count(line["exit"])
