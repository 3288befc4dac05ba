"""Reads a ZIP archive over byte ranges, without doing any input itself: end record, ZIP64, central directory, single entries.

Every reader is a generator: it yields a `Span` it needs and is sent exactly these bytes. Format: APPNOTE 6.3.10 §4.3, §4.5.3.
Names, sizes and offsets are untrusted: all are held against the archive's size and the limits below.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

from ota_proxy import limits

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of the archive that are wanted: `count` from `offset` on, all of them inside it."""

    offset: int
    count: int


Reading = Generator[Span, bytes, T]

TAIL = 1 << 16
"""Bytes at the end that are searched for the end record: it has a comment of up to as many."""
LARGEST_DIRECTORY = limits.DIRECTORY
MOST_ENTRIES = limits.ENTRIES
_SLACK = 256
"""Bytes asked for beyond a local header of the expected length: its extra field may be longer than the directory's."""
_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_END_MARK, _LOCATOR_MARK, _END64_MARK = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_CENTRAL_MARK, _LOCAL_MARK = b"PK\x01\x02", b"PK\x03\x04"
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_ZIP64_TAG = 1
_STORED, _DEFLATED = 0, 8
USUAL = frozenset({_STORED, _DEFLATED})
"""The compression methods that a device undoes."""
_ENCRYPTED, _UTF8 = 0x0001, 0x0800


_METHODS = {
    1: "shrinking",
    6: "imploding",
    9: "Deflate64",
    10: "PKWARE's imploding",
    12: "bzip2",
    14: "LZMA",
    19: "LZ77",
    20: "Zstandard",
    93: "Zstandard",
    94: "MP3",
    95: "XZ",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
    99: "AES encryption",
}
"""Compression methods other than stored and deflated (APPNOTE 6.3.10 §4.4.5)."""


def method_name(method: int) -> str:
    """Return what people call a compression method."""
    known = _METHODS.get(method)
    return f"{known} (method {method})" if known else f"method {method}"


def ends_whole(tail: bytes) -> bool:
    """Say whether an archive's last bytes hold an end record with all of its comment (APPNOTE §4.3.16)."""
    at = tail.find(_END_MARK)
    while at >= 0:
        if at + _END.size <= len(tail) and at + _END.size + int(_END.unpack_from(tail, at)[7]) <= len(tail):
            return True
        at = tail.find(_END_MARK, at + 1)
    return False


class ArchiveProblem(Exception):  # noqa: N818 - a fact about an archive, told to people as it is
    """Why a part of an archive could not be read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the archive as the central directory lists it. `offset` is where its local header stands, sizes are bytes."""

    name: str
    offset: int
    packed: int
    size: int
    method: int
    crc: int
    encrypted: bool

    @property
    def is_folder(self) -> bool:
        """The name is a folder's."""
        return self.name.endswith("/")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the central directory lies, and by how much every offset in it is off."""

    start: int
    size: int
    count: int
    shift: int


def read_directory(size: int) -> Reading[tuple[Entry, ...]]:
    """Read the names of an archive of `size` bytes; ArchiveProblem where it has no directory that can be read.

    Bytes before the first header, which make all offsets too small, are allowed for.
    """
    tail = yield Span(max(0, size - TAIL), min(size, TAIL))
    place = yield from _place(tail, size)
    if place.count > MOST_ENTRIES or place.size > LARGEST_DIRECTORY:
        raise ArchiveProblem(f"its directory has {place.count} entries in {place.size} bytes, more than we read")
    if place.start < 0 or place.start + place.size > size:
        raise ArchiveProblem("its end record points outside of it")
    raw = yield Span(place.start, place.size)
    return tuple(_entries(raw, place))


def _place(tail: bytes, size: int) -> Reading[_Place]:
    at = tail.rfind(_END_MARK)
    if at < 0 or at + _END.size > len(tail):
        raise ArchiveProblem("it has no end record")
    end = size - len(tail) + at
    _, _, _, _, count, length, start, _ = _END.unpack_from(tail, at)
    locator = tail[at - _LOCATOR.size : at] if at >= _LOCATOR.size else b""
    if locator.startswith(_LOCATOR_MARK) and (count == _FULL16 or _FULL32 in (length, start)):
        return (yield from _place64(locator, end))
    return _Place(end - length, length, count, end - length - start)


def _place64(locator: bytes, end: int) -> Reading[_Place]:
    """Find the ZIP64 end record, which stands right before its locator, or where that says."""
    told = int(_LOCATOR.unpack(locator)[2])
    usual = end - _LOCATOR.size - _END64.size
    for at in dict.fromkeys((usual, told)):
        if 0 <= at <= usual:
            raw = yield Span(at, _END64.size)
            if raw.startswith(_END64_MARK):
                *_, count, length, start = _END64.unpack(raw)
                return _Place(at - length, length, count, at - length - start)
    raise ArchiveProblem("its ZIP64 end record is not where it should be")


def _entries(raw: bytes, place: _Place) -> Iterator[Entry]:
    at = 0
    for _ in range(place.count):
        if at + _CENTRAL.size > len(raw) or not raw.startswith(_CENTRAL_MARK, at):
            raise ArchiveProblem("its directory is damaged")
        _, _, _, flags, method, _, _, crc, packed, size, name, extra, comment, _, _, _, offset = _CENTRAL.unpack_from(
            raw, at
        )
        names = at + _CENTRAL.size
        at = names + name + extra + comment
        if at > len(raw):
            raise ArchiveProblem("its directory is cut off")
        size, packed, offset = _wide((size, packed, offset), raw[names + name : names + name + extra])
        text = _text(raw[names : names + name], flags)
        yield Entry(text, offset + place.shift, packed, size, method, crc, bool(flags & _ENCRYPTED))


def _wide(short: tuple[int, int, int], extra: bytes) -> tuple[int, int, int]:
    """Replace each number that says 0xFFFFFFFF by the next one of the ZIP64 field."""
    if _FULL32 not in short:
        return short
    field = _field(extra)
    numbers = [int(number) for (number,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8])]
    size, packed, offset = (numbers.pop(0) if value == _FULL32 and numbers else value for value in short)
    return size, packed, offset


def _field(extra: bytes) -> bytes:
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        if tag == _ZIP64_TAG:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _text(raw: bytes, flags: int) -> str:
    """Many tools write UTF-8 without saying so; what is none is read as code page 437, as the format has it."""
    if flags & _UTF8:
        return raw.decode("utf-8", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def read_entry(entry: Entry, size: int, limit: int) -> Reading[bytes]:
    """Read one file of an archive of `size` bytes, unpacked and with its checksum right.

    ArchiveProblem where that is not to be had, or where it has more than `limit` bytes, packed or unpacked.
    """
    if entry.encrypted or entry.method not in (_STORED, _DEFLATED):
        how = "encrypted" if entry.encrypted else f"compressed with {method_name(entry.method)}"
        raise ArchiveProblem(f"'{entry.name}' is {how}")
    if entry.packed > limit or entry.size > limit:
        raise ArchiveProblem(f"'{entry.name}' is larger than {limit} bytes")
    if entry.offset < 0 or entry.offset + _LOCAL.size + entry.packed > size:
        raise ArchiveProblem(f"the offset of '{entry.name}' points outside of the archive")
    data = _unpacked(entry, (yield from _packed(entry, size)), limit)
    if zlib.crc32(data) != entry.crc:
        raise ArchiveProblem(f"'{entry.name}' is damaged: its checksum differs")
    return data


def _packed(entry: Entry, size: int) -> Reading[bytes]:
    likely = _LOCAL.size + len(entry.name.encode("utf-8", "surrogatepass")) + _SLACK + entry.packed
    raw = yield Span(entry.offset, min(likely, size - entry.offset))
    if not raw.startswith(_LOCAL_MARK) or len(raw) < _LOCAL.size:
        raise ArchiveProblem(f"there is no header where '{entry.name}' should begin")
    name, extra = _LOCAL.unpack_from(raw)[-2:]
    start = _LOCAL.size + name + extra
    end = start + entry.packed
    if entry.offset + end > size:
        raise ArchiveProblem(f"'{entry.name}' reaches beyond the archive's end")
    if end > len(raw):
        raw += yield Span(entry.offset + len(raw), end - len(raw))
    return raw[start:end]


def _unpacked(entry: Entry, raw: bytes, limit: int) -> bytes:
    """Unpack, but no more than the limit: the size that the directory gives may be a lie."""
    if entry.method == _STORED:
        return raw
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(raw, limit + 1)
    except zlib.error:
        raise ArchiveProblem(f"'{entry.name}' is damaged: it cannot be unpacked") from None
    if len(data) > limit:
        raise ArchiveProblem(f"'{entry.name}' unpacks to more than {limit} bytes")
    return data
