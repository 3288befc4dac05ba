"""Virtual hosts of Apache: their names, in an order in which the right one is the first that fits, and their certificates."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from ota_proxy.servers.apache import quote
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Site
from ota_proxy.site.names import VirtualHost, host_of, taken

View = dict[str, object]


def in_order(hosts: Sequence[VirtualHost]) -> list[VirtualHost]:
    """Put plain names before wildcards, and the deeper wildcard first: Apache takes the first virtual host that fits."""
    if len(hosts) == 1:
        return list(hosts)
    parts: dict[tuple[int, int], VirtualHost] = {}
    for index, host in enumerate(hosts):
        for name in host.domains:
            depth = name.count(".") if name.startswith("*.") else sys.maxsize
            known = parts.get((depth, index), VirtualHost((), host.certificates))
            parts[depth, index] = VirtualHost((*known.domains, name), host.certificates)
    return [parts[key] for key in sorted(parts, key=lambda key: (-key[0], key[1]))]


def tls_host(site: Site, host: VirtualHost, neighbours: Sequence[str]) -> View:
    """Return what the template prints of one TLS virtual host."""
    public = host_of(site.virtual_hosts, site.public_host)
    more = (site.public_host,) if public and public.certificates == host.certificates else ()
    others = taken(site.virtual_hosts, host, neighbours)
    first = host.domains[0].replace("*", "wildcard")  # ServerName takes no pattern
    return {
        "name": quote.word(f"{first}:{site.public_port}", ("domains",)),
        "aliases": aliases(site, host.domains if host.domains[0].startswith("*.") else host.domains[1:]),
        "pairs": [
            {
                "cert": quote.path(site.certificates[index].cert, ("certificates", index, "cert")),
                "key": quote.path(site.certificates[index].key, ("certificates", index, "key")),
            }
            for index in host.certificates
        ],
        "taken": quote.argument(f"^(?:{quote.hosts(others)})$", ("domains",)) if others else None,
        **patterns(dict.fromkeys((*host.domains, *more))),
    }


def aliases(site: Site, names: Sequence[str]) -> Quoted:
    """Quote names for ServerAlias."""
    return Quoted(" ".join(quote.word(name, ("domains", site.domains.index(name))) for name in names))


def patterns(names: Iterable[str]) -> View:
    """Return regular expressions that know the names in Host and SNI, and their opposites."""
    ours = quote.hosts(names)
    host, name = f"^(?:{ours})[.]?(?::[0-9]+)?$", f"^(?:{ours})$"
    return {
        "host_ours": quote.argument(host, ("domains",)),
        "host_foreign": quote.argument("!" + host, ("domains",)),
        "name_ours": quote.argument(name, ("domains",)),
        "name_foreign": quote.argument(f"!^(?:{ours})?$", ("domains",)),
    }
