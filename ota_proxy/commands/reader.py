"""Reads targets in a thread of its own, a bounded number ahead: a pipe that is slow or never ends holds up nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable

from ota_proxy.errors import OtaError

AHEAD = 4096
"""Targets that wait at most; among them the next is chosen fairly by host."""


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
