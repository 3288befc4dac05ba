"""Finds out what a host speaks: versions, suites, groups, Extended Master Secret, ALPN, stapling, and the chain as served.

At most `BUDGET` connections a host, `PARALLEL` at a time, and one look a host in a run (`TlsMemory`). Raw hellos for what our own TLS library
no longer speaks, a real handshake for the chain. Never raises for anything a server does.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509

from ota_proxy import limits
from ota_proxy.addresses import is_address
from ota_proxy.device import certificates, http, tls_contexts, trust
from ota_proxy.device.client_hello import VERSIONS, Answer, BadFlight, Hello, read_flight
from ota_proxy.device.network import NetFault, Network, Peer, Place, Stream, addresses, dial, explain
from ota_proxy.facts.tls import CertificateFacts, NetError, TlsFacts
from ota_proxy.policy import guideline

BUDGET = 60
PARALLEL = 8
UNKNOWN_HOST = "unknown-host.invalid"
"""A name that no server can rightly have (RFC 6761 §6.4)."""
_FLIGHT_LIMIT = limits.TLS_FLIGHT
_DER = 2
"""X509_FILETYPE_ASN1 of OpenSSL, what the private method before Python 3.13 wants to hear."""
_IN_THE_CLEAR = ("TLSv1.2", "TLSv1.1", "TLSv1")
"""Versions whose first flight shows a stapled answer (RFC 6066 §8); TLS 1.3 encrypts it."""
_CHAIN_LIMIT = limits.CHAIN
"""Certificates of a chain that we look at."""
_NAMED_CURVES = 0x0100
"""Groups below are curves that TLS 1.2 knows too, those from here on are finite fields and hybrids (IANA registry)."""


@dataclass(slots=True)
class _Seen:
    """What the probe has found so far."""

    first: dict[str, Answer] = field(default_factory=dict)
    suites: dict[str, tuple[str, ...]] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ()
    chain: tuple[bytes, ...] = ()
    unknown_host: str = ""
    spoke: bool = False
    """TLS bytes arrived at least once."""
    fault: NetError | None = None
    """The last failure of a connection."""


async def probe(host: str, port: int, network: Network, now: datetime) -> TlsFacts:
    """Return what `host`:`port` speaks, seen under the name `host`. `now` is for choosing between certificates of one name."""
    run = _Probe(host, port, network)
    await run.versions()
    if run.seen.spoke:
        await asyncio.gather(run.handshakes(), run.unknown_host(), run.modern())
        await run.legacy()
    return _facts(run, now)


async def first_flight(place: Place, network: Network) -> Answer | None:
    """Return what a server answers to one hello of TLS 1.2 with every suite; None if it gives no such answer."""
    run = _Probe(*place, network)
    answer = await run.ask("TLSv1.2", guideline.suites("TLSv1.2"), guideline.groups())
    return answer if answer and answer.version == "TLSv1.2" else None


class _Probe:
    """One host's probe: its budget, and what was seen."""

    def __init__(self, host: str, port: int, network: Network) -> None:
        self.host, self.port, self.network = host, port, network
        self.seen = _Seen()
        self.left = BUDGET
        self.lost = False
        """A connection failed although the host answers others: what it asked for stays unknown."""
        self.gate = asyncio.Semaphore(PARALLEL)
        self.seconds = http.seconds("tls") * network.scale

    # -- one connection -------------------------------------------------------------------------------------------

    async def ask(self, version: str, suites: Sequence[int], groups: Sequence[int]) -> Answer | None:
        """Send one hello and return the first flight; None when there was none, or the budget is spent."""
        if self.left <= 0:
            return None
        self.left -= 1
        name = "" if is_address(self.host) else self.host
        hello = Hello(version, tuple(suites), tuple(groups), name, ("h2", "http/1.1"))
        async with self.gate:
            try:
                async with asyncio.timeout(self.seconds):
                    return await self._exchange(hello)
            except NetFault as fault:
                self._failed(fault.error)
            except BadFlight as error:
                self.seen.fault = NetError("tls", f"no TLS with {self.host}: {error}")
            except OSError as error:  # TimeoutError is one
                self._failed(explain(error, self.host, f"port {self.port}"))
        return None

    def _failed(self, error: NetError) -> None:
        """Remember a failure; one that is no answer of a TLS server (which may close or reset instead of an alert) leaves a gap."""
        self.seen.fault = error
        self.lost |= error.kind not in ("tls", "reset", "client-certificate")

    async def _exchange(self, hello: Hello) -> Answer:
        stream = await dial(Peer(self.host, self.port), self.network, connect=self.seconds, idle=self.seconds)
        try:
            await stream.send(hello.encode())
            answer = await self._flight(stream)
        finally:
            await stream.close(politely=False)
        self.seen.spoke = True
        return answer

    @staticmethod
    async def _flight(stream: Stream) -> Answer:
        data = b""
        while len(data) < _FLIGHT_LIMIT:
            piece = await stream.receive()
            data += piece
            answer, whole = read_flight(data)
            if whole or (not piece and answer.suite >= 0):
                return answer
            if not piece:
                raise NetFault("tls", "the server closed the connection instead of answering our hello")
        raise BadFlight(f"the first flight is longer than {_FLIGHT_LIMIT} bytes")

    # -- the questions --------------------------------------------------------------------------------------------

    async def versions(self) -> None:
        """Ask once for every version, each alone and with all suites it can have."""

        async def one(version: str) -> None:
            answer = await self.ask(version, guideline.suites(version), guideline.groups())
            if answer and answer.version == version:
                self.seen.first[version] = answer

        await asyncio.gather(*map(one, VERSIONS))

    async def modern(self) -> None:
        """Find the suites of TLS 1.2 and 1.3, and the groups."""
        await asyncio.gather(self._suites("TLSv1.3"), self._suites("TLSv1.2"), self._groups())

    async def legacy(self) -> None:
        """Find the suites of older versions with what is left of the budget."""
        await asyncio.gather(*(self._suites(version) for version in list(VERSIONS)[:3]))

    async def _suites(self, version: str) -> None:
        """Elimination: offer all, take away what the server chose, until it refuses."""
        answer = self.seen.first.get(version)
        offered, found = list(guideline.suites(version)), []
        while answer and answer.version == version and answer.suite in offered:
            found.append(answer.suite)
            offered.remove(answer.suite)
            answer = await self.ask(version, offered, guideline.groups()) if offered else None
        if found:
            self.seen.suites[version] = tuple(map(guideline.suite_name, found))

    async def _groups(self) -> None:
        """Eliminate groups likewise: named by a HelloRetryRequest in TLS 1.3, by ServerKeyExchange in TLS 1.2."""
        version = "TLSv1.3" if "TLSv1.3" in self.seen.first else "TLSv1.2"
        answer = self.seen.first.get(version)
        offered, found = [g for g in guideline.groups() if version == "TLSv1.3" or g < _NAMED_CURVES], []
        suites = [s for s in guideline.suites(version) if version == "TLSv1.3" or _ephemeral(s)]
        if answer and answer.group not in offered:
            answer = await self.ask(version, suites, offered)
        while answer and answer.version == version and answer.group in offered:
            found.append(answer.group)
            offered.remove(answer.group)
            answer = await self.ask(version, suites, offered) if offered else None
        self.seen.groups = tuple(map(guideline.group_name, found))

    async def handshakes(self) -> None:
        """Take the chain and the ALPN names from real handshakes; the chain from the raw flight where none succeeds."""
        chosen, chain = await self._handshake(self.host, ("h2", "http/1.1"))
        other = (await self._handshake(self.host, ("http/1.1",)))[0] if chosen == "h2" else ""
        self.seen.alpn = tuple(name for name in dict.fromkeys((chosen, other)) if name)
        raw = next((answer.certificates for answer in self.seen.first.values() if answer.certificates), ())
        self.seen.chain = chain or raw

    async def unknown_host(self) -> None:
        """Ask under a name that is not the server's and compare what it shows."""
        own, other = self.seen, await self._handshake(UNKNOWN_HOST, ("h2", "http/1.1"))
        own.unknown_host = other[1][0].hex() if other[1] else "refused"

    async def _handshake(self, name: str, alpn: tuple[str, ...]) -> tuple[str, tuple[bytes, ...]]:
        """Return the ALPN name and the chain (DER) of one real handshake; both empty when it fails."""
        if self.left <= 0:
            return "", ()
        self.left -= 1
        peer, context = Peer(self.host, self.port, name), tls_contexts.probing_context(alpn)
        async with self.gate:
            try:
                stream = await dial(peer, self.network, context=context, connect=self.seconds, idle=self.seconds)
            except NetFault:
                return "", ()
            tls = stream.tls
            found = (tls.selected_alpn_protocol() or "", served_chain(tls)) if tls else ("", ())
            await stream.close(politely=False)
            return found


def _ephemeral(code: int) -> bool:
    return guideline.suite_name(code).startswith("TLS_ECDHE_")


def served_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return the certificates (DER) in the order in which the server sent them.

    Python has a public way since 3.13; before, the same method stands on the private object and gives certificate objects.
    """
    owner: Any = tls if hasattr(tls, "get_unverified_chain") else getattr(tls, "_sslobj", None)
    served = owner.get_unverified_chain() or () if owner is not None else ()
    return tuple(item if isinstance(item, bytes) else bytes(item.public_bytes(_DER)) for item in served)


def _facts(run: _Probe, now: datetime) -> TlsFacts:
    seen = run.seen
    certs = [certificate for der in seen.chain[:_CHAIN_LIMIT] if (certificate := certificates.load(der))]
    verdict = _verdict(seen, certs, tls_contexts.roots(run.network.ca_pem), now)
    chain = () if verdict.trust == "unreadable" else _described(certs)
    twelve = seen.first.get("TLSv1.2")
    clear = next((seen.first[version] for version in _IN_THE_CLEAR if version in seen.first), None)
    return TlsFacts(
        host=run.host,
        port=run.port,
        reachable=seen.spoke,
        error=None if seen.first else _why(seen),
        versions=tuple(version for version in VERSIONS if version in seen.first),
        suites={version: seen.suites[version] for version in VERSIONS if version in seen.suites},
        groups=seen.groups,
        extended_master_secret=twelve.extended_master_secret if twelve else None,
        alpn=seen.alpn,
        chain=chain,
        path=_described(verdict.path),
        trust=verdict.trust,
        trust_detail=_detail(verdict.detail, certs, seen.chain),
        private_root=_private(verdict.anchor),
        name_matches=certificates.name_matches(chain[0], run.host) if chain else None,
        stapled=clear.stapled if clear else None,
        asks_certificate=clear.asks_certificate if clear else None,
        unknown_host=_unknown_host(seen),
        partial=seen.spoke and (run.left <= 0 or run.lost),
    )


def _described(found: Sequence[x509.Certificate]) -> tuple[CertificateFacts, ...]:
    return tuple(facts for certificate in found if (facts := certificates.describe(certificate)))


def _verdict(seen: _Seen, certs: Sequence[x509.Certificate], roots: trust.Roots, now: datetime) -> trust.Verdict:
    """Judge the chain; where the first certificate sent cannot be read, the others stand for nobody."""
    first = certificates.load(seen.chain[0]) if seen.chain else None
    if seen.chain and (first is None or certificates.describe(first) is None):
        return trust.Verdict("unreadable", "the server's own certificate cannot be read")
    return trust.judge(certs, roots, now)


def _private(anchor: x509.Certificate | None) -> bool | None:
    """Say whether a root is one that only we were given; None without a root."""
    if anchor is None:
        return None
    return anchor not in tls_contexts.roots(None).get(trust.subject(anchor), ())


def _why(seen: _Seen) -> NetError:
    refused = NetError("tls", "the server answers our hello but accepts no version under this name")
    return refused if seen.spoke or seen.fault is None else seen.fault


def _detail(detail: str, certs: Sequence[x509.Certificate], served: Sequence[bytes]) -> str:
    unread = len(served) - len(certs)
    return f"{detail}; {unread} of the certificates sent cannot be read" if unread else detail


def _unknown_host(seen: _Seen) -> str:
    if seen.unknown_host in ("", "refused"):
        return seen.unknown_host
    return "same-certificate" if seen.chain and seen.chain[0].hex() == seen.unknown_host else "other-certificate"


def leaf(facts: TlsFacts) -> CertificateFacts | None:
    """Return the first certificate served, or None."""
    return facts.chain[0] if facts.chain else None


_HOSTS = 512
"""Hosts that are remembered; the one that was asked for longest ago goes first."""

_Key = tuple[str, int, tuple[tuple[str, int], ...]]


class TlsMemory:
    """One probe for each host, port and set of addresses, shared by all walks of one event loop, also those under way at once."""

    def __init__(self) -> None:
        self._probes: OrderedDict[_Key, asyncio.Task[TlsFacts]] = OrderedDict()

    async def probe(self, host: str, port: int, network: Network, now: datetime) -> TlsFacts:
        """Return what `probe` found, now or before. A walk that is given up does not take the probe of the others with it."""
        try:
            key = (host, port, tuple(sorted(await addresses(host, port, network))))
        except NetFault:
            return await probe(host, port, network, now)
        task = self._probes.get(key)
        if task is None or _useless(task):
            task = self._probes[key] = asyncio.create_task(probe(host, port, network, now))
        self._probes.move_to_end(key)
        self._forget()
        return await asyncio.shield(task)

    def _forget(self) -> None:
        """Drop the oldest finished probes beyond the limit; one under way stays until it has answered."""
        surplus = len(self._probes) - _HOSTS
        for key in [key for key, task in self._probes.items() if task.done()][: max(0, surplus)]:
            del self._probes[key]


def _useless(task: asyncio.Task[TlsFacts]) -> bool:
    """Say whether a finished probe is no basis for others: it was cancelled, failed, had gaps, or met nobody."""
    if not task.done():
        return False
    return task.cancelled() or task.exception() is not None or task.result().partial or not task.result().reachable
