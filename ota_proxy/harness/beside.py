"""Several sites on one server: which can be started together, and what the server has to have for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from ota_proxy.harness.engine import Engine
from ota_proxy.site import Certificate, Location, Site
from ota_proxy.site.names import shown


def together(sites: Sequence[Site]) -> list[tuple[Site, ...]]:
    """Group sites that listen on the same ports and addresses; each group is started as one server."""
    groups: dict[tuple[object, ...], list[Site]] = {}
    for site in sites:
        place = (site.listen.http, site.https_port, site.public_port, site.listen.addresses, site.listen.ipv6)
        groups.setdefault((*place, site.tls.offloaded, site.trusted_proxies), []).append(site)
    return [tuple(group) for group in groups.values()]


def adapted(engine: Engine, sites: Sequence[Site]) -> tuple[Site, ...]:
    """Return the sites as they will run in an engine: on the ports that it found for the first of them."""
    first, *others = (engine.adapt(site) for site in sites)
    if first is sites[0]:
        return (first, *others)
    return (first, *(site.model_copy(update={"listen": first.listen}) for site in others))


def combined(sites: Sequence[Site]) -> Site:
    """Return one site with the names, locations and certificates of all, for what a server must have; nobody renders it."""
    if len(sites) == 1:
        return sites[0]
    names: dict[tuple[str, str], dict[str, None]] = {}
    for site in sites:
        for index, pair in enumerate(site.certificates):
            names.setdefault((pair.cert, pair.key), {}).update(dict.fromkeys(shown(site.virtual_hosts, index)))
    everything = {
        "domains": tuple(dict.fromkeys(name for site in sites for name in site.domains)),
        "locations": tuple(location for site in sites for location in site.locations),
        "certificates": tuple(
            Certificate(cert=cert, key=key, domains=tuple(those)) for (cert, key), those in names.items()
        ),
    }
    return sites[0].model_copy(update=everything)


def owner(sites: Sequence[Site], location: Location) -> int:
    """Return which of the sites a location belongs to; of two that say the same, the first."""
    return next(number for number, site in enumerate(sites) if location in site.locations)
