"""What becomes of a body: its Content-Encoding undone, a package unpacked while it arrives, a copy and the hashes kept. All within limits.

A small answer cannot become a large one (zip bomb). The ZIP is read front to back, as the device does (APPNOTE 6.3.10 §4.3.7, §4.3.9,
§4.5.3), without its central directory; no more than a header is kept, and where the reading ended and why is said. The copy of a small
package is in memory up to 4 MiB, beyond that in a file without a name; it is gone when the package's visits are over.
"""

from __future__ import annotations

import struct
import tempfile
import zlib
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ota_proxy import limits
from ota_proxy.apps.archive import method_name
from ota_proxy.apps.manifest import ChunkHasher
from ota_proxy.facts.app import HashFacts
from ota_proxy.facts.install import Response, Unpacked, Visit

LIMIT = 1 << 22
_ENCODINGS_LIMIT = 2
"""Nested encodings that we undo; real servers use one."""
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_OTHERS = {"br": "brotli", "zstd": "zstd"}
"""What URL sessions of current systems undo by themselves (RFC 7932, RFC 8878)."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The plain bytes as far as they could be had, and why there are no more."""

    data: bytes
    error: str = ""
    bomb: bool = False
    """The body unpacks to more than the limit."""
    unknown: str = ""
    """The encoding that a device undoes and we do not; the error is about it."""


def plain_body(visit: Visit) -> Decoded:
    """Return the body of a visit's final answer without its encodings; nothing if there is no answer."""
    return decode(visit.response) if visit.response else Decoded(b"")


def decode(response: Response, limit: int = LIMIT) -> Decoded:
    """Return the kept body without its Content-Encoding (gzip, deflate), at most `limit` bytes (RFC 9110 §8.4.1)."""
    names = [name.strip().lower() for value in response.headers_all("content-encoding") for name in value.split(",")]
    wrapped = [name for name in names if name and name != "identity"]
    if len(wrapped) > _ENCODINGS_LIMIT:
        return Decoded(b"", f"the body is encoded {len(wrapped)} times")
    data = response.body
    for name in reversed(wrapped):
        step = _undo(name, data, limit)
        if step.error:
            return step
        data = step.data
    return Decoded(data)


def is_cut(response: Response) -> bool:
    """Say whether a body that gzip or zlib compressed ends before the compression does."""
    names = ",".join(response.headers_all("content-encoding")).lower().split(",")
    window = _WINDOWS.get(names[0].strip()) if len(names) == 1 else None
    if window is None or response.truncated:
        return False
    inflate = zlib.decompressobj(window)
    try:
        return len(inflate.decompress(response.body, LIMIT)) < LIMIT and not inflate.eof
    except zlib.error:
        return False


def _undo(name: str, data: bytes, limit: int) -> Decoded:
    if name in _OTHERS:
        return Decoded(
            b"", f"the body is compressed with {_OTHERS[name]}, which was not decoded", unknown=_OTHERS[name]
        )
    if name not in _WINDOWS:
        return Decoded(b"", f"the encoding {name!r} cannot be undone here")
    plain = _inflate(data, _WINDOWS[name], limit)
    if plain is None and name == "deflate":
        plain = _inflate(data, -zlib.MAX_WBITS, limit)  # some servers leave out the zlib wrapper
    if plain is None:
        return Decoded(b"", f"the body is not what its Content-Encoding {name!r} says")
    if len(plain) > limit:
        return Decoded(plain[:limit], f"the body of {len(data)} bytes unpacks to more than {limit} bytes", bomb=True)
    return Decoded(plain)


def _inflate(data: bytes, window: int, limit: int) -> bytes | None:
    try:
        return zlib.decompressobj(window).decompress(data, limit + 1)
    except zlib.error:
        return None


LOCAL = b"PK\x03\x04"
_SIGNATURES = (LOCAL, b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x08", b"PK\x06\x06")
"""Local header, central directory, end record, archive extra data, ZIP64 end record."""
_DESCRIPTOR = b"PK\x07\x08"
_HEADER = struct.Struct("<4s5H3I2H")
_ENCRYPTED, _TRAILING = 0x0001, 0x0008
_STORED, _DEFLATED, _AES = 0, 8, 99
_ZIP64 = 0xFFFFFFFF
_SEARCHED = 1 << 16
"""How far a first header is looked for behind something else."""
_STEP = 1 << 20
_INFLATED = 1 << 30
"""Bytes after which inflating is given up: only an archive made to exhaust us has more in entries of unknown size."""


class Unpacker:
    """Feed it the archive in order; `seen()` says how far it came."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._skip = 0
        self._inflater: zlib._Decompress | None = None
        self._inflated = 0
        self._descriptor = False
        self._name = ""
        self._stopped = False
        self._whole = False
        self._problem = self._cause = ""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes; ignored once the central directory or a problem was met."""
        if self._stopped:
            return
        self._buffer += piece
        while not self._stopped and self._advance():
            pass

    def seen(self) -> Unpacked:
        """Return how far the reading came: to the central directory (`whole`), to a problem, or to the last byte fed."""
        return Unpacked(self._offset, self._whole, self._problem, bytes(self._buffer[:16]), self._cause)

    def _advance(self) -> bool:
        """Do one step; False if more bytes are needed."""
        if self._skip:
            return self._drop(min(self._skip, len(self._buffer)), skipped=True)
        if self._inflater is not None:
            return self._inflate(self._inflater)
        if self._descriptor:
            return self._pass_descriptor()
        return self._header()

    def _drop(self, count: int, *, skipped: bool = False) -> bool:
        del self._buffer[:count]
        self._offset += count
        self._skip -= count if skipped else 0
        return bool(count)

    def _stop(self, problem: str = "", *, whole: bool = False, cause: str = "") -> bool:
        self._stopped, self._problem, self._whole, self._cause = True, problem, whole, cause
        return False

    def _header(self) -> bool:
        head = bytes(self._buffer[:4])
        if len(head) < 4:
            return False
        if head == LOCAL:
            return self._entry()
        if head in _SIGNATURES:
            return self._stop(whole=True)
        if self._offset:
            return self._stop("the size in a local header does not lead to the next entry", cause="sizes")
        first = self._buffer.find(LOCAL)
        if first > 0:
            return self._stop(f"{first} bytes precede its first header", cause="ahead")
        return len(self._buffer) > _SEARCHED and self._stop()

    def _entry(self) -> bool:
        if len(self._buffer) < _HEADER.size:
            return False
        _, _, flags, method, _, _, _, packed, _, name_length, extra_length = _HEADER.unpack_from(self._buffer)
        data = _HEADER.size + name_length + extra_length
        if len(self._buffer) < data:
            return False
        self._name = self._buffer[_HEADER.size :][:name_length].decode("utf-8", "replace")
        if flags & _ENCRYPTED or method == _AES:
            return self._stop(f"'{self._name}' is encrypted", cause="encrypted")
        if method not in {_STORED, _DEFLATED}:
            return self._stop(f"'{self._name}' is compressed with {method_name(method)}", cause="method")
        trailing = bool(flags & _TRAILING)
        if trailing and method == _STORED:
            return self._stop(f"'{self._name}' is stored with its size behind the data (bit 3)", cause="sizes")
        if packed == _ZIP64:
            packed = _zip64_size(bytes(self._buffer[data - extra_length : data]))
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if trailing else None
        self._drop(data)
        self._skip = 0 if trailing else packed
        return True

    def _inflate(self, inflater: zlib._Decompress) -> bool:
        """Find the end of an entry whose size stands behind it."""
        if not self._buffer:
            return False
        given = bytes(self._buffer)
        try:
            self._inflated += len(inflater.decompress(given, _STEP))
        except zlib.error:
            return self._stop(f"'{self._name}' is damaged", cause="damaged")
        if self._inflated > _INFLATED:
            return self._stop()
        rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        self._drop(len(given) - len(rest))
        if inflater.eof:
            self._inflater, self._descriptor = None, True
        return True

    def _pass_descriptor(self) -> bool:
        """Pass the CRC and the sizes, of four or eight bytes each, with or without a signature."""
        start = 4 if self._buffer.startswith(_DESCRIPTOR) else 0
        if len(self._buffer) < start + 24:
            return False
        for end in (start + 12, start + 20):
            if bytes(self._buffer[end : end + 4]) in _SIGNATURES:
                self._descriptor = False
                return self._drop(end)
        return self._stop(f"the size of '{self._name}' is not where it should be, after its data", cause="sizes")


def _zip64_size(extra: bytes) -> int:
    """Return the packed size of the ZIP64 extra field, the second of its numbers in a local header."""
    while len(extra) >= 4:
        tag, size = struct.unpack_from("<HH", extra)
        if tag == 1 and size >= 16 and len(extra) >= 20:
            return int(struct.unpack_from("<Q", extra, 12)[0])
        extra = extra[4 + size :]
    return _ZIP64


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
