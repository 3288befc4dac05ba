"""Conditional requests and ranges: 304, 206, 416, and `Accept-Ranges`, after nginx's not_modified and range filters."""

from __future__ import annotations

import email.utils
import re
from typing import Final

from ota_proxy.servers.answered import Header
from ota_proxy.servers.nginx.answering.visit import RefusedError, Response, Sent, Visit


def file_tag(response: Response) -> str | None:
    """Return the ETag of a file, None where its time or size is not known."""
    if response.modified is None or response.length is None:
        return None
    return f'"{int(response.modified):x}-{response.length:x}"'


def not_modified(visit: Visit, response: Response, out: Sent) -> None:
    """Make a 304 of an answer that the client has already."""
    since, match = visit.request.header("if-modified-since"), visit.request.header("if-none-match")
    if out.status != 200 or not (since or match):
        return
    if since and not out.modified:
        return
    if match and not _unchanged(visit, response, out, match):
        return
    if since and not match and not visit.world.ask("the file has not been changed since the time of If-Modified-Since"):
        return
    if since and match and not visit.world.ask("the file has not been changed since the time of If-Modified-Since"):
        return
    out.status, out.content_type, out.length, out.has_length, out.ranges = 304, "", None, False, False


def _unchanged(visit: Visit, response: Response, out: Sent, match: str) -> bool:
    if match.strip() == "*":
        return True
    if not out.etag:
        return False
    known = file_tag(response)
    if known is None:
        return visit.world.ask("the file is the one of If-None-Match")
    return known in [one.strip().removeprefix("W/") for one in match.split(",")]


_RANGE: Final = re.compile(r"bytes=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE)


def ranged(visit: Visit, response: Response, out: Sent) -> None:
    """Cut the answer to the range that is asked for; UnsatisfiedError where there is nothing of it."""
    if not out.ranges or out.status != 200 or not out.has_length:
        return
    found = visit.level.find("max_ranges")
    if found and found[-1].args[0] == "0":
        return
    text = visit.request.header("range")
    if not text.lower().startswith("bytes=") or not _if_range(visit, response, out):
        out.fields.append(Header("accept-ranges", "bytes"))
        return
    one = _RANGE.fullmatch(text)
    if one is None or (not one[1] and not one[2]):
        out.status = None
        for name in ("status", "content-type", "content-length", "content-range", "accept-ranges"):
            out.doubt(name, "only one range at a time is worked out")
        return
    if response.length is None:
        if not visit.world.ask("the file is longer than where the range begins"):
            raise _unsatisfied(response, out, None)
        out.status, out.length = 206, None
        out.fields.append(Header("content-range", None))
        out.doubt("content-range", "the size of the file is not known")
        return
    _cut(response, out, one, response.length)


def _cut(response: Response, out: Sent, one: re.Match[str], length: int) -> None:
    if one[1]:
        start, end = int(one[1]), min(int(one[2]) + 1, length) if one[2] else length
    else:
        start, end = max(length - int(one[2]), 0), length
    if start >= length or start >= end:
        if start == 0:
            out.fields.append(Header("accept-ranges", "bytes"))
            return
        raise _unsatisfied(response, out, length)
    out.status, out.length = 206, end - start
    out.fields.append(Header("content-range", f"bytes {start}-{end - 1}/{length}"))


class UnsatisfiedError(RefusedError):
    """416: nginx answers with its own page, and keeps the fields that it had already put together."""

    def __init__(self, kept: list[Header], content_type: str | None) -> None:
        super().__init__(416, None, "the range lies behind the end of the file")
        self.kept, self.content_type = kept, content_type


def _unsatisfied(response: Response, out: Sent, length: int | None) -> UnsatisfiedError:
    value = None if length is None else f"bytes */{length}"
    tag = [Header("etag", file_tag(response))] if out.etag else []
    return UnsatisfiedError([*tag, *out.fields, Header("content-range", value)], response.content_type)


def _if_range(visit: Visit, response: Response, out: Sent) -> bool:
    text = visit.request.header("if-range")
    if not text:
        return True
    if text.endswith('"'):
        known = file_tag(response)
        if not out.etag:
            return False
        return visit.world.ask("the file is the one of If-Range") if known is None else known == text
    if response.modified is None:
        return visit.world.ask("the file has the time of If-Range")
    return email.utils.formatdate(int(response.modified), usegmt=True) == text
