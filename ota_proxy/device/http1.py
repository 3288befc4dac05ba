"""HTTP/1.x over an open stream, parsed by h11 (RFC 9112): one request, one answer into an `Incoming`. Raises NetFault."""

from __future__ import annotations

from typing import Literal

import h11

from ota_proxy.device.incoming import HEADER_LIMIT, Ask, Incoming
from ota_proxy.device.network import NetFault, Stream
from ota_proxy.facts.install import Header


async def speak(stream: Stream, ask: Ask, incoming: Incoming) -> None:
    """Send the request exactly as given and take in the answer until it is complete or its limit is reached."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADER_LIMIT)
    try:
        length = [(b"Content-Length", str(len(ask.body)).encode("ascii"))] if ask.body else []
        head = [(b"Host", ask.authority.encode("ascii")), *ask.fields, *length]
        request = h11.Request(method=ask.method, target=ask.target, headers=head)
        events = [request, *([h11.Data(ask.body)] if ask.body else []), h11.EndOfMessage()]
        await stream.send(b"".join(connection.send(event) or b"" for event in events))
        while not incoming.done:
            await _step(connection, stream, incoming)
    except h11.RemoteProtocolError as error:
        raise NetFault("protocol", _words(str(error))) from None
    except h11.LocalProtocolError as error:
        raise NetFault("protocol", f"the request cannot be sent: {error}") from None


async def _step(connection: h11.Connection, stream: Stream, incoming: Incoming) -> None:
    event = connection.next_event()
    if event is h11.NEED_DATA:
        await _feed(connection, stream, incoming)
    elif isinstance(event, h11.InformationalResponse):
        incoming.pass_interim()
    elif isinstance(event, h11.Response):
        incoming.begin(
            event.status_code, _headers(event), _version(event.http_version), reason=event.reason.decode("latin-1")
        )
    elif isinstance(event, h11.Data):
        incoming.data(bytes(event.data))
    elif isinstance(event, h11.EndOfMessage):
        incoming.complete = True
    else:
        raise NetFault("reset", "the server closed the connection without an answer")


async def _feed(connection: h11.Connection, stream: Stream, incoming: Incoming) -> None:
    data = await stream.receive()
    if not data and incoming.head is None:
        raise _cut_off(connection.trailing_data[0])
    connection.receive_data(data)


def _cut_off(seen: bytes) -> NetFault:
    """Word a connection that ended before the answer's header did."""
    if not b"HTTP/".startswith(seen[:5]):
        return NetFault("protocol", f"the server does not speak HTTP: it says {seen[:60]!r}")
    how = "in the middle of its answer's header" if seen else "without an answer"
    return NetFault("reset", f"the server closed the connection {how}")


def _headers(event: h11.Response) -> tuple[Header, ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)


def _version(raw: bytes) -> Literal["1.0", "1.1"]:
    if raw not in (b"1.0", b"1.1"):
        raise NetFault("protocol", f"the server answered with HTTP/{raw.decode('latin-1')} on an HTTP/1.1 connection")
    return "1.0" if raw == b"1.0" else "1.1"


def _words(text: str) -> str:
    if "Receive buffer too long" in text:
        return f"the server's header is longer than {HEADER_LIMIT} bytes"
    if "illegal status line" in text:
        return f"the server does not speak HTTP: {text[:120]}"
    return f"the server broke HTTP/1.1: {text[:200]}"
