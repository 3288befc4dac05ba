"""A square PNG of one colour with a lighter tile inside: enough for a display image, without an image library."""

from __future__ import annotations

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DISPLAY_SIZE = 57
"""Side in pixels of the image shown while installing (Apple's older deployment text)."""
FULL_SIZE = 512
"""Side in pixels of the large image."""
_LARGEST = 1024


def png(side: int, colour: tuple[int, int, int] = (0, 102, 204)) -> bytes:
    """Return a PNG of `side` by `side` pixels, 1 to 1024, opaque RGB (RFC 2083); ValueError outside."""
    if not 1 <= side <= _LARGEST:
        raise ValueError(f"an icon has 1 to {_LARGEST} pixels a side, not {side}")
    rows = b"".join(b"\0" + _row(side, y, colour) for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)  # 8 bits a channel, colour type 2: RGB
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def _row(side: int, y: int, colour: tuple[int, int, int]) -> bytes:
    dark = bytes(colour)
    edge = side // 4
    if not edge <= y < side - edge:
        return dark * side
    light = bytes(min(255, channel + 96) for channel in colour)
    return dark * edge + light * (side - 2 * edge) + dark * edge


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
