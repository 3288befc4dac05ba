"""A process that checks targets for `many`: settings on the first line of stdin, a numbered target on each further one, results on stdout.

A result is the target's number, its line, and what each suppression did.

Everything is JSON, one value a line. At the end of stdin (also when the parent has died) the process ends at once.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from ota_proxy import limits
from ota_proxy.commands.check import CheckOptions, check
from ota_proxy.commands.judge import settle
from ota_proxy.device.handshake import TlsMemory
from ota_proxy.errors import EXIT_BUG, OtaError
from ota_proxy.report.json import Line, failed_line, fitted, line_of
from ota_proxy.report.model import TargetReport
from ota_proxy.report.results import project_root
from ota_proxy.report.suppress import Judging, Standing, Suppression

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
