"""Application Request Routing as a proxy: what an upstream is told, and what becomes of its answer.

Source: the attributes and defaults of the proxy section (iis-docs and ARR's schema); 502.3 from Microsoft's list of status codes. What ARR
keeps in memory for a minute is not played: each request is passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import h11

from ota_proxy.iis_emulator.message import BLOCK, Header, Payload, Request, Response, error
from ota_proxy.numbers import whole

HOP_BY_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    )
)
"""Fields that belong to one connection (RFC 9110 §7.6.1)."""
LARGEST_HEAD = 64 * 1024
_CONNECT = 21.0
"""Seconds to connect: what Windows takes for three attempts."""


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The attributes of the proxy section."""

    enabled: bool = False
    preserve_host: bool = False
    reverse_hosts: bool = True
    forwarded_for: str = "X-Forwarded-For"
    forwarded_port: bool = True
    ssl_header: str = "X-ARR-SSL"
    announce: bool = True
    server_header: Literal["Replace", "Remove", "PassThrough"] = "Replace"
    timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class Upstreams:
    """How to reach applications: whom to trust, and the addresses of names that are played here."""

    trust: ssl.SSLContext
    addresses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passed:
    """The answer, and the header fields the upstream got (names in lower case)."""

    response: Response
    headers: dict[str, str]


async def pass_on(request: Request, url: str, settings: ProxySettings, upstreams: Upstreams) -> Passed:
    """Ask the upstream at `url`; 502.3 where it does not answer properly."""
    parts = urlsplit(url)
    fields = forwarded(request, parts.netloc, settings)
    told: dict[str, str] = {}
    for name, value in fields:
        told[name.lower()] = f"{told[name.lower()]}, {value}" if name.lower() in told else value
    try:
        reader, writer = await asyncio.wait_for(_connect(parts, upstreams), _CONNECT)
    except (OSError, ValueError, TimeoutError):  # refused, no such name, a certificate that is not trusted
        return Passed(error(502, 3), told)
    call = _Call(reader, writer, settings.timeout)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        response = await call.ask(request, target, fields)
    except (OSError, h11.ProtocolError, TimeoutError, UnicodeError, asyncio.IncompleteReadError):
        call.close()
        return Passed(error(502, 3), told)
    _received(response, request, parts.netloc, settings)
    return Passed(response, told)


async def _connect(parts: SplitResult, upstreams: Upstreams) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, secure = parts.hostname or "", parts.scheme == "https"
    return await asyncio.open_connection(
        upstreams.addresses.get(host, host),
        parts.port or (443 if secure else 80),
        ssl=upstreams.trust if secure else None,
        server_hostname=host if secure else None,
    )


def forwarded(request: Request, authority: str, settings: ProxySettings) -> list[Header]:
    """Return the header fields that the upstream gets."""
    named = {name.strip().lower() for name in request.header("connection").split(",")}
    dropped = HOP_BY_HOP | named | {"host", "content-length", settings.forwarded_for.lower()}
    host = request.header("host") if settings.preserve_host else authority
    fields = [("Host", host)]
    fields += [(name, value) for name, value in request.fields if name.lower() not in dropped]
    if request.has_body:
        length = request.header("content-length")
        fields.append(("Content-Length", length) if length else ("Transfer-Encoding", "chunked"))
    fields += _about(request, settings)
    return [*fields, ("Connection", "close")]


def _about(request: Request, settings: ProxySettings) -> list[Header]:
    """Return what ARR says about the client: its address behind those that are known already, and whether it came over TLS."""
    fields = []
    if settings.forwarded_for:
        address, port = request.remote
        own = f"[{address}]" if ":" in address and settings.forwarded_port else address
        own = f"{own}:{port}" if settings.forwarded_port else own
        known = request.header(settings.forwarded_for)
        fields.append((settings.forwarded_for, f"{known}, {own}" if known else own))
    if settings.ssl_header and request.secure:
        fields.append((settings.ssl_header, "256|256|CN=ota-proxy test|CN=ota-proxy test"))
    return fields


def _received(response: Response, request: Request, authority: str, settings: ProxySettings) -> None:
    response.fields = [(name, value) for name, value in response.fields if name.lower() not in HOP_BY_HOP]
    if settings.server_header != "PassThrough":
        response.remove_header("Server")
    if settings.reverse_hosts:
        _reversed(response, request, authority)
    if settings.announce:
        response.add_header("X-Powered-By", "ARR/3.0")


def _reversed(response: Response, request: Request, authority: str) -> None:
    """Write the client's host where the answer's Location names the upstream's."""
    place = urlsplit(response.header("location"))
    if place.netloc.lower() == authority.lower() and place.netloc:
        response.set_header("Location", place._replace(netloc=request.header("host")).geturl())


class _Call:
    """One request to an upstream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeout: float) -> None:
        self.reader, self.writer, self.timeout = reader, writer, timeout
        self.connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)

    async def ask(self, request: Request, target: str, fields: list[Header]) -> Response:
        """Send the request with its body and return the head of the answer with its body to come."""
        head = h11.Request(
            method=request.method, target=target, headers=[(n.encode("ascii"), v.encode("latin-1")) for n, v in fields]
        )
        await self._send(self.connection.send(head))
        async for block in request.body():
            await self._send(self.connection.send(h11.Data(data=block)))
        await self._send(self.connection.send(h11.EndOfMessage()))
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return self._response(event, request)
            if not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("the upstream closed the connection without an answer")

    def _response(self, event: h11.Response, request: Request) -> Response:
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items()]
        length = next((value for name, value in pairs if name.lower() == "content-length"), "")
        fields = [(name, value) for name, value in pairs if name.lower() != "content-length"]
        bodiless = request.method == "HEAD" or event.status_code in (204, 304)
        known = whole(length)
        if bodiless:
            self.close()
        return Response(
            event.status_code,
            fields,
            Payload(known, self._body, self.close),
            reason=event.reason.decode("latin-1"),
            upstream=True,
        )

    async def _send(self, data: bytes | None) -> None:
        if not data:
            return
        self.writer.write(data)
        with contextlib.suppress(
            ConnectionError
        ):  # it may have answered already and be gone: the answer is still to be read
            await asyncio.wait_for(self.writer.drain(), self.timeout)

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self.connection.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]  # h11's own sentinel type
            self.connection.receive_data(await asyncio.wait_for(self.reader.read(BLOCK), self.timeout))

    async def _body(self) -> AsyncIterator[bytes]:
        try:
            while isinstance(event := await self._event(), h11.Data):
                yield bytes(event.data)
        except h11.RemoteProtocolError as error:
            raise ConnectionError(f"the application broke off: {error}") from None
        finally:
            self.close()

    def close(self) -> None:
        """End the connection at once: what is wanted of it has been read, and a goodbye over TLS could take half a minute."""
        self.writer.transport.abort()
