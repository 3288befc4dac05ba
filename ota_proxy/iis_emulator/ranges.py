"""Conditional requests and ranges of a file (RFC 9110 §13 and §14), with the bodies that answer them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ota_proxy.iis_emulator.files import Place
from ota_proxy.iis_emulator.message import BLOCK, Payload, Request
from ota_proxy.reading import open_below

MOST_RANGES = 100
"""Ranges of one request that are looked at; more are answered with the whole file."""
_SPEC = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")
Part = tuple[int, int]
"""First byte and the byte behind the last."""


def etag_of(modified_ns: int) -> str:
    """Return IIS's entity tag: the time of the last change (FILETIME, each byte in hexadecimal from the low end), and a change number that is 0."""
    filetime = modified_ns // 100 + 116_444_736_000_000_000
    return '"' + "".join(f"{byte:x}" for byte in filetime.to_bytes(8, "little")) + ':0"'


def failed_precondition(request: Request, etag: str, modified: datetime) -> int:
    """Return 412 or 304 where the request's conditions ask for it, else 0."""
    if request.has("if-match"):
        if not _listed(request.header("if-match"), etag, weak=False):
            return 412
    elif (since := _date(request.header("if-unmodified-since"))) and modified > since:
        return 412
    if request.has("if-none-match"):
        return 304 if _listed(request.header("if-none-match"), etag, weak=True) else 0
    since = _date(request.header("if-modified-since"))
    return 304 if since and modified <= since else 0


def _listed(field: str, etag: str, *, weak: bool) -> bool:
    if field.strip() == "*":
        return True
    tags = re.findall(r'(?:W/)?"[^"]*"', field)
    return bool(etag) and any((tag.removeprefix("W/") if weak else tag) == etag for tag in tags)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (
        found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
    )  # "-0000" makes it a date without zone


def wanted_parts(request: Request, size: int, etag: str, modified: datetime) -> tuple[Part, ...] | None:
    """Return the parts a request asks for; none of them satisfiable: empty; None for the whole file."""
    field = request.header("range")
    if request.method != "GET" or not field.lower().startswith("bytes=") or not _still_same(request, etag, modified):
        return None
    specs = [spec.strip() for spec in field[6:].split(",")]
    if len(specs) > MOST_RANGES:
        return None
    parts = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if not match or not (match[1] or match[2]) or (match[1] and match[2] and int(match[1]) > int(match[2])):
            return None
        first, end = _bounds(match[1], match[2], size)
        if first < end:
            parts.append((first, end))
    return tuple(parts)


def _bounds(first: str, last: str, size: int) -> Part:
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size


def _still_same(request: Request, etag: str, modified: datetime) -> bool:
    """If-Range: the range counts only while the file is the one the client has (RFC 9110 §13.1.5)."""
    if not request.has("if-range"):
        return True
    field = request.header("if-range").strip()
    return field == etag if field.startswith(('"', "W/")) else _date(field) == modified


def of_file(place: Place, parts: Sequence[Part], heads: Sequence[bytes] = (), tail: bytes = b"") -> Payload:
    """Return a body of pieces of a file, each behind its head, read a block at a time."""
    length = sum(end - first for first, end in parts) + sum(map(len, heads)) + len(tail)

    async def chunks() -> AsyncIterator[bytes]:
        with open_below(place.path, place.root) as file:
            for index, (first, end) in enumerate(parts):
                if heads:
                    yield heads[index]
                file.seek(first)
                left = end - first
                while left:
                    block = file.read(min(BLOCK, left))
                    if not block:
                        raise OSError(f"{place.path} has become shorter while it was sent")
                    left -= len(block)
                    yield block
        if tail:
            yield tail

    return Payload(length, chunks)
