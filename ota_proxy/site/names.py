"""Which names of a site are shown which certificates: one virtual host for every set of certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ota_proxy.site.values import PartError

PER_NAME = 2
"""Certificates that one name can have: an RSA and an ECDSA one, of which each handshake takes what the device prefers."""


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """Names that are shown the same certificates; `certificates` are their places in the site's own list, in its order."""

    domains: tuple[str, ...]
    certificates: tuple[int, ...]


def covers(pattern: str, host: str) -> bool:
    """Say whether the domain `pattern` (`a.example.com` or `*.example.com`, one label deep) names `host`."""
    return pattern == host or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:])


def virtual_hosts(domains: Sequence[str], named: Sequence[Sequence[str]]) -> tuple[VirtualHost, ...]:
    """Group `domains` by their certificates, in the order of each group's first name.

    `named` has the names of every certificate: the name itself comes before a wildcard, and a certificate without names
    is for every name that no other one claims. PartError for a name without a certificate or with too many.
    """
    groups: dict[tuple[int, ...], list[str]] = {}
    for domain in domains:
        groups.setdefault(_certificates_of(domain, named), []).append(domain)
    idle = next((index for index in range(len(named)) if not any(index in group for group in groups)), None)
    if idle is not None:
        raise PartError("every name of this certificate has another one already", "certificates", idle)
    return tuple(VirtualHost(tuple(names), group) for group, names in groups.items())


def _certificates_of(domain: str, named: Sequence[Sequence[str]]) -> tuple[int, ...]:
    exact = tuple(index for index, names in enumerate(named) if domain in names)
    wild = tuple(index for index, names in enumerate(named) if any(covers(name, domain) for name in names))
    found = exact or wild or tuple(index for index, names in enumerate(named) if not names)
    if named and not found:
        raise PartError(f"{domain} has no certificate: no entry of certificates names it", "domains")
    if len(found) > PER_NAME:
        which = " and ".join(f"certificates[{index}]" for index in found)
        raise PartError(
            f"{domain} would have {len(found)} certificates ({which}); one RSA and one ECDSA certificate is the most: "
            "say with domains which certificate is for which names",
            "certificates",
            found[-1],
        )
    return found


def host_of(hosts: Sequence[VirtualHost], name: str) -> VirtualHost | None:
    """Return the virtual host that answers for a name: by the name itself, else by a wildcard."""
    exact = next((host for host in hosts if name in host.domains), None)
    return exact or next((host for host in hosts if any(covers(one, name) for one in host.domains)), None)


def shown(hosts: Sequence[VirtualHost], certificate: int) -> tuple[str, ...]:
    """Return the names that are shown a certificate."""
    return tuple(name for host in hosts if certificate in host.certificates for name in host.domains)


def taken(hosts: Sequence[VirtualHost], host: VirtualHost, neighbours: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names that a wildcard of `host` covers and that are another one's by name; `neighbours` are those of other sites."""
    others = [name for other in hosts if other != host for name in other.domains if not name.startswith("*.")]
    others += [name for name in neighbours if not name.startswith("*.")]
    wild = [name for name in host.domains if name.startswith("*.")]
    return tuple(name for name in others if any(covers(pattern, name) for pattern in wild))
