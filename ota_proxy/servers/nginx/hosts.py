"""TLS servers of nginx: one for every set of certificates, and the conditions on the names of a request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ota_proxy.servers.nginx.quote import quote, quote_path, regex
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Site
from ota_proxy.site.names import VirtualHost, taken

_TOGETHER = 10  # names of at most 253 bytes in one condition, so that it stays below the 4096 bytes nginx reads at once


@dataclass(frozen=True, slots=True)
class Condition:
    """Regular expressions on the name in the handshake (or none), on the host of a request and on its header Host, for some of the site's domains."""

    sni: Quoted
    host: Quoted
    header: Quoted
    """Unlike the host, which is the server's name where a request names none, it may be missing, and may have a port."""


@dataclass(frozen=True, slots=True)
class Host:
    """One TLS server: its names, its pairs of certificate and key, and conditions on the names of a request.

    `taken` are names that its wildcards cover and that are another server's.
    """

    domains: Quoted
    certificates: tuple[tuple[Quoted, Quoted], ...]
    ours: tuple[Condition, ...]
    taken: tuple[Condition, ...]


def hosts_of(site: Site, neighbours: Sequence[str]) -> tuple[Host, ...]:
    """Return the TLS servers of a site; `neighbours` are the names of the other sites beside it."""
    return tuple(_host(site, host, neighbours) for host in site.virtual_hosts)


def _host(site: Site, host: VirtualHost, neighbours: Sequence[str]) -> Host:
    return Host(
        domains=Quoted(" ".join(quote(name, ("domains", site.domains.index(name))) for name in host.domains)),
        certificates=tuple(
            (
                quote_path(site.certificates[index].cert, ("certificates", index, "cert")),
                quote_path(site.certificates[index].key, ("certificates", index, "key")),
            )
            for index in host.certificates
        ),
        ours=_conditions(host.domains),
        taken=_conditions(taken(site.virtual_hosts, host, neighbours)),
    )


def _conditions(domains: Sequence[str]) -> tuple[Condition, ...]:
    """Return conditions on the names of a request; a wildcard stands for one label (RFC 6125 section 6.4.3)."""
    each = ["[^.]+" + re.escape(name[1:]) if name.startswith("*.") else re.escape(name) for name in domains]
    groups = ["|".join(each[start : start + _TOGETHER]) for start in range(0, len(each), _TOGETHER)]
    return tuple(
        Condition(
            sni=regex(f"^(?:{group})?$"), host=regex(f"^(?:{group})$"), header=regex(rf"^(?:{group})\.?(?::[0-9]*)?$")
        )
        for group in groups
    )
