"""The server's side of HTTP/1.0 and 1.1 over asyncio streams, parsed by h11 (RFC 9112)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import h11

from ota_proxy.iis_emulator.connection import (
    DRAINED,
    HEAD_SECONDS,
    IDLE_SECONDS,
    LARGEST_HEAD,
    Application,
    BadTargetError,
    Peer,
    date_field,
    has_body,
    make_request,
)
from ota_proxy.iis_emulator.message import BLOCK, Request, Response, reason
from ota_proxy.numbers import whole


class Closed(Exception):  # noqa: N818 - not an error: the other side went away
    """The connection is over."""


class Connection:
    """One connection: requests one after the other until either side has enough."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer, application: Application
    ) -> None:
        self.reader, self.writer, self.peer, self.application = reader, writer, peer, application
        self.connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)

    async def serve(self) -> None:
        """Answer until the connection ends."""
        try:
            while await self._one():
                self.connection.start_next_cycle()
        except (Closed, OSError, TimeoutError, h11.ProtocolError):
            return

    async def _one(self) -> bool:
        """Answer one request and say whether another may follow."""
        try:
            event = await self._head()
        except h11.RemoteProtocolError as error:
            await self._refuse(None, None, _sentence(error))
            return False
        method, target = event.method.decode("ascii"), event.target.decode("latin-1")
        try:
            fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items()]
            request = make_request(method, target, fields, event.http_version.decode("ascii"), self.peer)
        except BadTargetError as error:
            await self._refuse(method, target, str(error))
            return False
        request.has_body = _announces_body(request)
        if request.has_body:
            request.body = self._body
        else:
            self.connection.next_event()  # the end of the message, which is there already
        response = await self.application.answer(request)
        if response.aborted:
            raise Closed
        await self._respond(request, response)
        return await self._finished()

    async def _head(self) -> h11.Request:
        first = True
        async with asyncio.timeout(IDLE_SECONDS) as limit:
            while True:
                event = self.connection.next_event()
                if isinstance(event, h11.Request):
                    return event
                if event is not h11.NEED_DATA:
                    raise Closed
                self.connection.receive_data(await self.reader.read(BLOCK))
                if first:
                    limit.reschedule(asyncio.get_running_loop().time() + HEAD_SECONDS)
                    first = False

    async def _body(self) -> AsyncIterator[bytes]:
        if self.connection.they_are_waiting_for_100_continue:
            await self._write(self.connection.send(h11.InformationalResponse(status_code=100, headers=[])))
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def _next(self) -> object:
        while True:
            event = self.connection.next_event()
            if event is not h11.NEED_DATA:
                return event
            self.connection.receive_data(await asyncio.wait_for(self.reader.read(BLOCK), IDLE_SECONDS))

    async def _respond(self, request: Request, response: Response) -> None:
        fields = [*response.fields, date_field()]
        length, bodied = response.payload.length, has_body(request, response)
        if length is not None and response.status not in (204, 304):
            fields.append(("Content-Length", str(length)))
        elif bodied and request.speaks != "1.0":
            fields.append(("Transfer-Encoding", "chunked"))
        if self.connection.their_state is h11.SEND_BODY and _much_to_come(request):
            fields.append(("Connection", "close"))
        head = h11.Response(
            status_code=response.status,
            headers=[(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in fields],
            reason=(response.reason or reason(response.status)).encode("latin-1", "replace"),
        )
        try:
            await self._write(self.connection.send(head))
            if bodied:
                async for block in response.payload.chunks():
                    await self._write(self.connection.send(h11.Data(data=block)))
        finally:
            response.payload.close()
        await self._write(self.connection.send(h11.EndOfMessage()))

    async def _finished(self) -> bool:
        """Take in what is left of the request's body, within limits."""
        seen = 0
        while self.connection.their_state is h11.SEND_BODY and seen < DRAINED:
            event = await self._next()
            if isinstance(event, h11.Data):
                seen += len(event.data)
        return self.connection.our_state is h11.DONE and self.connection.their_state is h11.DONE

    async def _refuse(self, method: str | None, target: str | None, sentence: str) -> None:
        response = self.application.refuse(method, target, sentence)
        page = b"".join([block async for block in response.payload.chunks()])
        fields = [*response.fields, date_field(), ("Connection", "close"), ("Content-Length", str(len(page)))]
        head = f"HTTP/1.1 {response.status} {reason(response.status)}\r\n"
        await self._write((head + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n").encode() + page)

    async def _write(self, data: bytes | None) -> None:
        if data:
            self.writer.write(data)
            await asyncio.wait_for(self.writer.drain(), IDLE_SECONDS)


def _sentence(error: h11.RemoteProtocolError) -> str:
    return "A request header field is too long." if error.error_status_hint == 431 else "The request is badly formed."


def _much_to_come(request: Request) -> bool:
    length = whole(request.header("content-length"))
    return length is None or length > DRAINED


def _announces_body(request: Request) -> bool:
    return request.header("content-length") not in ("", "0") or request.has("transfer-encoding")
