"""A second look at an origin whose TLS failed: is a client certificate wanted, or is there a good way among several? Facts only.

OpenSSL follows one way upwards, a device looks for any good one (Apple's evaluation of trust); and a server that refuses a client without
a certificate says so in a dozen ways, some before and some after the handshake.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ota_proxy.device import certificates, http, tls_contexts, trust
from ota_proxy.device.handshake import first_flight, served_chain
from ota_proxy.device.network import (
    NO_CLIENT_CERTIFICATE,
    NetFault,
    Network,
    Peer,
    Place,
    Stream,
    dial,
    explain,
)
from ota_proxy.facts.exchange import Exchange
from ota_proxy.facts.tls import NetError

_UNVERIFIED = "CERTIFICATE_VERIFY_FAILED"
_QUIET = 1.0
"""Seconds that a server gets to say, unasked, that it wants a client certificate: in TLS 1.3 it does so behind the handshake."""
_KINDS = ("tls", "reset", "client-certificate")


@dataclass(frozen=True, slots=True)
class Look:
    """What the second look found: the true `error` of the whole origin, or `helpers` (PEM) with which to ask again; or neither."""

    error: NetError | None = None
    helpers: str = ""


def worth_it(exchange: Exchange) -> bool:
    """Say whether a request failed in a way that a second look may explain."""
    return exchange.error is not None and exchange.error.kind in _KINDS and exchange.url.lower().startswith("https:")


async def second_look(exchange: Exchange, place: Place, network: Network, now: datetime) -> Look:
    """Look at the origin of a failed request: a handshake that sends nothing and verifies nothing, and one hello of TLS 1.2."""
    error = exchange.error
    if error is not None and error.code == _UNVERIFIED:
        return await _other_way(place, network, now)
    if await _wants_certificate(place, network):
        host, port = place
        return Look(NetError("client-certificate", f"no connection to {host} at port {port}: {NO_CLIENT_CERTIFICATE}"))
    return Look()


async def _other_way(place: Place, network: Network, now: datetime) -> Look:
    """Return the certificates of a way that is trusted and in date, where the server sent one."""
    try:
        stream = await _handshake(place, network)
    except NetFault:
        return Look()
    sent = served_chain(stream.tls) if stream.tls else ()
    await stream.close(politely=False)
    found = [one for der in sent if (one := certificates.load(der))]
    verdict = trust.judge(found, tls_contexts.roots(network.ca_pem), now)
    good = all(one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in verdict.path)
    above = verdict.path[1:-1]
    if verdict.anchor is None or not good or not above:
        return Look()
    return Look(helpers="".join(map(_pem, above)))


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


async def _handshake(place: Place, network: Network) -> Stream:
    seconds = http.seconds("tls") * network.scale
    context = tls_contexts.unverified_context(h2=False)
    return await dial(Peer(*place), network, context=context, connect=seconds, idle=_QUIET * network.scale)


async def _wants_certificate(place: Place, network: Network) -> bool:
    try:
        stream = await _handshake(place, network)
    except NetFault as fault:
        return fault.error.kind == "client-certificate" or (
            fault.error.kind in _KINDS and await _asks_in_the_clear(place, network)
        )
    try:
        ended = not await stream.receive()
    except NetFault:
        return False  # it waits for a request, as it should
    except OSError as error:
        if explain(error, place[0], stream.address, established=True).kind == "client-certificate":
            return True
        ended = True
    finally:
        await stream.close(politely=False)
    return ended and await _asks_in_the_clear(place, network)


async def _asks_in_the_clear(place: Place, network: Network) -> bool:
    """Say whether a handshake of TLS 1.2 holds the question for a certificate."""
    answer = await first_flight(place, network)
    return answer is not None and answer.asks_certificate
