"""The server's side of HTTP/2 over asyncio streams, framed by h2 (RFC 9113): streams side by side, each with its limits."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from ota_proxy.iis_emulator.connection import (
    IDLE_SECONDS,
    LARGEST_HEAD,
    Application,
    BadTargetError,
    Peer,
    date_field,
    has_body,
    make_request,
)
from ota_proxy.iis_emulator.message import BLOCK, Header, Request, Response

MOST_STREAMS = 100
MOST_RESETS = 500
"""Streams that one client may open and reset at once before the connection ends (CVE-2023-44487)."""
_NEVER = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})


@dataclass(slots=True)
class _Stream:
    """One request in the making."""

    blocks: asyncio.Queue[tuple[bytes, int] | None] = field(default_factory=asyncio.Queue)
    has_body: bool = False
    task: asyncio.Task[None] | None = None


class Connection:
    """One HTTP/2 connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer, application: Application
    ) -> None:
        self.reader, self.writer, self.peer, self.application = reader, writer, peer, application
        config = h2.config.H2Configuration(client_side=False, header_encoding="latin-1")
        self.connection = h2.connection.H2Connection(config)
        self.streams: dict[int, _Stream] = {}
        self.window = asyncio.Event()
        self.resets = 0

    async def serve(self) -> None:
        """Answer until the connection ends."""
        codes = h2.settings.SettingCodes
        wanted = {codes.MAX_CONCURRENT_STREAMS: MOST_STREAMS, codes.MAX_HEADER_LIST_SIZE: LARGEST_HEAD}
        self.connection.local_settings = h2.settings.Settings(client=False, initial_values=wanted)
        self.connection.initiate_connection()
        try:
            await self._flush()
            while await self._listen():
                await self._flush()
        except (OSError, TimeoutError, h2.exceptions.H2Error):
            pass
        finally:
            await self._end()

    async def _end(self) -> None:
        tasks = [stream.task for stream in self.streams.values() if stream.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> bool:
        data = await asyncio.wait_for(self.reader.read(BLOCK), IDLE_SECONDS)
        if not data:
            return False
        try:
            events = self.connection.receive_data(data)
        except h2.exceptions.ProtocolError:
            await self._flush()  # h2 has put a GOAWAY with the reason there
            return False
        goes_on = True
        for event in events:
            goes_on &= self._take(event)
        return goes_on

    def _take(self, event: h2.events.Event) -> bool:
        if isinstance(event, h2.events.RequestReceived):
            self._begin(event)
        elif isinstance(event, h2.events.DataReceived):
            self._data(event)
        elif isinstance(event, h2.events.StreamEnded):
            if stream := self.streams.get(event.stream_id or 0):
                stream.blocks.put_nowait(None)
        elif isinstance(event, h2.events.StreamReset):
            self.resets += 1
            if (stream := self.streams.pop(event.stream_id or 0, None)) and stream.task:
                stream.task.cancel()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            self.window.set()
        return not isinstance(event, h2.events.ConnectionTerminated) and self.resets <= MOST_RESETS

    def _begin(self, event: h2.events.RequestReceived) -> None:
        number = event.stream_id or 0
        stream = self.streams[number] = _Stream(has_body=event.stream_ended is None)
        pairs = [(str(name), str(value)) for name, value in event.headers or []]
        stream.task = asyncio.get_running_loop().create_task(self._answer(number, stream, pairs))

    def _data(self, event: h2.events.DataReceived) -> None:
        number, size = event.stream_id or 0, event.flow_controlled_length or 0
        if stream := self.streams.get(number):
            stream.blocks.put_nowait((event.data or b"", size))
        elif size:
            self.connection.acknowledge_received_data(size, number)

    async def _answer(self, number: int, stream: _Stream, pairs: list[Header]) -> None:
        try:
            await self._respond(number, stream, pairs)
        except (OSError, TimeoutError, h2.exceptions.H2Error):
            self._reset(number)
        except Exception:  # noqa: BLE001 - the last fence of a stream: it ends, the terminal says why
            traceback.print_exc(file=sys.stderr)
            self._reset(number)
        finally:
            self._forget(number, stream)
            await self._flush_quietly()

    def _forget(self, number: int, stream: _Stream) -> None:
        """Give the room back that an unread body has taken of the connection's window."""
        self.streams.pop(number, None)
        while not stream.blocks.empty():
            block = stream.blocks.get_nowait()
            if block and block[1]:
                with contextlib.suppress(h2.exceptions.H2Error):
                    self.connection.acknowledge_received_data(block[1], number)

    async def _respond(self, number: int, stream: _Stream, pairs: list[Header]) -> None:
        pseudo = {name: value for name, value in pairs if name.startswith(":")}
        fields = [("host", pseudo[":authority"])] if ":authority" in pseudo else []
        fields += [
            (name, value) for name, value in pairs if not name.startswith(":") and not (fields and name == "host")
        ]
        method, target = pseudo.get(":method", ""), pseudo.get(":path", "")
        request: Request | None = None
        try:
            request = make_request(method, target, _cookies_joined(fields), "2", self.peer)
        except BadTargetError as error:
            response = self.application.refuse(method, target, str(error))
        else:
            request.has_body = stream.has_body
            if stream.has_body:
                request.body = lambda: self._body(number, stream)
            response = await self.application.answer(request)
        if response.aborted:
            self._reset(number)
            return
        await self._send(number, method, request, response)

    async def _body(self, number: int, stream: _Stream) -> AsyncIterator[bytes]:
        while (block := await asyncio.wait_for(stream.blocks.get(), IDLE_SECONDS)) is not None:
            data, size = block
            if size:
                self.connection.acknowledge_received_data(size, number)
                await self._flush()
            yield data

    async def _send(self, number: int, method: str, request: Request | None, response: Response) -> None:
        fields = [(":status", str(response.status))]
        fields += [
            (name.lower(), value) for name, value in (*response.fields, date_field()) if name.lower() not in _NEVER
        ]
        length = response.payload.length
        if length is not None and response.status not in (204, 304):
            fields.append(("content-length", str(length)))
        bodied = has_body(request, response) if request else method != "HEAD"
        empty = not bodied or length == 0
        try:
            self.connection.send_headers(number, fields, end_stream=empty)
            await self._flush()
            if not empty:
                async for block in response.payload.chunks():
                    await self._send_block(number, block)
                self.connection.end_stream(number)
                await self._flush()
        finally:
            response.payload.close()

    async def _send_block(self, number: int, block: bytes) -> None:
        while block:
            room = min(self.connection.local_flow_control_window(number), self.connection.max_outbound_frame_size)
            if room <= 0:
                self.window.clear()
                await asyncio.wait_for(self.window.wait(), IDLE_SECONDS)
                continue
            self.connection.send_data(number, block[:room])
            block = block[room:]
            await self._flush()

    def _reset(self, number: int) -> None:
        try:
            self.connection.reset_stream(number, h2.errors.ErrorCodes.INTERNAL_ERROR)
        except h2.exceptions.H2Error:
            return

    async def _flush(self) -> None:
        if data := self.connection.data_to_send():
            self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), IDLE_SECONDS)

    async def _flush_quietly(self) -> None:
        try:
            await self._flush()
        except (OSError, TimeoutError):
            return


def _cookies_joined(fields: list[Header]) -> list[Header]:
    """Return the fields with their Cookie crumbs in one field (RFC 9113 §8.2.3)."""
    crumbs = [value for name, value in fields if name == "cookie"]
    rest = [(name, value) for name, value in fields if name != "cookie"]
    return [*rest, ("cookie", "; ".join(crumbs))] if crumbs else rest
