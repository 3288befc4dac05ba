"""Progress of many targets on stderr: one line that is drawn over on a terminal, else a line every two seconds; nothing for short runs."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from typing import TextIO

from ota_proxy.errors import EXIT_CLEAN, EXIT_FINDINGS, EXIT_NO_VERDICT

_TERMINAL = 0.2
_LINES = 2.0
"""Seconds between two signs of life."""
_BAR = 24


class Meter:
    """Counts targets by their exit code. `total` is None where it is not known; `mixed`: results go to the same terminal."""

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
