"""The manifest over IPv4 and IPv6 each, of a host that has addresses of both: a device may take either (RFC 8305). Facts only."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Literal

from ota_proxy.device.network import NetFault, Place, addresses, ascii_host
from ota_proxy.device.session import Bounds, Session
from ota_proxy.facts.exchange import origin
from ota_proxy.facts.install import FamilyFacts

Family = Literal["ipv4", "ipv6"]
_KINDS = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


async def by_family(session: Session, url: str, size: Bounds) -> tuple[FamilyFacts, ...]:
    """Ask once over each family; nothing where the host is an address itself, does not resolve, or has one family only."""
    _, host, port = origin(url)
    try:
        place = (ascii_host(host), port)
        first = _first_of_each(await _all(session, place))
    except NetFault:
        return ()
    if len(first) < len(_KINDS):
        return ()
    return tuple([await _Ask(session, url, size, place).over(family, first[family]) for family in sorted(first)])


@dataclass(frozen=True, slots=True)
class _Ask:
    """What is asked over each family: a URL of a place."""

    session: Session
    url: str
    size: Bounds
    place: Place

    async def over(self, family: Family, address: Place) -> FamilyFacts:
        """Ask at one address; not at all where this machine has no way to it."""
        if not _routed(family, address):
            return FamilyFacts(family, address[0])
        device = self.session.pinned(self.place, address)
        visit = await device.visit(f"manifest over {_SHOWN[family]}", self.url, "manifest", **self.size)
        return FamilyFacts(family, address[0], visit)


async def _all(session: Session, place: Place) -> list[Place]:
    more = session.options.also.get(place)
    return [*await addresses(*place, session.network), *([more] if more else [])]


def _first_of_each(found: list[Place]) -> dict[Family, Place]:
    """Return family → its first address, in the order in which they are given."""
    first: dict[Family, Place] = {}
    for address, port in found:
        version = ipaddress.ip_address(
            address.partition("%")[0]
        ).version  # a scope may stand behind a link-local address
        first.setdefault("ipv4" if version == 4 else "ipv6", (address, port))
    return first


_SHOWN: dict[Family, str] = {"ipv4": "IPv4", "ipv6": "IPv6"}


def _routed(family: Family, address: Place) -> bool:
    """Say whether this machine has a way to the address. Connecting a datagram socket looks at the routes and sends nothing."""
    try:
        with socket.socket(_KINDS[family], socket.SOCK_DGRAM) as probe:
            probe.connect(address)
    except OSError:
        return False
    return True
