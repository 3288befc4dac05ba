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
    """Make a 304 of an answer that the client has already; AnsweredAnewError (412) where it is not the one that the client means."""
    if out.status != 200:
        return
    _as_meant(visit, response, out)
    since, match = visit.request.has("if-modified-since"), visit.request.has("if-none-match")
    if not (since or match):
        return
    if since and _newer(visit, response, out):
        return
    if match and not _unchanged(visit, response, out, visit.request.header("if-none-match")):
        return
    out.status, out.content_type, out.length, out.has_length, out.ranges = 304, "", None, False, False


def _as_meant(visit: Visit, response: Response, out: Sent) -> None:
    """Hold the answer against If-Unmodified-Since and If-Match."""
    if visit.request.has("if-unmodified-since"):
        text = visit.request.header("if-unmodified-since")
        time = _time(text)
        if not out.modified:
            same = False
        elif time is None or response.modified is None:
            same = visit.world.ask("the file has not been changed since the time of If-Unmodified-Since")
        else:
            same = time >= int(response.modified)
        if not same:
            raise AnsweredAnewError(412, "the file is newer than If-Unmodified-Since")
    if visit.request.has("if-match") and not _unchanged(
        visit, response, out, visit.request.header("if-match"), strong=True
    ):
        raise AnsweredAnewError(412, "the file is not the one of If-Match")


def _newer(visit: Visit, response: Response, out: Sent) -> bool:
    """Say whether the answer is newer than If-Modified-Since, as `if_modified_since` compares them (exact, before, off)."""
    compared = visit.level.value("if_modified_since", "exact")
    if not out.modified or compared == "off":
        return True
    time = _time(visit.request.header("if-modified-since"))
    if time is None or response.modified is None:
        return not visit.world.ask("the file has not been changed since the time of If-Modified-Since")
    return time < int(response.modified) if compared == "before" else time != int(response.modified)


def _time(text: str) -> int | None:
    """Return the seconds of a time as HTTP writes it today, None for any other form."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return int(email.utils.parsedate_to_datetime(text).timestamp())
    except (ValueError, OverflowError):
        return None


def _unchanged(visit: Visit, response: Response, out: Sent, match: str, *, strong: bool = False) -> bool:
    if match.strip() == "*":
        return True
    if not out.etag:
        return False
    known = file_tag(response)
    if known is None:
        return visit.world.ask(f"the file is the one of {'If-Match' if strong else 'If-None-Match'}")
    return known in [one.strip() if strong else one.strip().removeprefix("W/") for one in match.split(",")]


_DATE: Final = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT"
)
_RANGE: Final = re.compile(r" *(?:(\d+) *- *(\d*)|-(\d+)) *", re.ASCII)
_LARGEST: Final = 2**63 - 1
"""NGX_MAX_OFF_T_VALUE."""


def ranged(visit: Visit, response: Response, out: Sent) -> None:
    """Cut the answer to the range that is asked for; AnsweredAnewError (416) where there is nothing of it."""
    if not out.ranges or out.status != 200 or not out.has_length:
        return
    found = visit.level.find("max_ranges")
    most = int(found[-1].args[0]) if found and found[-1].args[0].isdigit() else _LARGEST
    if most == 0:
        return
    text = visit.request.header("range")
    if not text.lower().startswith("bytes=") or len(text) == len("bytes=") or not _if_range(visit, response, out):
        out.fields.append(Header("accept-ranges", "bytes"))
        return
    _cut(visit, response, out, (text[len("bytes=") :], most))


def _cut(visit: Visit, response: Response, out: Sent, asked: tuple[str, int]) -> None:
    """Work the ranges out as `ngx_http_range_parse` does, which takes them one after the other."""
    text, most = asked
    cuts: list[tuple[int, int]] = []
    for part in text.split(","):
        one = _RANGE.fullmatch(part)
        if one is None or any(int(number or 0) > _LARGEST for number in one.groups()):
            raise _unsatisfied(response, out, response.length)
        if response.length is None:
            _of_unknown_length(visit, response, out, several="," in text)
            return
        start, end = _bounds(one, response.length)
        if start < end and len(cuts) < most:
            cuts.append((start, end))
        elif start < end or start == 0:
            out.fields.append(Header("accept-ranges", "bytes"))
            return
    length = response.length or 0
    if not cuts:
        raise _unsatisfied(response, out, length)
    if sum(end - start for start, end in cuts) > length:
        out.fields.append(Header("accept-ranges", "bytes"))
        return
    out.status = 206
    if len(cuts) > 1:
        _in_parts(out)
        return
    (start, end), *_ = cuts
    out.length = end - start
    out.fields.append(Header("content-range", f"bytes {start}-{end - 1}/{length}"))


def _bounds(one: re.Match[str], length: int) -> tuple[int, int]:
    if one[3]:
        return max(length - int(one[3]), 0), length
    return int(one[1]), min(int(one[2]) + 1, length) if one[2] else length


def _in_parts(out: Sent) -> None:
    out.content_type, out.length = None, None
    out.doubt("content-type", "the ranges are sent in parts, with a boundary that nginx counts up")
    out.doubt("content-length", "the ranges are sent in parts")


def _of_unknown_length(visit: Visit, response: Response, out: Sent, *, several: bool) -> None:
    if several:
        out.status, out.content_type = None, None
        for name in ("status", "content-type", "content-length", "content-range", "accept-ranges"):
            out.doubt(name, "which ranges are sent depends on the size of the file")
        return
    if not visit.world.ask("the file is longer than where the range begins"):
        raise _unsatisfied(response, out, None)
    out.status, out.length = 206, None
    out.fields.append(Header("content-range", None))
    out.doubt("content-range", "the size of the file is not known")


class AnsweredAnewError(RefusedError):
    """A header filter of nginx answers with a status of its own instead; `kept` are the fields that it had already put together."""

    def __init__(self, status: int, why: str, kept: tuple[Header, ...] = (), content_type: str | None = None) -> None:
        super().__init__(status, None, why)
        self.kept, self.content_type = kept, content_type


def _unsatisfied(response: Response, out: Sent, length: int | None) -> AnsweredAnewError:
    value = None if length is None else f"bytes */{length}"
    tag = [Header("etag", file_tag(response))] if out.etag else []
    return AnsweredAnewError(
        416,
        "the range lies behind the end of the file",
        (*tag, *out.fields, Header("content-range", value)),
        response.content_type,
    )


def _if_range(visit: Visit, response: Response, out: Sent) -> bool:
    if not visit.request.has("if-range"):
        return True
    text = visit.request.header("if-range")
    if text.endswith('"'):
        known = file_tag(response)
        if not out.etag:
            return False
        return visit.world.ask("the file is the one of If-Range") if known is None else known == text
    if response.modified is None:
        return visit.world.ask("the file has the time of If-Range")
    return email.utils.formatdate(int(response.modified), usegmt=True) == text
