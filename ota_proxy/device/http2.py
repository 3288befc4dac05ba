"""HTTP/2 over an open stream, parsed by h2 (RFC 9113): one request, one answer into an `Incoming`. Raises NetFault.

Header fields that HTTP/2 forbids are let through and listed in `Response.illegal`; a device may break off over them.
"""

from __future__ import annotations

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from ota_proxy import limits
from ota_proxy.device.incoming import HEADER_LIMIT, Ask, Incoming
from ota_proxy.device.network import NetFault, Stream
from ota_proxy.facts.install import Header

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


async def speak(stream: Stream, ask: Ask, incoming: Incoming) -> None:
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
            raise NetFault("protocol", f"the server sent an HTTP/2 frame of {size} bytes, or does not speak HTTP/2")
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
