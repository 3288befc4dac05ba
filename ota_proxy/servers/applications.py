"""What the three renderings say alike of applications behind a site and of proxies in front of it."""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.site import Location, Site
from ota_proxy.site.values import size_text

ACME = "/.well-known/acme-challenge/"
SECURE, PLAIN = "https|wss", "http|ws"
"""First entries of X-Forwarded-Proto for a device with TLS and without; a proxy may name the scheme of a WebSocket (observed: Traefik)."""


def claimed(site: Site) -> bool:
    """Say whether a location of the site itself has the prefix of ACME challenges; it is then left to that."""
    return any(location.path == ACME for location in site.locations)


def fronted(site: Site) -> bool:
    """Say whether X-Forwarded-Proto is read: where a trusted proxy speaks HTTP. A PROXY header before our TLS comes from one that does not."""
    return bool(site.trusted_proxies) and (site.tls.offloaded or not site.listen.proxy_protocol)


def upload_notes(site: Site) -> Iterator[str]:
    """Say how large an upload may be."""
    groups: dict[int, list[str]] = {}
    for location in site.proxied:
        groups.setdefault(location.body_limit, []).append(location.path)
    for limit, paths in groups.items():
        size = f"may have {size_text(limit)}, more is 413" if limit else "may have any size"
        yield f"an upload to {' and '.join(paths)} {size} (max_body)"


def websocket_notes(site: Site) -> Iterator[str]:
    """Say which applications get no WebSocket."""
    without = [location.path for location in site.proxied if not location.websocket]
    if without:
        yield f"a WebSocket of {' and '.join(without)} cannot be opened; websocket = true in that location lets it through"


def front_notes(site: Site) -> Iterator[str]:
    """Say what the proxies in front must send, and what is made of it."""
    if fronted(site):
        yield (
            f"the first entry of X-Forwarded-Proto from {', '.join(site.trusted_proxies)} says how the device came: https is served, http is"
            " redirected to https; without it the connection decides; nobody else is believed"
        )


def read_timeouts(site: Site) -> tuple[Location, ...]:
    """Return the applications that may be silent for a time of their own."""
    return tuple(location for location in site.proxied if location.read_timeout)
