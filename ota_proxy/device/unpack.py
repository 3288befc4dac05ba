"""Reads a ZIP archive front to back while it arrives, as the device unpacks it (ZIP: APPNOTE 6.3.10 §4.3.7, §4.3.9, §4.5.3).

Keeps no more than a header in memory; says where the reading ended and why, and never looks at the central directory.
"""

from __future__ import annotations

import struct
import zlib

from ota_proxy.apps.archive import method_name
from ota_proxy.facts.install import Unpacked

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
        """Do one step; False where more bytes are needed."""
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
            return self._stop(f"{first} bytes stand before its first header", cause="ahead")
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
        return self._stop(f"the size of '{self._name}' does not stand behind its data", cause="sizes")


def _zip64_size(extra: bytes) -> int:
    """Return the packed size of the ZIP64 extra field, the second of its numbers in a local header."""
    while len(extra) >= 4:
        tag, size = struct.unpack_from("<HH", extra)
        if tag == 1 and size >= 16 and len(extra) >= 20:
            return int(struct.unpack_from("<Q", extra, 12)[0])
        extra = extra[4 + size :]
    return _ZIP64
