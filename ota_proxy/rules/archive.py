"""OTA412, OTA413: whether the archive can be unpacked while it arrives, from what was kept of it (ZIP: APPNOTE 6.3.10 §4.3.7, §4.3.16).

Only the first bytes are at hand (64 KiB); what lies behind them is "no verdict", never "passed".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from ota_proxy.device.facts import PackageFacts, Response
from ota_proxy.rules.evidence import bytes_shown, file_name, proof
from ota_proxy.rules.model import Facts, Finding, NoVerdict
from ota_proxy.rules.predicates import END_RECORD, ZIP, delivered, end_bytes, is_encoded
from ota_proxy.rules.registry import checks

_HEADER = struct.Struct("<4s5H3I2H")
_END = struct.Struct("<4s4H2IH")
_CENTRAL = b"PK\x01\x02"
_DESCRIPTOR = b"PK\x07\x08"
_ENCRYPTED, _TRAILING = 0x0001, 0x0008
_STORED, _DEFLATED = 0, 8
_ZIP64 = 0xFFFFFFFF
_SIGNATURES = (ZIP, _CENTRAL, END_RECORD, b"PK\x06\x08", b"PK\x06\x06")


@dataclass(frozen=True, slots=True)
class _Stop:
    """Where a front-to-back reading ended: at the central directory (`whole`), at the end of what was kept, or at a problem."""

    offset: int
    whole: bool = False
    problem: str = ""


@checks("OTA412")
def package_not_streamable(facts: Facts) -> Iterator[Finding]:
    """iOS unpacks while the bytes arrive and cannot look ahead to the central directory (reported by several users)."""
    unseen = ""
    for package in delivered(facts):
        response = package.get.response
        if response is None or is_encoded(response):
            unseen = unseen or "the package was sent encoded"
            continue
        stop = _read(response.body)
        problem = stop.problem or _disks(package)
        if problem:
            shown = f"at byte {stop.offset}: {bytes_shown(response.body[stop.offset :])}"
            message = f"{file_name(package.url)} cannot be unpacked while it arrives: {problem}"
            yield Finding(package.url, message, f"{proof(package.get.last)}\n{shown}")
        elif not stop.whole:
            unseen = unseen or f"only the first {stop.offset} bytes of {file_name(package.url)} were looked at"
    if unseen:
        raise NoVerdict(unseen)


def _read(body: bytes) -> _Stop:
    """Read local entries front to back."""
    first = body.find(ZIP)
    if first > 0 and not body.startswith(_SIGNATURES):
        return _Stop(0, problem=f"{first} bytes stand before its first header")
    offset = 0
    while body[offset : offset + 4] == ZIP and offset + _HEADER.size <= len(body):
        step = _entry(body, offset)
        if step.problem or step.offset >= len(body):
            return _Stop(step.offset if not step.problem else offset, problem=step.problem)
        if offset and step.offset <= offset:
            return _Stop(offset)
        offset = step.offset
    head = body[offset : offset + 4]
    if len(head) < 4 or head == ZIP:
        return _Stop(offset)
    if head in _SIGNATURES:
        return _Stop(offset, whole=True)
    return _Stop(offset, problem="the size in a local header does not lead to the next entry")


def _entry(body: bytes, offset: int) -> _Stop:
    """Return where the entry at `offset` ends, or what is wrong with it."""
    _, _, flags, method, _, _, _, packed, _, name_length, extra_length = _HEADER.unpack_from(body, offset)
    data = offset + _HEADER.size + name_length + extra_length
    name = body[offset + _HEADER.size :][:name_length].decode("utf-8", "replace")
    if flags & _ENCRYPTED:
        return _Stop(offset, problem=f"'{name}' is encrypted")
    if flags & _TRAILING and method == _STORED:
        return _Stop(offset, problem=f"'{name}' is stored with its size behind the data (bit 3)")
    if packed == _ZIP64:
        packed = _zip64_size(body[data - extra_length : data])
    if flags & _TRAILING and method == _DEFLATED:
        return _inflate(body, data, name)
    return _Stop(data + packed)


def _zip64_size(extra: bytes) -> int:
    """The packed size of the ZIP64 extra field (§4.5.3), the second of its numbers in a local header."""
    while len(extra) >= 4:
        tag, size = struct.unpack_from("<HH", extra)
        if tag == 1 and size >= 16 and len(extra) >= 20:
            return int(struct.unpack_from("<Q", extra, 12)[0])
        extra = extra[4 + size :]
    return _ZIP64


def _inflate(body: bytes, data: int, name: str) -> _Stop:
    """Find the end of a deflated entry whose size stands in a trailing descriptor (§4.3.9)."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    rest = body[data:]
    try:
        while rest and not inflater.eof:
            inflater.decompress(rest, 1 << 20)
            rest = inflater.unconsumed_tail
    except zlib.error:
        return _Stop(data, problem=f"'{name}' is damaged")
    if not inflater.eof:
        return _Stop(len(body))
    end = len(body) - len(inflater.unused_data)
    end += 4 if body[end : end + 4] == _DESCRIPTOR else 0
    return _Stop(next((end + size for size in (12, 20) if body[end + size :][:4] in _SIGNATURES), len(body)))


def _disks(package: PackageFacts) -> str:
    tail = end_bytes(package)
    at = tail.rfind(END_RECORD)
    if at < 0 or at + _END.size > len(tail):
        return ""
    _, disk, central_disk, *_ = _END.unpack_from(tail, at)
    return "it is one part of a multi-disk archive" if disk or central_disk else ""


@checks("OTA413")
def package_truncated(facts: Facts) -> Iterator[Finding]:
    """Fewer bytes than declared, or no end of central directory record."""
    unseen = ""
    for package in delivered(facts):
        response = package.get.response
        if response is None or is_encoded(response):
            unseen = unseen or "the package was sent encoded"
            continue
        short = _short(response)
        tail = end_bytes(package)
        if short:
            evidence = f"{proof(package.get.last, 'content-length')}\nreceived: {response.received} bytes"
            yield Finding(package.url, f"{file_name(package.url)} ends early: {short}", evidence)
        elif tail and END_RECORD not in tail:
            evidence = f"{proof(package.tail.last, 'content-range')}\nlast bytes: {bytes_shown(tail[-16:])}"
            yield Finding(package.url, f"{file_name(package.url)} has no end record: it was cut off", evidence)
        elif response.truncated:
            unseen = unseen or f"only {response.received} bytes of {file_name(package.url)} were read"
        elif not tail:
            unseen = unseen or f"the end of {file_name(package.url)} was not seen"
    if unseen:
        raise NoVerdict(unseen)


def _short(response: Response) -> str:
    if response.truncated or (response.complete and response.received == (response.length or response.received)):
        return ""
    why = f" ({response.broken.message})" if response.broken else ""
    return f"{response.received} of {response.length if response.length is not None else 'an unknown number of'} bytes came{why}"
