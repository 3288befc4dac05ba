"""TLS servers of nginx: one for every set of certificates, and the conditions on the names of a request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ota_proxy.servers.nginx.quote import quote, quote_path
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Site
from ota_proxy.site.names import VirtualHost, taken

_TOGETHER = 10  # names of at most 253 bytes in one condition, so that it stays below the 4096 bytes nginx reads at once


@dataclass(frozen=True, slots=True)
class Names:
    """Regular expressions on the name in the handshake (or none), and on the Host, for some of the site's domains."""

    sni: Quoted
    host: Quoted


@dataclass(frozen=True, slots=True)
class Host:
    """One TLS server: its names, its pairs of certificate and key, and conditions on the names of a request.

    `taken` are names that its wildcards cover and that are another server's.
    """

    domains: Quoted
    certificates: list[tuple[Quoted, Quoted]]
    ours: list[Names]
    taken: list[Names]


def hosts_of(site: Site, neighbours: Sequence[str]) -> list[Host]:
    """Return the TLS servers of a site; `neighbours` are the names of the other sites beside it."""
    return [
        Host(
            domains=Quoted(" ".join(quote(name, ("domains", site.domains.index(name))) for name in host.domains)),
            certificates=_pairs(site, host),
            ours=_names(host.domains),
            taken=_names(taken(site.virtual_hosts, host, neighbours)),
        )
        for host in site.virtual_hosts
    ]


def _pairs(site: Site, host: VirtualHost) -> list[tuple[Quoted, Quoted]]:
    return [
        (
            quote_path(site.certificates[index].cert, ("certificates", index, "cert")),
            quote_path(site.certificates[index].key, ("certificates", index, "key")),
        )
        for index in host.certificates
    ]


def _names(domains: Sequence[str]) -> list[Names]:
    """Return conditions on the names of a request; a wildcard stands for one label (RFC 6125 section 6.4.3)."""
    each = ["[^.]+" + re.escape(name[1:]) if name.startswith("*.") else re.escape(name) for name in domains]
    groups = ["|".join(each[start : start + _TOGETHER]) for start in range(0, len(each), _TOGETHER)]
    return [Names(sni=regex(f"^(?:{group})?$"), host=regex(f"^(?:{group})$")) for group in groups]


def regex(pattern: str) -> Quoted:
    """Quote a regular expression made of escaped text; its `$` starts no variable, because a condition has none on that side."""
    return Quoted('"' + pattern.replace("\\", "\\\\") + '"')
