"""Undoes a body's Content-Encoding within a limit, so that a small answer cannot become a large one (zip bomb)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from ota_proxy.facts.install import Response, Visit

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
    """Return the body of a visit's final answer without its encodings; nothing where there is no answer."""
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
