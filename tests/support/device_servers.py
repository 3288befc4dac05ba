"""In-process servers on loopback that misbehave on request, and the certificates they need."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h2.config
import h2.connection
import h2.events
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ota_proxy.device.http import Request, fetch
from ota_proxy.device.network import Network
from ota_proxy.facts.install import Exchange

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Answer = Callable[[h2.connection.H2Connection, h2.events.RequestReceived], None]
NOW = datetime.now(UTC).replace(microsecond=0)
HOST = "ota.example.com"


@contextlib.asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve every connection with `handler` and yield the port; what is still running at the end is cancelled."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await asyncio.wait_for(writer.wait_closed(), 1)
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(*pieces: bytes, pause: float = 0) -> Handler:
    """Read the request's header, then send the pieces and hang up."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return handler


async def get(port: int, *, scheme: str = "http", network: Network | None = None, **fields: object) -> Exchange:
    """Fetch / from the server as `ota.example.com`, with short time-outs."""
    usual: dict[str, object] = {"total": 3.0, "idle": 2.0, "connect": 2.0, "headers": (("User-Agent", "test"),)}
    route = {(HOST, 443): ("127.0.0.1", port), (HOST, 80): ("127.0.0.1", port)}
    known = network or Network(route)
    request = Request(f"{scheme}://{HOST}/", "test", "manifest", **{**usual, **fields})  # type: ignore[arg-type]
    return await fetch(request, Network({**route, **known.resolve}, known.ca_pem, known.scale))


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode("ascii")

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def issue(
    name: str,
    by: Issued | None = None,
    *,
    ca: bool = False,
    hosts: tuple[str, ...] = (),
    days: tuple[int, int] = (-1, 30),
) -> Issued:
    """Make a certificate called `name`, signed by `by` or by itself, valid from and until so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(uses, critical=False)
    return Issued(builder.sign((by or Issued(None, key)).key, hashes.SHA256()), key)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Chain:
    """A root, two intermediates below it, and a leaf for `ota.example.com`."""

    root: Issued
    upper: Issued
    lower: Issued
    leaf: Issued


def chain(hosts: tuple[str, ...] = (HOST,)) -> Chain:
    """Make a whole chain."""
    root = issue("Test Root", ca=True)
    upper = issue("Upper", root, ca=True)
    lower = issue("Lower", upper, ca=True)
    return Chain(root, upper, lower, issue("leaf", lower, hosts=hosts))


def server_context(folder: Path, leaf: Issued, *others: Issued, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """Return a server's TLS context that sends the leaf and the others in this order."""
    certificate, key = folder / "chain.pem", folder / "key.pem"
    certificate.write_text("".join(one.pem for one in (leaf, *others)))
    key.write_bytes(leaf.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def only_old(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Make a context speak nothing newer than a version that Python warns about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@contextlib.contextmanager
def handshaking(context: ssl.SSLContext) -> Iterator[int]:
    """Do TLS handshakes in a thread and hang up: unlike asyncio's server it lets OpenSSL send its alerts. Yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def loop() -> None:
        while True:
            connection, _ = listener.accept()
            if over.is_set():
                connection.close()
                return
            with contextlib.suppress(OSError), connection:
                connection.settimeout(2)
                context.wrap_socket(connection, server_side=True).close()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    port: int = listener.getsockname()[1]
    try:
        yield port
    finally:
        over.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join(5)
        listener.close()


def speaking_h2(answer: Answer) -> Handler:
    """Let `answer` do what it wants for every request; our side of the library checks nothing, so that it can send what is forbidden."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        config = h2.config.H2Configuration(
            client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        connection = h2.connection.H2Connection(config)
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    answer(connection, event)
            writer.write(connection.data_to_send())
            await writer.drain()

    return handler
