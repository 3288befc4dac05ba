"""OTA201 to OTA206: from the first packet to https, and never away from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from ota_proxy.device.facts import Exchange, InstallFacts, PlainHttpFacts, TlsFacts, Visit, origin
from ota_proxy.policy.ats import accepted_suites
from ota_proxy.rules.certificate import weaknesses
from ota_proxy.rules.evidence import hops, proof
from ota_proxy.rules.model import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.places import internal_places
from ota_proxy.rules.predicates import leaves_https, location_of, visits, walk
from ota_proxy.rules.registry import checks

_PERMANENT = (301, 308)
_OURS = ("dns", "unreachable")
"""Errors that may be this machine's own: its resolver, its network."""


def _plain(facts: Facts) -> PlainHttpFacts:
    plain = walk(facts).plain
    if plain is None:
        raise NotApplicable("the plain http port was not asked")
    if not plain.open:
        raise NotApplicable("nothing listens on the plain http port, which is fine")
    if plain.probe.first.response is None:
        raise NoVerdict("the plain http port takes connections and gives no answer")
    return plain


def _targets(visit: Visit) -> list[str]:
    """Where each hop points, absolute; the last may not have been followed."""
    found = [(hop.url, location_of(hop)) for hop in visit.hops if 300 <= hop.status < 400]
    return [_join(url, location) for url, location in found if location]


def _join(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def _first_https(visit: Visit) -> str:
    return next((url for url in _targets(visit) if url.lower().startswith("https:")), "")


@checks("OTA201")
def http_no_redirect(facts: Facts) -> Iterator[Finding]:
    """What answers on the plain port must lead to https; a closed port is fine."""
    probe = _plain(facts).probe
    if _first_https(probe) or probe.stopped in {"loop", "too-many"}:
        return
    if 200 <= probe.status < 300:
        message = "Plain http serves content instead of redirecting to https"
    else:
        message = f"Plain http answers {probe.status} and does not redirect to https"
    yield Finding(probe.first.url, message, proof(probe.last, "location"))


@checks("OTA202")
def http_redirect_drops_path(facts: Facts) -> Iterator[Finding]:
    """Path and query must arrive byte for byte, `%2F` included."""
    probe = _plain(facts).probe
    target = _first_https(probe)
    if not target:
        raise NoVerdict("plain http does not redirect to https")
    asked, got = _path_and_query(probe.first.url), _path_and_query(target)
    if asked != got:
        message = f"The redirect to https turns {asked} into {got or '/'}{_glued(probe, target)}"
        yield Finding(probe.first.url, message, proof(probe.first, "location"))


def _path_and_query(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _glued(probe: Visit, target: str) -> str:
    host, reached = origin(probe.first.url)[1], origin(target)[1]
    return f": the path was glued to the host ({reached})" if reached != host and reached.startswith(host) else ""


@checks("OTA203")
def http_redirect_chain(facts: Facts) -> Iterator[Finding]:
    """One permanent redirect from http to https."""
    probe = _plain(facts).probe
    if not _first_https(probe):
        raise NoVerdict("plain http does not redirect to https")
    way = [hop for hop in probe.hops if hop.url.lower().startswith("http:") and 300 <= hop.status < 400]
    before = way[: next((index + 1 for index, hop in enumerate(way) if _reaches_https(hop)), len(way))]
    if len(before) > 1:
        yield Finding(probe.first.url, f"It takes {len(before)} redirects to get from http to https", hops(probe))
    elif before and before[0].status not in _PERMANENT:
        message = f"The redirect from http to https is temporary ({before[0].status})"
        yield Finding(probe.first.url, message, proof(before[0], "location"))


def _reaches_https(hop: Exchange) -> bool:
    return _join(hop.url, location_of(hop)).lower().startswith("https:")


@checks("OTA204")
def redirect_loop(facts: Facts) -> Iterator[Finding]:
    """Redirects that never end; most often TLS ends in front and the server behind does not believe the forwarded scheme."""
    install = walk(facts)
    seen: set[str] = set()
    for visit in _all_visits(install):
        if visit.stopped in {"loop", "too-many"} and not seen & {hop.url for hop in visit.hops}:
            seen |= {hop.url for hop in visit.hops}
            count = len(visit.hops)
            message = f"The redirects never end: no answer after {count} redirect{'s' * (count != 1)}"
            yield Finding(visit.first.url, message, hops(visit))


def _all_visits(install: InstallFacts) -> Iterator[Visit]:
    yield from visits(install)
    if install.plain:
        yield install.plain.probe


@checks("OTA205")
def https_downgrade(facts: Facts) -> Iterator[Finding]:
    """No hop of any OTA URL may leave https (Apple: App Transport Security)."""
    seen: set[str] = set()
    for visit in visits(walk(facts)):
        if leaves_https(visit) and visit.first.url not in seen:
            seen.add(visit.first.url)
            yield Finding(visit.first.url, "A redirect leads away from https; iOS does not follow it", hops(visit))


@checks("OTA206")
def tls_unreachable(facts: Facts) -> Iterator[Finding]:
    """A TLS server must answer at the URL's host and port, and know the name."""
    install = walk(facts)
    hosts = install.hosts
    for tls in hosts:
        if not tls.reachable and tls.error is not None and tls.error.kind in _OURS:
            raise NoVerdict(f"{tls.host} cannot be reached from here: {tls.error.message}")
    inside = internal_places(facts)  # those are OTA313's
    known = {(tls.host, tls.port) for tls in hosts}
    rest = [*_silent(install, known | inside), *_unexplained(install)]
    if not hosts and not rest:
        raise NotApplicable("no https address was part of the walk")
    yield from (found for tls in hosts if (tls.host, tls.port) not in inside for found in _unspoken(tls))
    yield from rest


def _unspoken(tls: TlsFacts) -> Iterator[Finding]:
    where, why = tls.place, tls.error.message if tls.error else "no reason was given"
    if not tls.reachable:
        yield Finding(where, f"Nothing speaks TLS at {where}", f"TLS handshake with {where}: {why}")
    elif not tls.versions and not tls.chain:
        message = f"The server at {where} speaks TLS and finishes no handshake for the name {tls.host}"
        yield Finding(where, message, f"TLS handshake with {where}: {why}")


def _silent(install: InstallFacts, known: set[tuple[str, int]]) -> Iterator[Finding]:
    """Hosts of packages that nobody probed and that refuse the connection."""
    for package in install.packages:
        scheme, host, port = origin(package.get.last.url)
        error = package.get.error
        if error and error.kind in {"refused", "tls"} and scheme == "https" and host and (host, port) not in known:
            known = known | {(host, port)}
            yield Finding(f"{host}:{port}", f"Nothing answers over TLS at {host}:{port}", proof(package.get.last))


def _unexplained(install: InstallFacts) -> Iterator[Finding]:
    """A handshake that fails although certificate, versions and suites look right: no other rule would name it."""
    tls = install.tls
    asked = [part.visit for part in (install.page, install.manifest) if part]
    failed = next((visit for visit in asked if tls and _refused_at(visit, (tls.host, tls.port))), None)
    if tls is None or failed is None:
        return
    if _looks_right(tls, install.now):
        message = f"The device cannot connect to {tls.place}, although its TLS looks right"
        yield Finding(tls.place, message, proof(failed.last))


def _looks_right(tls: TlsFacts, now: datetime) -> bool:
    if not tls.chain or weaknesses(tls.chain) or not (tls.trust == "trusted" and tls.name_matches):
        return False
    modern = any(accepted_suites(version) & set(suites) for version, suites in tls.suites.items())
    return modern and tls.chain[0].not_before <= now <= tls.chain[0].not_after


def _refused_at(visit: Visit, place: tuple[str, int]) -> bool:
    return visit.error is not None and visit.error.kind in {"tls", "refused"} and origin(visit.last.url)[1:] == place
