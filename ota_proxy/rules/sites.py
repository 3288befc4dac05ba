"""Whose host a walk met: of the site itself (one registrable domain, or one address, with page or manifest), or somebody else's.

What is wrong with somebody else's host, a storage service or a CDN, is a note: whoever reads the report cannot mend it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.addresses import without_port
from ota_proxy.facts.install import Exchange, InstallFacts, origin
from ota_proxy.policy.public_suffixes import same_site
from ota_proxy.rules.model import Severity


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
