r"""Reads numbers and times as others write them: one grammar for every header and file, nothing ever raised.

`str.isdigit`, `\d` and `int` take more than ASCII's ten digits (`²`, `٣`, `+5`, ` 5 `, `1_000`), and `int` refuses more than 4,300 of them.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from ota_proxy.limits import DIGITS

_WHOLE: Final = re.compile(r"[0-9]+")
_RANGE: Final = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+|\*)")
_LARGEST: Final = 10**DIGITS - 1
_LONGEST_DATE: Final = 64


def whole(text: str) -> int | None:
    """Return a number of ASCII digits; None for any other text. One of too many digits is as large as we count."""
    if not _WHOLE.fullmatch(text):
        return None
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) <= DIGITS else _LARGEST


def seconds(text: str) -> int | None:
    """Return a time in seconds as Age, Retry-After, max-age and HSTS write it (delta-seconds, RFC 9111 §1.2.2), also in quotes."""
    return whole(text.strip().strip('"').strip())


def port(text: str) -> int | None:
    """Return the number of a port, 0 to 65535; None for any other text."""
    number = whole(text)
    return number if number is not None and number <= 65_535 else None  # 16 bits, RFC 9293 §3.1


def date(text: str) -> datetime | None:
    """Return the time of a Date or Last-Modified (RFC 9110 §5.6.7) with its zone; None for any other text."""
    if len(text) > _LONGEST_DATE or not text.isascii():
        return None
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else None


def content_range(text: str) -> tuple[int, int, int | None] | None:
    """Return first byte, last byte and size (None for `*`) of a Content-Range (RFC 9110 §14.4); None for any other text."""
    match = _RANGE.fullmatch(text.strip())
    first, last, size = (whole(match[1]), whole(match[2]), whole(match[3])) if match else (None, None, None)
    return None if first is None or last is None else (first, last, size)
