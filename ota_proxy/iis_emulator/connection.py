"""What both versions of HTTP share on a connection, as the kernel's listener (http.sys) has it before IIS sees a request.

The URL is decoded once and its path folded, what is broken is refused; limits; the application behind it; answers the listener gives itself.
Source: Microsoft KB 820129 (registry settings of http.sys and their defaults).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate

from ota_proxy.iis_emulator.message import Address, Header, Request, Response, of_bytes, reason

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


IDLE_SECONDS = 120.0
"""How long a connection may say nothing, or take nothing (webLimits/connectionTimeout)."""
HEAD_SECONDS = 30.0
"""How long the head of a request may take to arrive."""
DRAINED = 256 * 1024
"""Bytes of an unread request body that are still taken in, so that a client can read the answer."""

Answer = Callable[[Request], Awaitable[Response]]
Refuse = Callable[[str | None, str | None, str], Response]
"""Notes and makes the answer to what never becomes a request: method, target and why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The two ends of a connection."""

    remote: Address
    local: Address
    secure: bool
    has_certificate: bool = False


@dataclass(frozen=True, slots=True)
class Application:
    """What answers requests."""

    answer: Answer
    refuse: Refuse


def make_request(method: str, target: str, fields: list[Header], speaks: str, peer: Peer) -> Request:
    """Put a request together; BadTargetError for a URL or host that http.sys refuses."""
    if len(target) + sum(len(name) + len(value) + 4 for name, value in fields) > LARGEST_HEAD:
        raise BadTargetError("The size of the request headers is too long.")
    seen = read_target(target)
    hosts = [value.strip() for name, value in fields if name.lower() == "host"]
    authority = seen.authority or (hosts[0] if hosts else "")
    if len(hosts) > 1 or (speaks != "1.0" and not hosts):
        raise BadTargetError("The request hostname is invalid.")
    if authority:
        check_host(authority)
    request = Request(
        method=method,
        target=target,
        path=seen.path,
        query=seen.query,
        fields=fields,
        secure=peer.secure,
        speaks=speaks,
        remote=peer.remote,
        local=peer.local,
        has_certificate=peer.has_certificate,
    )
    if seen.authority:
        request.set_header("Host", seen.authority)
    return request


def listener_answer(sentence: str, status: int = 400) -> Response:
    """Return an answer of http.sys itself."""
    page = (
        f"<HTML><HEAD><TITLE>{reason(status)}</TITLE></HEAD><BODY><h2>{reason(status)}</h2><hr>"
        f"<p>HTTP Error {status}. {sentence}</p></BODY></HTML>"
    )
    fields = [("Content-Type", "text/html; charset=us-ascii"), ("Server", "Microsoft-HTTPAPI/2.0")]
    return Response(status, fields, of_bytes(page.encode()))


def date_field() -> Header:
    """Return the Date of this moment."""
    return ("Date", formatdate(usegmt=True))


def has_body(request: Request, response: Response) -> bool:
    """Say whether a body goes out with this answer."""
    return request.method != "HEAD" and response.status not in (204, 304) and response.status >= 200
