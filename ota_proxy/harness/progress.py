"""Progress for people: a line a step with the seconds since the start; a request's line waits for its outcome."""

from __future__ import annotations

import time
from collections.abc import Callable

Progress = Callable[[str], None]


class Timed:
    """A Progress that writes through `write`, which gets pieces of text with their newlines and shows them at once."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._start = time.monotonic()
        self._open = ""

    def __call__(self, text: str) -> None:
        """Write a whole line."""
        self.begin(text)
        self.close()

    def begin(self, text: str) -> None:
        """Write a line whose end is not known yet; what takes long is seen while it does."""
        self.close()
        self._write(f"[{time.monotonic() - self._start:5.1f} s] {text}")
        self._open = text

    def end(self, text: str, outcome: str) -> None:
        """Write how a line that was begun ended: behind it, or as a line of its own where others came between."""
        if self._open != text:
            self.begin(text)
        self._write(f": {outcome}")
        self.close()

    def close(self) -> None:
        """End a line that nobody ended."""
        if self._open:
            self._write("\n")
        self._open = ""


class Steps:
    """What a walk tells its steps to: each request's line gets its outcome where the progress can wait for it."""

    def __init__(self, progress: Progress, before: str = "") -> None:
        self._progress, self._before = progress, before

    def __call__(self, step: str, text: str) -> None:
        """Hear of a step before it is made."""
        line = f"{self._before}{step}: {text}"
        if isinstance(self._progress, Timed):
            self._progress.begin(line)
        else:
            self._progress(line)

    def ended(self, step: str, text: str, outcome: str) -> None:
        """Hear how a request ended."""
        if isinstance(self._progress, Timed):
            self._progress.end(f"{self._before}{step}: {text}", outcome)
