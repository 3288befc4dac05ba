"""Listens on loopback for one or more sites, with TLS by name, and ends cleanly."""

from __future__ import annotations

import asyncio
import ssl
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from ota_proxy.iis_emulator import http1, http2
from ota_proxy.iis_emulator.message import Address
from ota_proxy.iis_emulator.wire import Application, Peer

MOST_CONNECTIONS = 512
_BUFFER = 256 * 1024
_CLOSING_SECONDS = 2.0
_HANDSHAKE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Listen:
    """One port to listen on (0: a free one); `context` for TLS."""

    port: int
    application: Application
    context: ssl.SSLContext | None = None
    host: str = "127.0.0.1"


class Server:
    """The listeners of a run."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, wanted: Listen) -> int:
        """Open a port and return its number; OSError where it is taken."""
        server = await asyncio.start_server(
            self._handler(wanted),
            wanted.host,
            wanted.port,
            ssl=wanted.context,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if wanted.context else None,
            limit=_BUFFER,
            backlog=128,
        )
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def _handler(self, wanted: Listen) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(self._tasks) >= MOST_CONNECTIONS:
                writer.transport.abort()
                return
            task = asyncio.get_running_loop().create_task(_serve(reader, writer, wanted.application))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return begin

    async def close(self) -> None:
        """Stop listening and end every connection."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSING_SECONDS)
        await asyncio.sleep(0)  # lets transports that were closed just now let go of their sockets


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Application) -> None:
    try:
        peer = _peer(writer)
        spoken = writer.get_extra_info("ssl_object")
        kind = http2.Connection if spoken and spoken.selected_alpn_protocol() == "h2" else http1.Connection
        await kind(reader, writer, peer, application).serve()
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), _CLOSING_SECONDS)
    except (OSError, TimeoutError, asyncio.CancelledError):
        pass
    except Exception:  # noqa: BLE001 - the last fence of a connection: it ends, the terminal says why
        traceback.print_exc(file=sys.stderr)
    finally:
        writer.transport.abort()


def _peer(writer: asyncio.StreamWriter) -> Peer:
    remote: Address = writer.get_extra_info("peername")[:2]
    local: Address = writer.get_extra_info("sockname")[:2]
    secure = writer.get_extra_info("ssl_object") is not None
    return Peer(remote, local, secure, bool(secure and writer.get_extra_info("peercert")))
