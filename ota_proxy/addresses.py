"""Hosts as text: which are IP addresses, how one stands before a port, and which addresses the whole internet can reach."""

from __future__ import annotations

import ipaddress
from typing import Final

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_OWN: Final = tuple(
    map(
        ipaddress.IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("224.0.0.0/4", "240.0.0.0/4"),
        ),
    )
)
"""IPv4 that nobody outside can reach or that is nobody's: IANA's special-purpose registry (RFC 6890), multicast, reserved.

A table of our own: `is_global` differs between the patch releases of Python (CVE-2024-4032).
"""
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is given out for global unicast (IANA)."""
_OWN_SIX: Final = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
"""What of it is not: Teredo and other protocols' own (RFC 6890), documentation (RFC 3849, RFC 9637)."""
_SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")
_TAILS: Final = tuple(map(ipaddress.IPv6Network, ("::ffff:0:0/96", "::/96", "64:ff9b::/96")))
"""IPv6 that ends in the IPv4 address it leads to: mapped, compatible, NAT64 (RFC 4291 §2.5.5, RFC 6052)."""


def is_address(host: str) -> bool:
    """Say whether a host is an IPv4 or IPv6 address, written without brackets."""
    return _read(host) is not None


def bracketed(host: str) -> str:
    """Return a host as it stands in URLs and before `:PORT`: an IPv6 address in brackets (RFC 3986 §3.2.2)."""
    return f"[{host}]" if ":" in host else host


def is_public(host: str) -> bool:
    """Say whether a host is an IP address that the whole internet can reach, also through the IPv4 address inside an IPv6 one."""
    address = _read(host)
    return address is not None and _public(address)


def without_port(place: str) -> str:
    """Return the host of `HOST:PORT` or `[HOST]:PORT`, and a host without a port as it is."""
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place if place.count(":") > 1 else place.partition(":")[0]


def plain_address(host: str) -> str:
    """Return an IP address in the one spelling that Python gives it, any other host as it is."""
    address = _read(host)
    return host if address is None else str(address)


def _read(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _OWN)
    if address.scope_id:  # fe80::1%eth0
        return False
    number = int(address)
    if any(address in network for network in _TAILS):
        return _public(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    if address in _SIX_TO_FOUR:
        return _public(ipaddress.IPv4Address(number >> 80 & 0xFFFFFFFF))
    return address in _UNICAST and not any(address in network for network in _OWN_SIX)
