"""Opens connections the way a device does, to the address that `resolve` names or that the system finds, and words what goes wrong.

What pages and servers name leads to no private address, what a person named may: pages, manifests, redirects and DNS are made by others, who could
otherwise make `check` speak to loopback, to the network it runs in, and to a cloud's metadata service (server-side request forgery).
Times are seconds. Every failure leaves here as `NetFault`, which carries a `NetError`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import idna

from ota_proxy.addresses import bracketed, is_address, is_public, plain_address
from ota_proxy.facts.install import ErrorKind, NetError


@dataclass(frozen=True, slots=True)
class Reach:
    """`named` are the hosts that the person named, as DNS has them; `private` lets every address be asked."""

    named: frozenset[str] = frozenset()
    private: bool = False
    settled: dict[str, bool] = field(default_factory=dict, compare=False)
    """Named host → it led to a private address when it was first resolved: a name that does so only later was rebound."""

    def allowed(self, host: str, found: list[Place]) -> list[Place]:
        """Return those of a host's addresses that may be asked."""
        if self.private:
            return found
        public = [place for place in found if is_public(place[0])]
        if plain_address(host) not in self.named:
            return public
        return found if self.settled.setdefault(host, len(public) < len(found)) else public


def refusal(host: str, port: int, address: str) -> str:
    """Say that a private address was not asked, why, and how to have it asked."""
    if is_address(host):
        return f"{host} is a private address that you did not name, so it was not asked: --allow-private asks it"
    return (
        f"{host} leads to the private address {address}, which you did not name, so it was not asked: "
        f"--allow-private asks it, or --resolve {host}:{port}:{bracketed(address)}"
    )


Place = tuple[str, int]
"""A host or address, and a port."""
Resolve = Mapping[Place, Place]
CHUNK = 1 << 16
_LONGEST_NAME = 1024
"""Characters of a name before it is encoded; DNS takes 253 (RFC 1035 §2.3.4)."""


class NetFault(Exception):  # noqa: N818 - carries a fact, is never shown as it is
    """No (further) answer; `error` says why."""

    def __init__(self, kind: ErrorKind, message: str, address: str = "", code: str = "") -> None:
        super().__init__(message)
        self.error = NetError(kind, message, address, code)


@dataclass(frozen=True, slots=True)
class Network:
    """What the device may know of the way to a server: fixed addresses, extra roots, and the scale of all time-outs."""

    resolve: Resolve = field(default_factory=dict)
    ca_pem: str | None = None
    scale: float = 1.0
    closed: bool = False
    """Only what `resolve` names may be asked: a trial must not reach out of its own servers."""
    reach: Reach = field(default_factory=Reach, compare=False)
    """Which addresses that the system finds may be asked; those in `resolve` may always."""
    helpers: dict[Place, str] = field(default_factory=dict, compare=False)
    """Host and port → further certificates (PEM) that lead our TLS library to the good way of several (see `second_look`)."""
    silent: set[Place] = field(default_factory=set, compare=False)
    """Addresses that took too long to connect to: asked last from then on, where a device would race them (RFC 8305)."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom to connect to; `server_name` is what SNI and the certificate check use, by default the host."""

    host: str
    port: int
    server_name: str = ""


@dataclass(slots=True)
class Stream:
    """An open connection. `address` is `IP:port` of the other end, `idle` the longest silence allowed."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    address: str
    idle: float

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS object, None on a plain connection."""
        found: ssl.SSLObject | None = self.writer.get_extra_info("ssl_object")
        return found

    def narrow(self) -> None:
        """Let little more arrive than is read: what lies in the system's buffers when we hang up is traffic too."""
        found: socket.socket | None = self.writer.get_extra_info("socket")
        if found is not None:
            with contextlib.suppress(OSError):
                found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)

    async def send(self, data: bytes) -> None:
        """Write and wait until the other side has room; NetFault `timeout` when it never has."""
        self.writer.write(data)
        async with _patience(self.idle, "the server does not read our request"):
            await self.writer.drain()

    async def receive(self) -> bytes:
        """Return the next bytes, empty at the end; NetFault `timeout` after `idle` seconds of silence."""
        async with _patience(self.idle, "the server fell silent"):
            return await self.reader.read(CHUNK)

    async def close(self, *, politely: bool) -> None:
        """Say goodbye and wait a moment for the answer, or drop the connection at once."""
        if politely:
            self.writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(2):  # wait_for of Python 3.11 can lose a cancellation, and with it a ^C
                    await self.writer.wait_closed()
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def _patience(seconds: float, message: str) -> AsyncIterator[None]:
    """Turn our own running out of time into a fault, but leave an outer time-out to its owner."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise NetFault("timeout", f"{message} for {seconds:g} s") from None


def ascii_host(host: str) -> str:
    """Return the host as DNS and SNI have it (IDNA 2008, lower case, no final dot); NetFault `dns` when it can be none."""
    name = host.rstrip(".").lower()
    if len(name) > _LONGEST_NAME:
        raise NetFault("dns", f"the name {name[:40]}… has {len(name)} characters, and no host has as many")
    if name.isascii():
        return name
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise NetFault("dns", f"the name {host!r} is not a host name: {error}") from None


async def addresses(host: str, port: int, network: Network) -> list[Place]:
    """Return where to connect, in order: the fixed address, or what the system resolves and may be asked.

    NetFault `dns` if there is none, `unreachable` where all are private and only pages or servers named the host.
    """
    fixed = network.resolve.get((host, port))
    if fixed:
        return [fixed]
    if network.closed:
        raise NetFault("unreachable", f"{host}:{port} is not part of this trial and was not asked")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:  # a name with a zero byte, or with labels that are too long
        reason = getattr(error, "strerror", None) or str(error)
        raise NetFault("dns", f"the name {host} does not resolve: {reason}") from None
    places = list(dict.fromkeys((str(entry[4][0]), port) for entry in found))
    asked = network.reach.allowed(host, places)
    if places and not asked:
        raise NetFault("unreachable", refusal(host, port, places[0][0]), places[0][0])
    return asked


async def dial(
    peer: Peer, network: Network, *, connect: float, idle: float, context: ssl.SSLContext | None = None
) -> Stream:
    """Connect to the first address of `peer` that answers, with TLS when a context is given; raises NetFault.

    `connect` limits connection and handshake with each address, `idle` is the longest silence afterwards.
    """
    host = peer.host
    fault = NetFault("dns", f"the name {host} has no address")
    found = await addresses(host, peer.port, network)
    for address, number in sorted(found, key=network.silent.__contains__):
        try:
            async with _patience(connect, f"no connection to {host} at {_place(address, number)}"):
                reader, writer = await asyncio.open_connection(
                    address,
                    number,
                    ssl=context,
                    server_hostname=(peer.server_name or host) if context else None,
                    ssl_shutdown_timeout=1 if context else None,
                )
        except (OSError, ValueError) as error:
            why = explain(error, host, _place(address, number))
            fault = NetFault(why.kind, why.message, code=why.code)
        except NetFault as error:
            fault = error
            network.silent.add((address, number))
        else:
            return Stream(reader, writer, _place(address, number), idle)
    raise fault


def _place(address: str, port: int) -> str:
    return f"{bracketed(address)}:{port}"


_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTDOWN, errno.ENETDOWN}
_TLS_WORDS = {
    "WRONG_VERSION_NUMBER": "what answers there does not speak TLS",
    "HTTP_REQUEST": "what answers there does not speak TLS",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server accepts none of the versions and suites that a device offers",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the server accepts no version from TLS 1.2 on",
    "UNSUPPORTED_PROTOCOL": "the server accepts no version from TLS 1.2 on",
    "TLSV1_UNRECOGNIZED_NAME": "the server refuses this name",
    "TLSV1_ALERT_INTERNAL_ERROR": "the server failed in the handshake, often because it has no certificate for this name",
}

_FAMILIES: tuple[tuple[type[OSError], ErrorKind, str], ...] = (
    (ConnectionRefusedError, "refused", "nothing listens at {place} for {host}"),
    (ConnectionError, "reset", "{host} at {place} broke off the connection"),
    (TimeoutError, "timeout", "{host} at {place} did not answer in time"),
)


_ABOUT_OURS = frozenset(
    {
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "SSLV3_ALERT_NO_CERTIFICATE",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_ALERT_ACCESS_DENIED",
    }
)
"""Alerts that a server can only send about the certificate of the client (RFC 8446 §6.2); a device has none."""
_REFUSED = "SSLV3_ALERT_HANDSHAKE_FAILURE"
NO_CLIENT_CERTIFICATE = "the server asks for a client certificate and refuses without one"


def explain(error: BaseException, host: str, place: str, *, established: bool = False) -> NetError:
    """Return kind and sentence for what the operating system or OpenSSL said about a connection.

    `established`: the handshake was done before. A refusal that comes then answers a renegotiation that asked for a client certificate.
    """
    if isinstance(error, ssl.SSLError):
        return _explain_tls(error, host, place, established=established)
    for family, kind, words in _FAMILIES:
        if isinstance(error, family):
            return NetError(kind, words.format(host=host, place=place))
    if isinstance(error, OSError):
        far: ErrorKind = "unreachable" if error.errno in _UNREACHABLE else "reset"
        return NetError(far, f"{host} at {place} cannot be reached: {error.strerror or error}")
    return NetError("protocol", f"{host} cannot be asked: {error}")


def _explain_tls(error: ssl.SSLError, host: str, place: str, *, established: bool) -> NetError:
    code = (error.reason or "").upper().replace(" ", "_")
    if isinstance(error, ssl.SSLCertVerificationError):
        return NetError("tls", f"the certificate of {host} is not accepted: {error.verify_message}", code=code)
    if code in _ABOUT_OURS or (established and code == _REFUSED):
        return NetError("client-certificate", f"no connection to {host} at {place}: {NO_CLIENT_CERTIFICATE}", code=code)
    words = _TLS_WORDS.get(code, str(error.reason or error).replace("_", " ").lower())
    return NetError("tls", f"no TLS with {host} at {place}: {words}", code=code)
