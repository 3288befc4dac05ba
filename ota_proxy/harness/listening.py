"""Where a site's own server listens, and the names and lines that follow from it, for every engine alike."""

from __future__ import annotations

from ota_proxy.model import Site
from ota_proxy.render.apache_notes import listens

LOOPBACK = "127.0.0.1"


def names(site: Site) -> tuple[str, ...]:
    """Return the hosts a device can ask for, each once: the public one first, no wildcards."""
    return tuple(dict.fromkeys([site.public_host, *(name for name in site.domains if not name.startswith("*."))]))


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
