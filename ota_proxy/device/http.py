"""One request as a device makes it, and the `Exchange` that came of it. Never raises for anything a server does.

Headers go out exactly as given, after Host; no cookies, no Referer, no redirects followed, nothing kept between requests. The user agents,
headers and time-outs of a device's parts come from `policy/agents.toml` (observed behaviour).
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import SplitResult, quote, urlsplit

from ota_proxy import limits
from ota_proxy.addresses import bracketed
from ota_proxy.device.http_framing import Ask, Incoming, Watch, speak_http1, speak_http2
from ota_proxy.device.network import NetFault, Network, Peer, Stream, ascii_host, dial, explain
from ota_proxy.device.tls_contexts import device_context, unverified_context
from ota_proxy.facts.install import Exchange, Header, NetError
from ota_proxy.policy.tables import table

Agent = Literal["manifest", "package", "mdm", "browser"]


def user_agent(name: str) -> str:
    """Return the user agent of a row of the table; KeyError for another name."""
    return str(table("agents")["agents"][name]["user_agent"])


def in_app() -> dict[str, str]:
    """Return app → the user agent of the browser inside it, for the apps of the table."""
    view, names = table("agents")["in_app"]["view"], table("agents")["in_app"]["names"]
    return {name: f"{view} {token}" for name, token in names.items()}


def headers(agent: Agent, *, compressed: bool = False, user_agent: str = "") -> tuple[Header, ...]:
    """Return what this part sends with every request, in order; never cookies, never a Referer. `user_agent` replaces its own."""
    who, common = table("agents")["agents"][agent], table("agents")["headers"]
    return (
        ("Accept", who["accept"]),
        ("Accept-Language", common["language"]),
        ("Accept-Encoding", common["compressed" if compressed else "plain"]),
        ("User-Agent", user_agent or who["user_agent"]),
    )


def seconds(step: str) -> float:
    """Return a time-out of the table (`manifest`, `head`, `connect`, …) in seconds; KeyError for another name."""
    return float(table("agents")["timeouts"][step])


KEEP = 1 << 16
_NARROW = 1 << 19
"""Bytes of body up to which a request is not worth a wide receive buffer."""
_HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_TARGET_SAFE = "/%:@!$&'()*+,;=~-._?[]"
"""Characters of a path and query that go out as written (RFC 3986); others are percent-encoded, as systems since iOS 17 do."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask for. Sizes in bytes, times in seconds before the network's scale.

    `authority` replaces the URL's host in Host (the connection and SNI keep the URL's); `server_name` replaces it in SNI too, and then
    nothing is verified; `keep` bytes of body are kept and `read` are read before we stop; `watch` sees every piece of body that passes.
    """

    url: str
    step: str
    agent: Agent
    headers: tuple[Header, ...]
    method: str = "GET"
    body: bytes = b""
    """Goes over HTTP/1.1 only."""
    h2: bool = True
    authority: str = ""
    server_name: str = ""
    total: float = 120
    connect: float = field(default_factory=lambda: seconds("connect"))
    idle: float = field(default_factory=lambda: seconds("idle"))
    keep: int = KEEP
    read: int = KEEP
    watch: Watch | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    scheme: str
    host: str
    port: int
    authority: str
    target: str


def _place(url: str) -> _Place:
    """Take a URL apart; NetFault `protocol` where it cannot be asked."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise NetFault("protocol", f"the URL cannot be read: {error}") from None
    if len(url) > limits.URL:
        raise NetFault("protocol", f"the URL is longer than {limits.URL} characters and was not asked")
    if parts.scheme not in ("http", "https") or not host:
        raise NetFault("protocol", "the URL has no http or https scheme, or no host")
    usual = 443 if parts.scheme == "https" else 80
    name = ascii_host(host)
    shown = bracketed(name)
    authority = shown if port in (None, usual) else f"{shown}:{port}"
    return _Place(parts.scheme, name, usual if port is None else port, authority, _target(parts))


def wire_path(path: str) -> str:
    """Return a URL's path as it goes out."""
    return _quoted(path) or "/"


def _quoted(text: str) -> str:
    """Bytes of an argument that are no UTF-8 go out as they are; half a surrogate pair has no bytes and becomes U+FFFD."""
    return quote(_HALF.sub("\ufffd", text), safe=_TARGET_SAFE, errors="surrogateescape")


def _target(parts: SplitResult) -> str:
    path = wire_path(parts.path)
    return f"{path}?{_quoted(parts.query)}" if parts.query else path


async def fetch(request: Request, network: Network, number: int = 0) -> Exchange:
    """Make the request and return what came of it, as exchange `number`."""
    call = _Call(request, network)
    started = time.monotonic()
    error = await _outcome(call.run, request.total * network.scale, call)
    response = call.incoming.response(error)
    return Exchange(
        id=number,
        step=request.step,
        agent=request.agent,
        method=request.method,
        url=request.url,
        request_headers=call.headers,
        address=call.address,
        elapsed=time.monotonic() - started,
        response=response,
        error=None if response else error,
    )


async def _outcome(run: Callable[[], Any], seconds: float, call: _Call) -> NetError | None:
    """Run the call within its time and return the fault it ended with, if any."""
    try:
        async with asyncio.timeout(seconds) as limit:
            await run()
    except NetFault as fault:
        return fault.error
    except TimeoutError as error:
        if limit.expired():
            what = "the answer was not complete" if call.incoming.head else "there was no answer"
            return NetError("timeout", f"{what} after {seconds:g} s")
        return explain(error, call.name, call.address, established=bool(call.address))
    except OSError as error:
        return explain(error, call.name, call.address, established=bool(call.address))
    return None


class _Call:
    """One request in progress."""

    def __init__(self, request: Request, network: Network) -> None:
        self.request = request
        self.network = network
        self.incoming = Incoming(request.keep, request.read, request.watch)
        self.headers: tuple[Header, ...] = request.headers
        self.address = ""
        self.name = ""

    async def run(self) -> None:
        """Connect, ask, take in the answer, hang up."""
        place = _place(self.request.url)
        self.name = place.host
        stream = await self._connect(place)
        if self.request.read <= _NARROW:
            stream.narrow()
        self.address = stream.address
        polite = False
        try:
            await self._speak(stream, place)
            polite = self.incoming.complete
        finally:
            await stream.close(politely=polite)

    async def _connect(self, place: _Place) -> Stream:
        return await dial(
            Peer(place.host, place.port, self.request.server_name),
            self.network,
            context=self._context(place) if place.scheme == "https" else None,
            connect=self.request.connect * self.network.scale,
            idle=self.request.idle * self.network.scale,
        )

    def _context(self, place: _Place) -> ssl.SSLContext:
        if self.request.server_name:
            return unverified_context(h2=self.request.h2)
        helpers = self.network.helpers.get((place.host, place.port), "")
        return device_context(self.network.ca_pem, h2=self.request.h2 and not self.request.body, helpers=helpers)

    async def _speak(self, stream: Stream, place: _Place) -> None:
        request = self.request
        authority = request.authority or place.authority
        self.headers = (("Host", authority), *request.headers)
        h2 = stream.tls is not None and stream.tls.selected_alpn_protocol() == "h2"
        speak = speak_http2 if h2 else speak_http1
        await speak(stream, Ask(request.method, authority, place.target, request.headers, request.body), self.incoming)
