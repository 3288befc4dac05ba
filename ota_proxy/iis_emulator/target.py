"""What the kernel's listener (http.sys) does to a URL before IIS sees it: decode once, fold the path, refuse what is broken.

Source: Microsoft KB 820129 (registry settings of http.sys and their defaults).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_SEGMENT = 260
"""UrlSegmentMaxLength, characters."""
MOST_SEGMENTS = 255
"""UrlSegmentMaxCount."""
LARGEST_HEAD = 16 * 1024
"""MaxRequestBytes and MaxFieldLength: request line and headers together."""
_ESCAPE = re.compile(r"%(?:u([0-9A-Fa-f]{4})|([0-9A-Fa-f]{2}))")
_ABSOLUTE = re.compile(r"https?://([^/?]*)", re.IGNORECASE)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(?::\d{0,5})?", re.ASCII)


class BadTargetError(Exception):
    """A request that http.sys answers itself, with 400; the text is the sentence of its page."""


@dataclass(frozen=True, slots=True)
class Target:
    """`path` decoded and folded, `query` as sent, `authority` of an absolute target or empty."""

    path: str
    query: str
    authority: str = ""


def read_target(target: str) -> Target:
    """Read a request target; BadTargetError for one that is refused."""
    authority, rest = "", target
    if match := _ABSOLUTE.match(target):
        authority, rest = match[1], target[match.end() :]
        rest = rest if rest.startswith("/") else "/" + rest
    if not rest.startswith("/"):
        raise BadTargetError("The request URL is invalid.")
    raw, _, query = rest.partition("?")
    return Target(_folded(_decoded(raw)), query, authority)


def check_host(authority: str) -> None:
    """BadTargetError for a Host that is not a host name or address with a port."""
    if not _HOST.fullmatch(authority):
        raise BadTargetError("The request hostname is invalid.")


def _decoded(raw: str) -> str:
    if "%" in _ESCAPE.sub("", raw):
        raise BadTargetError("The request URL is invalid.")
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else f"\udc00{found[2]}", raw)
    text = _bytes_as_text(text)
    if any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F or 0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise BadTargetError("The request URL is invalid.")
    return text


def _bytes_as_text(text: str) -> str:
    """Decode runs of escaped bytes as UTF-8, else in the system's code page (EnableNonUTF8)."""

    def run(found: re.Match[str]) -> str:
        data = bytes.fromhex(found[0].replace("\udc00", ""))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")

    return re.sub("(?:\udc00[0-9A-Fa-f]{2})+", run, text)


def _folded(path: str) -> str:
    segments = path.replace("\\", "/").split("/")[1:]
    if len(segments) > MOST_SEGMENTS or any(len(segment) > LONGEST_SEGMENT for segment in segments):
        raise BadTargetError("The request URL is invalid.")
    out: list[str] = []
    for segment in segments:
        if segment == "..":
            if not out:
                raise BadTargetError("The request URL is invalid.")
            out.pop()
        elif segment != ".":
            out.append(segment)
    if segments[-1] in (".", ".."):
        out.append("")
    return "/" + "/".join(out)
