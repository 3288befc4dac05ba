"""Listens on loopback for one or more sites and ends cleanly; TLS as bindings ask for it.

The certificate goes by the name in the handshake; a name that nobody bound gets no answer.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ota_proxy.iis_emulator import http1, http2
from ota_proxy.iis_emulator.connection import Application, Peer
from ota_proxy.iis_emulator.message import Address
from ota_proxy.iis_emulator.url_settings import Binding

_NO_HTTP2, _NO_TLS13 = 4, 32
"""sslFlags of a binding, Windows 2022 and later."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A chain, leaf first, and its key, both PEM."""

    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)


def context(
    bindings: Sequence[tuple[Binding, Sequence[Certificate]]],
    *,
    client_ca: bytes = b"",
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    ciphers: str = "",
    tls13: bool = True,
) -> ssl.SSLContext:
    """Return the context of a port. `bindings` are the https ones with their certificates; `client_ca` asks for client certificates.

    A handshake whose name fits no binding, and for which there is none without a name, ends with unrecognized_name.
    """
    ordered = sorted(
        bindings, key=lambda pair: pair[0].host.startswith("*")
    )  # a name before a wildcard, as in HTTP.sys
    made = [(binding, _one(binding, certificates, client_ca)) for binding, certificates in ordered]
    for binding, one in made:
        _versions(one, minimum, ciphers, tls13=tls13 and not binding.flags & _NO_TLS13)
    catch_all = next((one for binding, one in made if not binding.by_name), None)

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        host = (name or "").lower()
        exact = next((one for binding, one in made if host and binding.host and binding.takes(host)), None)
        chosen = exact or catch_all
        if chosen is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = chosen
        return None

    first = catch_all or (made[0][1] if made else ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    first.sni_callback = choose
    return first


def _versions(made: ssl.SSLContext, minimum: ssl.TLSVersion, ciphers: str, *, tls13: bool) -> None:
    made.minimum_version = minimum
    if not tls13:
        made.maximum_version = ssl.TLSVersion.TLSv1_2
    if ciphers:
        made.set_ciphers(ciphers)


def _one(binding: Binding, certificates: Sequence[Certificate], client_ca: bytes) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_alpn_protocols(["http/1.1"] if binding.flags & _NO_HTTP2 else ["h2", "http/1.1"])
    for certificate in certificates:
        _load(made, certificate)
    if client_ca:
        made.verify_mode = ssl.CERT_OPTIONAL
        made.load_verify_locations(cadata=client_ca.decode("ascii"))
    return made


def _load(made: ssl.SSLContext, certificate: Certificate) -> None:
    """Load a chain and its key, which `ssl` takes from a file only: one in memory where the system has that, else one that is gone at once."""
    pair = certificate.chain + certificate.key
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryDirectory(prefix="ota-proxy-tls-") as folder:
            path = Path(folder) / "pair.pem"
            path.touch(mode=0o600)
            path.write_bytes(pair)
            made.load_cert_chain(path)
        return
    with os.fdopen(os.memfd_create("ota-proxy-tls"), "wb") as memory:
        memory.write(pair)
        memory.flush()
        made.load_cert_chain(f"/proc/self/fd/{memory.fileno()}")


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
