"""Whose places a walk led to: what only your own network knows is one finding (OTA313), and its TLS is nobody else's business."""

from __future__ import annotations

from ota_proxy.addresses import is_address, is_public, without_port
from ota_proxy.facts.install import InstallFacts, TlsFacts, origin
from ota_proxy.rules.model import Facts, NotApplicable, NoVerdict
from ota_proxy.rules.predicates import is_private_address, is_private_name, walk

Place = tuple[str, int]


def internal(facts: Facts, url: str) -> str:
    """Say why an asset's URL is internal; empty where it is not, or where private networks were asked for."""
    install, (_, host, port) = facts.install, origin(url)
    if install is None or not host or install.manifest is None:
        return ""
    if (host, port) in _upstreams(facts):
        return f"it names the application behind the proxy ({host}:{port})"
    own = origin(install.manifest.url)[1]
    if host == own:
        return _lost_port(install, url, port) or _led_inside(install, url)
    if is_private_name(host):
        return f"a phone elsewhere does not know the name {host}"
    if install.private_allowed or host in install.resolved_hosts:
        return ""
    return (
        f"{host} is a private address" if is_address(host) and is_private_address(host) else _led_inside(install, url)
    )


def _upstreams(facts: Facts) -> set[tuple[str, int]]:
    targets = [location.target for location in facts.site.proxied] if facts.site else []
    own = (facts.site.public_host, facts.site.public_port) if facts.site else ("", 0)
    return {(target.host, target.port) for target in targets if target and target.host} - {own}


def _lost_port(install: InstallFacts, url: str, port: int) -> str:
    """The public host with another port than the manifest's, where nothing answers: the port got lost on the way."""
    public = origin(install.manifest.url)[2] if install.manifest else port
    asked = [(package.url, package.get) for package in install.packages]
    asked += [(image.url, image.visit) for image in install.images]
    dead = any(place == url and visit.error for place, visit in asked)
    if port != public and dead and url.lower().startswith("https:"):
        return f"the manifest is at port {public}, and nothing answers at port {port}"
    return ""


def _led_inside(install: InstallFacts, url: str) -> str:
    """Say that an asset's name, or a redirect from it, leads to a private address, whether that was asked or not."""
    visits = [visit for package in install.packages if package.url == url for visit in (package.head, package.get)]
    visits += [image.visit for image in install.images if image.url == url]
    for hop in (hop for visit in visits for hop in visit.hops):
        address = without_port(hop.error.address if hop.error and hop.error.address else hop.address)
        if address and not is_public(address) and not _meant(install, origin(hop.url)[1]):
            how = "its name" if hop.url == url else "a redirect"
            return f"{how} leads to the private address {address}"
    return ""


def _meant(install: InstallFacts, host: str) -> bool:
    """Say whether a person named the host, so that it may be private: as the walk's own, or its address."""
    return install.private_allowed or host == install.host or host in install.resolved_hosts


def internal_places(facts: Facts) -> set[Place]:
    """Return host and port of every asset whose URL is internal."""
    manifest = walk(facts).manifest
    assets = manifest.assets if manifest else ()
    return {origin(asset.url)[1:] for asset in assets if internal(facts, asset.url)}


def tls_of(facts: Facts) -> tuple[TlsFacts, ...]:
    """Return the TLS facts of every host of the walk that phones are meant to reach; NotApplicable where none speaks https."""
    install, inside = walk(facts), internal_places(facts)
    found = tuple(tls for tls in install.hosts if (tls.host, tls.port) not in inside)
    if not found:
        raise NotApplicable("no https address was part of the walk")
    return found


def speaking(facts: Facts) -> tuple[TlsFacts, ...]:
    """Return the hosts that finish a handshake; NoVerdict where none does."""
    found = tuple(tls for tls in tls_of(facts) if tls.reachable and (tls.versions or tls.chain))
    if not found:
        raise NoVerdict("no TLS handshake could be finished")
    return found
