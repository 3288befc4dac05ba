"""What stays of a package while its plain GET passes by: a temporary copy of a small one, and the hashes of any.

The copy is in memory up to 4 MiB, beyond that in a file without a name; it is gone when the package's visits are over.
"""

from __future__ import annotations

import tempfile
from types import TracebackType
from typing import Self

from ota_proxy import limits
from ota_proxy.apps.hashes import ChunkHasher
from ota_proxy.facts.app import HashFacts
from ota_proxy.facts.install import Response

_IN_MEMORY = 4 << 20
LARGEST = limits.COPIED
"""Bytes of a package that is copied; of a larger one the app is read by ranges."""


class Copy:
    """Use it as a context manager; `watch` is for the plain GET."""

    def __init__(self, hasher: ChunkHasher | None) -> None:
        self._hasher = hasher
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - `__exit__` closes it
        self._held = True
        self.size = 0
        """Bytes that passed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def watch(self, head: Response, piece: bytes) -> None:
        """Take the next piece of an answer; redirects and errors are none of the package."""
        if head.status != 200:
            return
        self.size += len(piece)
        if self._hasher:
            self._hasher.feed(piece)
        if self._held:
            self._write(piece)

    def _write(self, piece: bytes) -> None:
        """Keep a piece; give the copy up where it becomes too large, or there is no room for it."""
        try:
            if self.size <= LARGEST:
                self._file.write(piece)
                return
            self._file.truncate(0)
        except OSError:
            pass
        self._held = False

    def holds(self, response: Response | None) -> bool:
        """Say whether the copy is the package: all of this answer, as it is, without an encoding."""
        return self._held and bool(self.size) and self._passed(response)

    def hashes(self, response: Response | None) -> HashFacts | None:
        """Return the hashes, where the manifest has some and all of this answer came, without an encoding."""
        return self._hasher.seen() if self._hasher and self._passed(response) else None

    def _passed(self, response: Response | None) -> bool:
        if response is None or response.status != 200 or not response.complete:
            return False
        return response.received == self.size and response.header("content-encoding") in (None, "identity")

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes of the package."""
        self._file.seek(offset)
        return self._file.read(count)
