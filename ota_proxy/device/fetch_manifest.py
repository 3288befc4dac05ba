"""The manifest as every part of a device asks for it, and what one reading of it found. Facts only.

A host that has IPv4 and IPv6 addresses is asked over both: a device may take either (RFC 8305).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass, replace
from typing import Literal

from ota_proxy.apps.manifest import parse_manifest
from ota_proxy.device import http
from ota_proxy.device.bodies import is_cut, plain_body
from ota_proxy.device.hosts_met import as_unknown_host
from ota_proxy.device.network import NetFault, Place, addresses, ascii_host
from ota_proxy.device.session import Bounds, Session
from ota_proxy.facts.exchange import Visit, origin
from ota_proxy.facts.install import FamilyFacts, ManifestFacts

Family = Literal["ipv4", "ipv6"]
_KINDS = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


async def by_family(session: Session, url: str, size: Bounds) -> tuple[FamilyFacts, ...]:
    """Ask once over each family; nothing if the host is an address itself, does not resolve, or has one family only."""
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


async def visit_manifest(session: Session, url: str) -> ManifestFacts:
    """Ask for a manifest as installer, device management, older installers and browser, and in the ways that show more."""
    if origin(url)[0] != "https":
        words = "the installer requests no manifest over http"
        return ManifestFacts(url, session.refuse("manifest", url, "manifest", words))
    size = bounds(session)
    visit = await session.visit("manifest", url, "manifest", **size)
    facts = replace(
        read_manifest(url, visit),
        mdm=await session.visit("manifest under management", url, "mdm", **size),
        download=await session.visit("manifest on older systems", url, "package", **size),
        browser=await session.visit("manifest in a browser", url, "browser", **size),
        h1=await session.visit("manifest over HTTP/1.1", url, "manifest", h2=False, **size),
        compressed=await session.visit("manifest compressed", url, "manifest", compressed=True, **size),
        by_family=await by_family(session, url, size) if visit.last.address else (),
    )
    facts = replace(facts, again=await _again(session, facts, size))
    if facts.data is None:
        return facts
    foreign = await as_unknown_host(session, visit, "manifest", "manifest")
    return replace(facts, unknown_host=foreign.by_host, unknown_sni=foreign.by_sni)


def bounds(session: Session) -> Bounds:
    """Return how long a manifest may take and how much of it is read."""
    limit = session.options.manifest_limit
    return {"keep": limit, "read": limit, "total": http.seconds("manifest")}


async def _again(session: Session, facts: ManifestFacts, size: Bounds) -> tuple[Visit, ...]:
    """Ask as every agent once more where their answers differ, the browser first: a filter by agent answers the same again."""
    asked = [visit for visit in (facts.browser, facts.visit, facts.mdm, facts.download) if visit is not None]
    answered = [visit for visit in asked if visit.response is not None]
    if len({(visit.status, visit.stopped, _is_list(visit)) for visit in answered}) < 2:
        return ()
    await asyncio.sleep(http.seconds("pause") * session.options.scale)
    return tuple(
        [await session.visit(f"{visit.step} again", facts.url, visit.first.agent, **size) for visit in answered]
    )


_HEAD = 4096
"""Bytes that are looked at for what a file is."""


def _is_list(visit: Visit) -> bool:
    return parse_manifest(plain_body(visit).data).data is not None


def read_manifest(url: str, visit: Visit) -> ManifestFacts:
    """Say what the answer to one request for a manifest holds."""
    body = plain_body(visit)
    if visit.response is None or body.error:
        error = "" if body.bomb or body.unknown else body.error
        return ManifestFacts(
            url, visit, parse_error=error, unsafe=body.error if body.bomb else "", undecoded=body.unknown
        )
    found = parse_manifest(body.data)
    return ManifestFacts(
        url,
        visit,
        data=found.data,
        parse_error=found.error,
        unsafe=found.unsafe,
        passed=found.passed,
        head=body.data[:_HEAD],
        cut=is_cut(visit.response),
        items=found.items,
        metadata=found.metadata,
        assets=found.assets,
    )
