"""OTA226: a link or manifest whose host no other device knows, or none outside this network."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from ota_proxy.addresses import bracketed, is_address, is_public, without_port
from ota_proxy.facts.install import InstallFacts, origin
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, Severity
from ota_proxy.rules.support.evidence import request_line
from ota_proxy.rules.support.ownership import Place
from ota_proxy.rules.support.predicates import is_private_name, walk


@checks("OTA226")
def host_internal(facts: Facts) -> Iterator[Finding]:
    """The manifest's host must be one that the phone can find and reach; not said of an address that was given on purpose."""
    install = walk(facts)
    urls = _urls(install)
    if not urls:
        raise NotApplicable("no link and no manifest was part of the walk")
    seen: set[str] = set()
    for url in urls:
        found = _why(install, url)
        host = origin(url)[1]
        if found and host not in seen:
            seen.add(host)
            severity, why = found
            yield Finding(url, f"The manifest is at {host}: {why}", _evidence(install, url), severity=severity)


def internal_hosts(facts: Facts) -> set[Place]:
    """Return host and port of every link and manifest that OTA226 reports."""
    install = walk(facts)
    return {origin(url)[1:] for url in _urls(install) if _why(install, url)}


def _urls(install: InstallFacts) -> list[str]:
    given = [install.link.manifest_url] if install.link else []
    asked = [install.manifest.url] if install.manifest else []
    return [url for url in dict.fromkeys((*given, *asked)) if origin(url)[1]]


def _why(install: InstallFacts, url: str) -> tuple[Severity, str] | None:
    """Return how bad a host is and why; None if a phone elsewhere may well get there, or where nobody should mind."""
    host = origin(url)[1].rstrip(".").lower()
    if install.private_allowed or host in install.resolved_hosts:
        return None
    host = _dotted(host)
    if host == "localhost" or host.endswith(".localhost"):
        return "error", "that name means the device itself, on every device"
    if is_address(host):
        return _address(host)
    if is_private_name(host):
        return "warning", "that name is known in a private network only, a phone elsewhere cannot look it up"
    return _resolved(install, url)


_NUMBERS = re.compile(r"(?:0x[0-9a-f]{1,16}|[0-9]{1,16})(?:\.(?:0x[0-9a-f]{1,16}|[0-9]{1,16})){0,3}")


def _dotted(host: str) -> str:
    """Return an IPv4 address that is written in another way (`127.1`, `2130706433`, `0x7f000001`) as everybody writes it."""
    if not _NUMBERS.fullmatch(host):
        return host
    *upper, last = (_number(part) for part in host.split("."))
    number = last + sum(part << 8 * (3 - index) for index, part in enumerate(upper))
    return str(ipaddress.IPv4Address(number)) if max(upper, default=0) < 256 and number < 1 << 32 else host


def _number(digits: str) -> int:
    """Read a number as URLs have it: hexadecimal, octal behind a zero, else decimal (WHATWG URL, "IPv4 number parser")."""
    base = 16 if digits.startswith("0x") else 8 if digits.startswith("0") and digits.strip("01234567") == "" else 10
    return int(digits, base)


def _address(host: str) -> tuple[Severity, str] | None:
    if is_public(host):
        return None
    address = _plain(host)
    if address.is_loopback or address.is_unspecified:
        return "error", "a loopback address is the device itself, on every device"
    if address.is_link_local:
        return "warning", "a link-local address leads no further than the next router"
    return "warning", "a private address leads nowhere outside this network"


def _plain(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address without a zone; the IPv4 one inside an IPv6 address that maps it (RFC 4291 §2.5.5.2)."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _resolved(install: InstallFacts, url: str) -> tuple[Severity, str] | None:
    """Look at the address that the name led to; that is this machine's view, so it is never more than a warning."""
    visit = install.manifest.visit if install.manifest and install.manifest.url == url else None
    unasked = visit.error.address if visit and visit.error else ""
    address = (without_port(visit.first.address) or unasked) if visit else ""
    if address and is_address(address.partition("%")[0]) and _address(address):
        return "warning", f"from here that name leads to {address}, which no device outside this network reaches"
    return None


def _evidence(install: InstallFacts, url: str) -> str:
    manifest = install.manifest
    if manifest is not None and manifest.url == url:
        first = manifest.visit.first
        return f"{request_line(first)}\nasked at {first.address or bracketed(origin(url)[1])}"
    return f"url={url}"
