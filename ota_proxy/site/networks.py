"""Addresses, networks and origins (RFC 6454 §6.2), each in one spelling that every server and browser reads."""

from __future__ import annotations

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from ota_proxy.addresses import bracketed
from ota_proxy.site.values import host_name, refuse_control

_MAPPED_BITS = 96


def _network(text: str) -> str:
    """Accept an address or a CIDR network, `10.0.0.0/8`, `2001:db8::/32`, without zone; set host bits are refused."""
    refuse_control(text, "the network")
    if "%" in text:  # ipaddress takes any text at all as a zone (RFC 4007)
        raise ValueError(
            f"'{text}' has a zone after '%', which means something on one machine only; write the address alone"
        )
    try:
        return str(_unmapped(ipaddress.ip_network(text)))
    except ValueError as error:
        raise ValueError(f"'{text}' is not an address or network: {error}{_without_host_bits(text)}") from None


def _unmapped(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return an IPv4-mapped network (RFC 4291 section 2.5.5.2) as IPv4: servers see such a peer so, and httpd reads no other spelling of it."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


def _without_host_bits(text: str) -> str:
    try:
        return f"; did you mean {ipaddress.ip_network(text, strict=False)}?"
    except ValueError:
        return ""


def _trusted_network(text: str) -> str:
    network = ipaddress.ip_network(_network(text))
    if network.prefixlen == 0:
        raise ValueError(f"'{text}' would trust every address; name the proxies in front of this server")
    return str(network)


Network = Annotated[str, AfterValidator(_network)]
TrustedNetwork = Annotated[str, AfterValidator(_trusted_network)]


def _origin(text: str) -> str:
    """Accept `https://host[:port]` and return it as browsers write it: lower case, ASCII, without the scheme's own port."""
    refuse_control(text, "the origin")
    if "*" in text or text == "null":
        raise ValueError(f"the origin '{text}' allows unnamed sites; write each one out")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"the origin '{text}' cannot be read: {error}") from None
    standard = {"http": 80, "https": 443}
    more = parts.path not in ("", "/") or parts.username is not None or "?" in text or "#" in text
    if parts.scheme not in standard or more or port == 0:
        raise ValueError(f"the origin '{text}' must be scheme, host and port only, such as https://portal.example.com")
    host = bracketed(host_name(parts.hostname or "", "the origin's host"))
    return f"{parts.scheme}://{host}" + ("" if port in (None, standard[parts.scheme]) else f":{port}")


Origin = Annotated[str, AfterValidator(_origin)]
