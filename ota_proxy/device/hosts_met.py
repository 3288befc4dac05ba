"""The hosts that a walk met, redirect hops included: their TLS, their plain ports, and what unknown host names get. Facts only.

Each is looked at once in a run of walks. The same file is asked for under another name, as Host under the server's own SNI and as SNI and
Host: whoever points a name of his own at the address gets the same; nothing is verified there and no redirect followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from ota_proxy.addresses import bracketed
from ota_proxy.device import handshake, http
from ota_proxy.device.http import Agent, wire_path
from ota_proxy.device.network import (
    NetFault,
    ascii_host,
)
from ota_proxy.device.session import Session, follow
from ota_proxy.facts.install import InstallFacts, PlainHttpFacts, TlsFacts, Visit, origin

PROBE = "ota-proxy=probe%2Fx"
"""The query of the plain probe: a redirect has to bring it along byte for byte."""
HOSTS = 20
"""Further hosts of one walk that are looked at: a chain of redirects and a dozen images do not make a scan."""


class Surroundings:
    """What is known of the hosts of all walks from one start."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._plain: dict[str, PlainHttpFacts | None] = {}

    async def plain(self, url: str) -> PlainHttpFacts | None:
        """Ask the plain port of a URL's host for the same path, once for each host.

        Not where `resolve` names the host but not its plain port: that would be another server.
        """
        host, _ = place(url)
        known = self.session.options.resolve
        if not host or (any(name == host for name, _ in known) and (host, 80) not in known):
            return None
        if host not in self._plain:
            self._plain[host] = await self._ask(host, url)
        return self._plain[host]

    async def _ask(self, host: str, url: str) -> PlainHttpFacts:
        plain = f"http://{bracketed(host)}{wire_path(urlsplit(url).path)}?{PROBE}"
        request = self.session.request("plain http", plain, "browser", total=http.seconds("probe"))
        visit = await follow(request, self.session.send, to_https=False)
        return PlainHttpFacts(visit, open=bool(visit.first.address))

    async def tls(self, host: str, port: int) -> TlsFacts | None:
        """Look at what a host speaks; None if that was not asked for."""
        session = self.session
        if not (host and port and session.options.probe_tls):
            return None
        session.tell("tls", f"versions, suites and certificates of {host}:{port}")
        memory = session.options.tls_memory
        probe = memory.probe if memory else handshake.probe
        return await probe(host, port, session.network, session.options.now)

    async def others(self, facts: InstallFacts) -> tuple[TlsFacts, ...]:
        """Look at the TLS of every further host that the walk met."""
        places = dict.fromkeys(map(place, _secure(facts)))
        found = [await self.tls(*one) for one in list(places)[: HOSTS + 1] if one != (facts.host, facts.port)]
        return tuple(probed for probed in found if probed is not None)

    async def plains(self, facts: InstallFacts) -> tuple[PlainHttpFacts, ...]:
        """Ask the plain ports of every further host that the walk met."""
        urls = {place(url)[0]: url for url in reversed(list(_secure(facts)))}
        found = [await self.plain(url) for host, url in list(urls.items())[-HOSTS - 1 :] if host != facts.host]
        return tuple(asked for asked in found if asked is not None)


def place(url: str) -> tuple[str, int]:
    """Return the host as DNS has it and the port of its TLS; empty and 443 where the URL has none.

    A URL over plain http ought to be https, at the usual port; where it names a port of its own nobody knows that of TLS: 0.
    """
    scheme, host, port = origin(url)
    if scheme == "http":
        port = 443 if port == 80 else 0
    elif not port:
        port = 443
    try:
        return ascii_host(host), port
    except NetFault:
        return host, port


def _secure(facts: InstallFacts) -> Iterator[str]:
    """Yield the https URLs of the walk, every hop on the way among them, in its order."""
    for visit in (*facts.needed(), *(image.visit for image in facts.images)):
        yield from (hop.url for hop in visit.hops if origin(hop.url)[0] == "https")


@dataclass(frozen=True, slots=True)
class UnknownHost:
    """What an unknown host gets; None if it was not asked."""

    by_host: Visit | None = None
    by_sni: Visit | None = None


async def as_unknown_host(session: Session, visit: Visit, agent: Agent, what: str) -> UnknownHost:
    """Ask where a visit ended, once for each place and kind of file (`what`) in a run of walks; nothing if it brought nothing."""
    url, key = visit.last.url, (what, origin(visit.last.url))
    if not visit.ok or key in session.asked_as_unknown:
        return UnknownHost()
    session.asked_as_unknown.add(key)
    return UnknownHost(
        await _ask(session, f"{what} under an unknown host name", url, agent, ""),
        await _ask(session, f"{what} under an unknown SNI", url, agent, handshake.UNKNOWN_HOST),
    )


async def _ask(session: Session, step: str, url: str, agent: Agent, server_name: str) -> Visit:
    request = session.request(
        step, url, agent, authority=handshake.UNKNOWN_HOST, server_name=server_name, h2=not server_name
    )
    return Visit(step, (await session.send(request),))
