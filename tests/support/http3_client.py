"""An HTTP/3 client for tests (aioquic): one connection, some requests, every header of the answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent

DEADLINE = 30.0  # seconds for everything, so that a dead server ends the test


@dataclass
class Answer3:
    """Status, headers in order, body."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


Wanted = tuple[str, str, str, Sequence[tuple[str, str]]]
"""Method, authority, path and further headers of a request."""


class _Client(QuicConnectionProtocol):
    def __init__(self, *arguments: object, **more: object) -> None:
        super().__init__(*arguments, **more)  # type: ignore[arg-type]
        self.http = H3Connection(self._quic)
        self.answers: dict[int, Answer3] = {}
        self.done: dict[int, asyncio.Future[Answer3]] = {}
        self.bodiless: set[int] = set()

    def ask(self, wanted: Wanted) -> asyncio.Future[Answer3]:
        method, authority, path, more = wanted
        stream = self._quic.get_next_available_stream_id()
        self.answers[stream], self.done[stream] = Answer3(), self._loop.create_future()
        self.bodiless |= {stream} if method == "HEAD" else set()
        pseudo = ((":method", method), (":scheme", "https"), (":authority", authority), (":path", path))
        self.http.send_headers(stream, [(k.encode(), v.encode()) for k, v in (*pseudo, *more)], end_stream=True)
        self.transmit()
        return self.done[stream]

    def quic_event_received(self, event: QuicEvent) -> None:
        for one in self.http.handle_event(event):
            self._take(one)

    def _take(self, event: H3Event) -> None:
        if not isinstance(event, (HeadersReceived, DataReceived)):
            return
        answer = self.answers[event.stream_id]
        if isinstance(event, HeadersReceived):
            pairs = [(name.decode(), value.decode()) for name, value in event.headers]
            answer.status = int(dict(pairs)[":status"])
            answer.headers = [pair for pair in pairs if not pair[0].startswith(":")]
        else:
            answer.body += event.data
        # aioquic ends the connection when a HEAD answer's Content-Length is not followed by as many bytes
        if (event.stream_ended or event.stream_id in self.bodiless) and not self.done[event.stream_id].done():
            self.done[event.stream_id].set_result(answer)


async def _ask(address: str, port: int, sni: str, ca_pem: bytes, wanted: Sequence[Wanted]) -> list[Answer3]:
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name=sni)
    configuration.verify_mode = ssl.CERT_REQUIRED
    configuration.load_verify_locations(cadata=ca_pem)
    async with connect(address, port, configuration=configuration, create_protocol=_Client) as client:
        assert isinstance(client, _Client)
        return await asyncio.gather(*(client.ask(one) for one in wanted))


def ask(address: str, port: int, sni: str, ca_pem: bytes, *wanted: Wanted) -> list[Answer3]:
    """Return the answers to all requests on one verified connection; ConnectionError where there is no handshake.

    HEAD goes alone.
    """
    return asyncio.run(asyncio.wait_for(_ask(address, port, sni, ca_pem, wanted), DEADLINE))
