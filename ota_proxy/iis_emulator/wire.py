"""What both versions of HTTP share on a connection: limits, the application behind it, and answers the listener gives itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate

from ota_proxy.iis_emulator.message import Address, Header, Request, Response, of_bytes
from ota_proxy.iis_emulator.reasons import reason
from ota_proxy.iis_emulator.target import LARGEST_HEAD, BadTargetError, check_host, read_target

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
