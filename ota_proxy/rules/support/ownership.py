"""Whose hosts and places a walk met: of the site itself (one registrable domain, or one address, with page or manifest), or somebody else's.

What is wrong with somebody else's host, a storage service or a CDN, is a note: whoever reads the report cannot mend it. What only your own network knows
is one finding (OTA313), and its TLS is nobody else's business.
"""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.addresses import is_address, is_public, without_port
from ota_proxy.facts.install import Exchange, InstallFacts, TlsFacts, origin
from ota_proxy.policy.public_suffixes import same_site
from ota_proxy.rules.rule import Facts, NotApplicable, NoVerdict, Severity
from ota_proxy.rules.support.predicates import is_private_address, is_private_name, walk


def severity_at(install: InstallFacts, host: str) -> Severity | None:
    """Return None for a host of the site, whose findings are what the rule says, and `note` for somebody else's."""
    return None if is_own(install, host) else "note"


def is_own(install: InstallFacts, host: str) -> bool:
    """Say whether a host is of the same site as the page or the manifest."""
    own = _own_hosts(install)
    if any(same_site(host, one) for one in own):
        return True
    theirs = {_address(hop) for hop in install.exchanges() if _host(hop) == host.lower()}
    return bool((theirs - {""}) & {_address(hop) for hop in install.exchanges() if _host(hop) in own})


def _own_hosts(install: InstallFacts) -> frozenset[str]:
    first = [*_firsts(install)] or [install.host]
    return frozenset(host.lower() for host in (install.host, *first) if host)


def _firsts(install: InstallFacts) -> Iterator[str]:
    """Yield the hosts of page and manifest as they were given; where a redirect leads is not for them to say."""
    if install.page:
        yield _host(install.page.visit.first)
    if install.manifest:
        yield origin(install.manifest.url)[1]


def _host(hop: Exchange) -> str:
    return origin(hop.url)[1].lower()


def _address(hop: Exchange) -> str:
    """Return the address that a request went to, without its port."""
    return without_port(hop.address)


Place = tuple[str, int]


def internal(facts: Facts, url: str) -> str:
    """Say why an asset's URL is internal; empty if it is not, or where private networks were asked for."""
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
