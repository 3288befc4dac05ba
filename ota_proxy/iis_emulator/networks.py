"""Access by network (iis-docs, system.webServer/security/ipSecurity): 403.6 for an address that is not let in."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Entries in their order: network and whether it is allowed; the first that contains the address counts."""

    unlisted: bool = True
    entries: Sequence[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, bool]] = ()


def allowed(address: str, settings: NetworkSettings) -> bool:
    """Say whether a peer may come in."""
    peer = ipaddress.ip_address(address.partition("%")[0])
    for network, let_in in settings.entries:
        if peer.version == network.version and peer in network:
            return let_in
    return settings.unlisted
