"""Recomputes a manifest's package hashes while the bytes pass: one over the whole file, or one for each chunk.

Rules of the chunks: Apple's manifesturl.yaml; a single hash stands for the whole file (observed behaviour).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from ota_proxy.facts.app import HashFacts
from ota_proxy.facts.install import Asset


class ChunkHasher:
    """Feed it the package in order, from its first byte on; `seen()` gives the hashes when all of it came."""

    def __init__(self, name: Literal["md5", "sha256"], chunk: int, wanted: tuple[str, ...]) -> None:
        self._name: Literal["md5", "sha256"] = name
        self._chunk = chunk
        self._wanted = wanted
        self._found: list[str] = []
        self._hash = hashlib.new(name, usedforsecurity=False)
        self._room = chunk

    def feed(self, piece: bytes) -> None:
        """Take the next bytes; those beyond one chunk more than the manifest has are not looked at."""
        rest = memoryview(piece)
        while rest and len(self._found) <= len(self._wanted):
            count = min(self._room, len(rest)) if self._chunk else len(rest)
            self._hash.update(rest[:count])
            rest = rest[count:]
            self._room -= count
            if self._chunk and not self._room:
                self._turn()

    def _turn(self) -> None:
        self._found.append(self._hash.hexdigest())
        self._hash = hashlib.new(self._name, usedforsecurity=False)
        self._room = self._chunk

    def seen(self) -> HashFacts:
        """Return the hashes of everything that was fed, the last chunk as long as it is."""
        begun = not self._chunk or self._room < self._chunk
        last = [self._hash.hexdigest()] if begun and len(self._found) <= len(self._wanted) else []
        return HashFacts(self._name, self._chunk, self._wanted, (*self._found, *last))


def hasher_for(assets: Iterable[Asset]) -> ChunkHasher | None:
    """Return a hasher for the first asset whose hashes a device checks; None where there is none.

    Several hashes without a chunk size are ignored by the device (observed behaviour).
    """
    for asset in assets:
        several = len(asset.hashes) > 1
        chunk = (asset.chunk_size or 0) if several else 0
        if asset.hashes and chunk >= (1 if several else 0):
            return ChunkHasher("md5" if asset.hash_name == "md5" else "sha256", chunk, asset.hashes)
    return None
