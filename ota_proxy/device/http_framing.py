"""HTTP/1.x (h11, RFC 9112) and HTTP/2 (h2, RFC 9113) over an open stream: one request, one answer into an `Incoming`. Raises NetFault.

An answer is collected within bounds, so that an endless body costs neither memory nor more than its limit of traffic. Header fields that
HTTP/2 forbids are let through and listed in `Response.illegal`; a device may break off over them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import h11

from ota_proxy import limits
from ota_proxy.device.network import NetFault, Stream
from ota_proxy.facts.install import Header, NetError, Response

Watch = Callable[[Response, int, bytes], None]
"""Called with the head of the answer, the offset and the bytes of each piece of body, kept or not."""

HEADER_LIMIT, INTERIM_LIMIT = limits.HEADER, limits.INTERIM


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it goes over the wire: `target` is path and query, `headers` come after Host or the pseudo fields."""

    method: str
    authority: str
    target: str
    headers: tuple[Header, ...]
    body: bytes = b""

    @property
    def fields(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers as bytes: what a server sent (an ETag) goes back byte for byte."""
        return tuple((name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in self.headers)


@dataclass(slots=True)
class Incoming:
    """An answer in the making. Keeps `keep` bytes of body and stops when more than `read` came; `head` is None until the header is complete."""

    keep: int
    read: int
    watch: Watch | None = None
    head: Response | None = None
    body: bytearray = field(default_factory=bytearray)
    received: int = 0
    complete: bool = False
    truncated: bool = False
    interim: int = 0

    def begin(
        self,
        status: int,
        headers: tuple[Header, ...],
        version: Literal["1.0", "1.1", "2"],
        *,
        reason: str = "",
        illegal: tuple[str, ...] = (),
    ) -> None:
        """Take the head of the final answer."""
        self.head = Response(status, headers, version, reason=reason, illegal=illegal)

    def data(self, piece: bytes) -> None:
        """Take a piece of body; sets `truncated` when the limit is reached."""
        if self.watch and self.head:
            self.watch(self.head, self.received, piece)
        self.body += piece[: max(0, self.keep - len(self.body))]
        self.received += len(piece)
        self.truncated = self.received > self.read

    def pass_interim(self) -> None:
        """Count an interim answer (1xx); NetFault `protocol` when there are too many."""
        self.interim += 1
        if self.interim > INTERIM_LIMIT:
            raise NetFault("protocol", f"the server sent more than {INTERIM_LIMIT} interim answers")

    @property
    def done(self) -> bool:
        """Nothing more is to be read."""
        return self.complete or self.truncated

    def response(self, broken: NetError | None) -> Response | None:
        """Return the answer as far as it came, or None before its head was complete."""
        if self.head is None:
            return None
        return Response(
            status=self.head.status,
            headers=self.head.headers,
            http_version=self.head.http_version,
            body=bytes(self.body),
            received=self.received,
            complete=self.complete,
            truncated=self.truncated and not self.complete,
            reason=self.head.reason,
            illegal=self.head.illegal,
            broken=broken,
        )


async def speak_http1(stream: Stream, ask: Ask, incoming: Incoming) -> None:
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
        return NetFault("protocol", f"the server does not speak_http1 HTTP: it says {seen[:60]!r}")
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
        return f"the server does not speak_http1 HTTP: {text[:120]}"
    return f"the server broke HTTP/1.1: {text[:200]}"


_USUAL_WINDOW, _LARGEST_WINDOW = (1 << 16) - 1, 1 << 20
"""What every connection begins with (RFC 9113 §6.9.2), and the room for a large body."""
_FRAME_HEAD = 9  # RFC 9113 §4.1
_FRAME_LIMIT = limits.FRAME
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"})
"""Connection-specific fields, RFC 9113 §8.2.2."""


def forbidden(headers: tuple[Header, ...]) -> tuple[str, ...]:
    """Return the fields (`name: value`, as sent) that RFC 9113 §8.2 forbids: hop-by-hop ones, upper case, spaces around."""
    return tuple(f"{name}: {value}" for name, value in headers if _forbidden(name, value))


def _forbidden(name: str, value: str) -> bool:
    known = name.lower() in _HOP_BY_HOP
    return known or name != name.lower() or not name or any(c in name + value for c in "\r\n\0") or " " in name


async def speak_http2(stream: Stream, ask: Ask, incoming: Incoming) -> None:
    """Send the request exactly as given (names in lower case) and take in the answer until complete or at its limit."""
    conversation = _Conversation(stream, incoming)
    named = {":method": ask.method, ":scheme": "https", ":authority": ask.authority, ":path": ask.target}
    pseudo = ((name.encode("ascii"), value.encode("ascii")) for name, value in named.items())
    try:
        await conversation.ask([*pseudo, *((name.lower(), value) for name, value in ask.fields)])
        while not incoming.done:
            await conversation.listen()
    except h2.exceptions.H2Error as error:
        raise NetFault("protocol", f"the server broke HTTP/2: {type(error).__name__}: {str(error)[:200]}") from None


class _Conversation:
    """One connection with the one stream we open on it."""

    def __init__(self, stream: Stream, incoming: Incoming) -> None:
        config = h2.config.H2Configuration(
            client_side=True, header_encoding=None, validate_inbound_headers=False, normalize_inbound_headers=False
        )
        self.connection = h2.connection.H2Connection(config)
        self.stream = stream
        self.incoming = incoming
        self.buffer = bytearray()

    async def ask(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Open the connection without push and with room for as much body as is read, and send the request."""
        window = min(max(self.incoming.read + 1, _USUAL_WINDOW), _LARGEST_WINDOW)
        codes = h2.settings.SettingCodes
        wanted = {codes.ENABLE_PUSH: 0, codes.INITIAL_WINDOW_SIZE: window, codes.MAX_HEADER_LIST_SIZE: HEADER_LIMIT}
        self.connection.local_settings = h2.settings.Settings(client=True, initial_values=wanted)
        self.connection.initiate_connection()
        if window > _USUAL_WINDOW:
            self.connection.increment_flow_control_window(window - _USUAL_WINDOW)
        self.connection.send_headers(1, headers, end_stream=True)
        await self.stream.send(self.connection.data_to_send())

    async def listen(self) -> None:
        """Take in what arrives, frame by frame, so that a broken frame does not hide the good ones before it."""
        data = await self.stream.receive()
        if not data:
            raise NetFault("reset", "the server closed the HTTP/2 connection in the middle of its answer")
        self.buffer += data
        while (frame := self._frame()) and not self.incoming.done:
            for event in self.connection.receive_data(frame):
                self._take(event)
        answer = self.connection.data_to_send()
        if answer and not self.incoming.done:
            await self.stream.send(answer)

    def _frame(self) -> bytes:
        """Cut the next whole frame off the buffer; empty while it is not whole."""
        size = _FRAME_HEAD + int.from_bytes(self.buffer[:3], "big") if len(self.buffer) >= _FRAME_HEAD else 0
        if size > _FRAME_LIMIT:
            raise NetFault(
                "protocol", f"the server sent an HTTP/2 frame of {size} bytes, or does not speak_http2 HTTP/2"
            )
        if not size or len(self.buffer) < size:
            return b""
        frame = bytes(self.buffer[:size])
        del self.buffer[:size]
        return frame

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            _begin(self.incoming, _decode(event.headers))
        elif isinstance(event, h2.events.InformationalResponseReceived):
            self.incoming.pass_interim()
        elif isinstance(event, h2.events.DataReceived):
            self._data(event)
        elif isinstance(event, h2.events.StreamEnded):
            self.incoming.complete = True
        elif isinstance(event, h2.events.StreamReset):
            raise _ended("reset the HTTP/2 stream", event.error_code)
        elif isinstance(event, h2.events.ConnectionTerminated) and (event.error_code or not event.last_stream_id):
            raise _ended("ended the HTTP/2 connection", event.error_code)

    def _data(self, event: h2.events.DataReceived) -> None:
        self.incoming.data(event.data or b"")
        if event.flow_controlled_length and not self.incoming.done:
            self.connection.acknowledge_received_data(event.flow_controlled_length, 1)


def _decode(headers: object) -> tuple[Header, ...]:
    pairs = headers if isinstance(headers, list) else []
    return tuple((_text(pair[0]), _text(pair[1])) for pair in pairs)


def _text(raw: bytes | str) -> str:
    return raw if isinstance(raw, str) else raw.decode("latin-1")


def _begin(incoming: Incoming, headers: tuple[Header, ...]) -> None:
    status = next((value for name, value in headers if name == ":status"), "")
    if not (status.isdigit() and status.isascii() and len(status) == 3):
        raise NetFault("protocol", f"the server sent {status!r} as an HTTP/2 status")
    fields = tuple((name, value) for name, value in headers if not name.startswith(":"))
    lowered = tuple((name.lower(), value) for name, value in fields)
    incoming.begin(int(status), lowered, "2", illegal=forbidden(fields))


HTTP_1_1_REQUIRED = h2.errors.ErrorCodes.HTTP_1_1_REQUIRED.name
"""The error of a server that wants the request over HTTP/1.1 (RFC 9113 §7)."""


def _ended(how: str, number: object) -> NetFault:
    code = _code(number)
    return NetFault("protocol", f"the server {how}: {code}", code=code.partition(" ")[0])


def _code(number: object) -> str:
    value = int(number) if isinstance(number, int) else 0
    try:
        return f"{h2.errors.ErrorCodes(value).name} ({value:#x})"
    except ValueError:
        return f"error {value:#x}"
