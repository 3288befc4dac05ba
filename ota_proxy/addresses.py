"""Hosts as text: which are IP addresses, and how one stands before a port."""

from __future__ import annotations

import ipaddress


def is_address(host: str) -> bool:
    """Say whether a host is an IPv4 or IPv6 address, written without brackets."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def bracketed(host: str) -> str:
    """Return a host as it stands in URLs and before `:PORT`: an IPv6 address in brackets (RFC 3986 §3.2.2)."""
    return f"[{host}]" if ":" in host else host
