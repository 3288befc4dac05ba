"""Networks in the two forms IIS can compare: a pattern on the text of REMOTE_ADDR, and address plus mask for ipSecurity."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ota_proxy.errors import Key, UsageError
from ota_proxy.servers.iis.quote import regex

_OCTET = "[0-9]{1,3}"


def address_pattern(networks: Sequence[str], key: Key) -> str:
    """Return one anchored pattern that matches the addresses of all networks as IIS writes them in REMOTE_ADDR.

    IIS has only text to compare. IPv4 networks become exact octet ranges; of IPv6 only single addresses can be written,
    in their canonical form (RFC 5952). UsageError, naming `key`, for anything else.
    """
    return "^(?:" + "|".join(_one(network, (*key, index)) for index, network in enumerate(networks)) + ")$"


def _one(text: str, key: Key) -> str:
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv4Network):
        return _ipv4(network)
    if network.prefixlen < 128 or int(network.network_address) >> 32 in (0, 0xFFFF):  # dotted tails have two spellings
        if network.network_address == ipaddress.IPv6Address("::1") and network.prefixlen == 128:
            return "::1"
        raise UsageError(
            f"IIS compares the address of a peer as text and cannot know the IPv6 network {text}",
            key=key,
            hint="name the single IPv6 addresses of the proxies, or their IPv4 networks",
        )
    return regex(str(network.network_address))


def _ipv4(network: ipaddress.IPv4Network) -> str:
    low, high = network.network_address.packed, network.broadcast_address.packed
    return r"\.".join(octet_range(first, last) for first, last in zip(low, high, strict=True))


def octet_range(first: int, last: int) -> str:
    """Return a pattern for the decimal numbers `first` to `last` of one octet, 0 to 255."""
    if (first, last) == (0, 255):
        return _OCTET  # REMOTE_ADDR is an address: a larger number cannot stand there
    tens = range(first // 10, last // 10 + 1)
    parts = [_in_ten(ten, max(first, ten * 10), min(last, ten * 10 + 9)) for ten in tens]
    return parts[0] if len(parts) == 1 else "(?:" + "|".join(parts) + ")"


def _in_ten(ten: int, low: int, high: int) -> str:
    head = str(ten) if ten else ""
    return head + (str(low % 10) if low == high else f"[{low % 10}-{high % 10}]")


def address_and_mask(text: str, key: Key) -> tuple[str, str]:
    """Return (address, mask) of an IPv4 network for ipSecurity; UsageError for IPv6, which its documentation does not cover."""
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv6Network):
        raise UsageError(
            f"the access list of IIS is documented for IPv4 only and would not keep {text}",
            key=key,
            hint="filter IPv6 in the Windows firewall, or listen on IPv4 addresses only (listen.addresses)",
        )
    return str(network.network_address), str(network.netmask)
