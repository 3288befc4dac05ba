"""Thousands of targets: spread over processes, each line written when its target is done, nothing kept.

`jobs` targets are under way at once; the exit code is that of the worst. Targets are read in a thread of their own, a bounded number
ahead, and taken fairly by host: neither a slow pipe nor a host with many slow targets keeps the targets of others waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TextIO

from ota_proxy import limits
from ota_proxy.apps.install_link import read_link
from ota_proxy.commands.check import CheckOptions
from ota_proxy.commands.target_workers import Fleet
from ota_proxy.device.walk import SCHEME
from ota_proxy.errors import EXIT_CLEAN, EXIT_FINDINGS, EXIT_NO_VERDICT, OtaError, UsageError
from ota_proxy.facts.install import origin
from ota_proxy.report.json import Line, dumped, worst
from ota_proxy.report.suppress import Judging, unused


@dataclass(frozen=True, slots=True)
class Sink:
    """Where lines go: `write` takes one with its newline, `tell` one for people.

    `progress` is where signs of life go, `terminal` says that people see results where they see progress too.
    """

    write: Callable[[str], None]
    tell: Callable[[str], object]
    progress: TextIO
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
        run = _Run(sink, Meter(sink.progress, _total(file, urls, lines), mixed=sink.terminal))
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


# -- targets that wait -----------------------------------------------------------------------------------------------


class Waiting:
    """A queue of targets for each host and port, and how many of each are under way."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[str]] = {}
        self._busy: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def add(self, target: str) -> None:
        """Put a target at the end of its host's queue."""
        self._queues.setdefault(place(target), deque()).append(target)

    def take(self) -> str:
        """Return the next target of the host with the fewest under way, the one that waited longest first; IndexError when none waits."""
        if not self._queues:
            raise IndexError("no target waits")
        host = min(self._queues, key=lambda name: self._busy[name])
        queue = self._queues.pop(host)
        target = queue.popleft()
        if queue:
            self._queues[host] = queue  # behind the others with as many under way
        self._busy[host] += 1
        return target

    def done(self, target: str) -> None:
        """Give back the place of a target that was taken."""
        host = place(target)
        self._busy[host] -= 1
        if not self._busy[host]:
            del self._busy[host]


def place(target: str) -> str:
    """Return host and port that a target will ask first; empty for what cannot be asked."""
    link = read_link(target, "given").manifest_url if target.lower().startswith(SCHEME) else target
    _, host, port = origin(link)
    return f"{host}:{port}"


AHEAD = 4096
"""Targets that wait at most; among them the next is chosen fairly by host."""


# -- reading targets -------------------------------------------------------------------------------------------------


class Reader:
    """Hands each target to `tell` in the event loop, and None after the last, or what went wrong. A daemon thread: it never outlives the program."""

    def __init__(self, targets: Iterable[str], tell: Callable[[str | Exception | None], None]) -> None:
        self._targets, self._tell = targets, tell
        self._room = threading.Semaphore(AHEAD)

    def start(self) -> None:
        """Begin to read, from inside the event loop that shall hear of it."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), name="targets", daemon=True).start()

    def next(self) -> None:
        """Make room for one more: a target has left the queue."""
        self._room.release()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for target in self._targets:
                self._room.acquire()
                loop.call_soon_threadsafe(self._tell, target)
            loop.call_soon_threadsafe(self._tell, None)
        except RuntimeError:  # the loop is closed: the run was interrupted, nobody wants to hear more
            return
        except (OSError, OtaError) as error:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._tell, error)


_TERMINAL = 0.2
_LINES = 2.0
"""Seconds between two signs of life."""
_BAR = 24


# -- progress --------------------------------------------------------------------------------------------------------


class Meter:
    """Counts targets by their exit code. `total` is None if it is not known; `mixed`: results go to the same terminal."""

    def __init__(self, stream: TextIO, total: int | None, *, mixed: bool) -> None:
        self.stream, self.total = stream, total
        self.terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.mixed = self.terminal and mixed
        self.codes: Counter[int] = Counter()
        self.begun = time.monotonic()
        self.drawn = False

    def count(self, code: int) -> None:
        """Count a target that is done."""
        self.codes[code] += 1

    async def tick(self) -> None:
        """Show progress until cancelled."""
        while True:
            await asyncio.sleep(_TERMINAL if self.terminal else _LINES)
            self._show()

    def clear(self) -> None:
        """Make way for a line of results on the same terminal."""
        if self.mixed and self.drawn:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
            self.drawn = False

    def end(self) -> None:
        """Show the final count, and leave the terminal's line."""
        if self.terminal or time.monotonic() - self.begun >= _LINES:
            self._show()
        if self.terminal and self.drawn:
            self.stream.write("\n")
            self.stream.flush()

    def _show(self) -> None:
        text = self.text()
        self.stream.write(f"\r\x1b[K{text}" if self.terminal else f"{text}\n")
        self.stream.flush()
        self.drawn = True

    def text(self) -> str:
        """Return the state in one line of less than 100 columns."""
        done, seconds = self.codes.total(), time.monotonic() - self.begun
        other = done - sum(self.codes[code] for code in (EXIT_CLEAN, EXIT_FINDINGS, EXIT_NO_VERDICT))
        parts = [
            f"{done} of {self.total} done" if self.total is not None else f"{done} done",
            f"{self.codes[EXIT_FINDINGS]} with findings" if self.codes[EXIT_FINDINGS] else "",
            f"{self.codes[EXIT_NO_VERDICT]} without a verdict" if self.codes[EXIT_NO_VERDICT] else "",
            f"{other} not checked" if other else "",
            f"{done / seconds:.1f}/s" if done and seconds else "",
        ]
        return self._bar(done) + ", ".join(part for part in parts if part)

    def _bar(self, done: int) -> str:
        if not self.terminal or not self.total:
            return ""
        filled = min(_BAR, _BAR * done // self.total)
        return f"[{'#' * filled}{'.' * (_BAR - filled)}] "
