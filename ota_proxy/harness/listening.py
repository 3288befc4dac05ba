"""Where a site's own server listens, and the names and lines that follow from it, for every engine alike."""

from __future__ import annotations

from ota_proxy.servers.apache.notes import listens
from ota_proxy.site import Site
from ota_proxy.site.names import host_of

LOOPBACK = "127.0.0.1"


_SAMPLE = "ota-proxy-test"
"""A label that stands for the star of a wildcard."""


def names(site: Site) -> tuple[str, ...]:
    """Return the hosts a device can ask for, each once: the public one first, no wildcards but for a name of each alias's."""
    plain = (name for name in site.domains if not name.startswith("*."))
    return tuple(dict.fromkeys([site.public_host, *plain, *aliases(site)]))


def aliases(site: Site) -> tuple[str, ...]:
    """Return a name of each virtual host that has other certificates than the public name; of a wildcard one that it covers."""
    public = host_of(site.virtual_hosts, site.public_host)
    others = [host.domains for host in site.virtual_hosts if host != public]
    return tuple(min(names, key=lambda name: name.startswith("*.")).replace("*", _SAMPLE) for names in others)


def alias_bases(site: Site) -> tuple[str, ...]:
    """Return scheme, host and port of each of the aliases."""
    port = "" if site.public_port == 443 else f":{site.public_port}"
    return tuple(f"https://{name}{port}" for name in aliases(site))


def ports(site: Site) -> list[int]:
    """Return the TCP ports of the site's own server, the plain one first; the front of an offloaded site has others."""
    plain = [site.listen.http] if site.listen.http else []
    return plain if site.tls.offloaded else [*plain, site.https_port]


def apache_lines(site: Site) -> list[str]:
    """Return the Listen lines of the rendered header; TLS on another port than 443 needs its protocol named (mod_mpm_common)."""
    return [
        f"Listen {place}{' https' if tls and not place.endswith(':443') and place != '443' else ''}"
        for place, tls in listens(site)
    ]
