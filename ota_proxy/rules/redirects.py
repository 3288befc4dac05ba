"""OTA201 to OTA206: from the first packet to https, and never away from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from ota_proxy.addresses import bracketed
from ota_proxy.facts.install import Exchange, InstallFacts, NetError, PlainHttpFacts, TlsFacts, Visit, origin
from ota_proxy.policy.apple_tls import accepted_suites
from ota_proxy.rules.certificate import UNVERIFIED, certificate_problem
from ota_proxy.rules.internal import internal_hosts
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.support.answers import ANY_NAME, Live, at, understood
from ota_proxy.rules.support.evidence import hops, proof
from ota_proxy.rules.support.ownership import Place, internal_places, severity_at
from ota_proxy.rules.support.predicates import leaves_https, location_of, visits, walk
from ota_proxy.servers.effective import Answer, Effective, Request

_PERMANENT = (301, 308)
_OURS = ("dns", "unreachable")
"""Errors that may be this machine's own: its resolver, its network."""


def _plain(facts: Facts) -> list[PlainHttpFacts]:
    """Return the plain ports that answer, the walk's own host first."""
    install = walk(facts)
    asked = [plain for plain in (install.plain, *install.plains) if plain is not None]
    if not asked:
        raise NotApplicable("the plain http port was not asked")
    open_ = [plain for plain in asked if plain.open]
    if not open_:
        raise NotApplicable("nothing listens on the plain http port, which is fine")
    found = [plain for plain in open_ if plain.probe.first.response is not None]
    if not found:
        raise NoVerdict("the plain http port takes connections and gives no answer")
    return found


def _at(facts: Facts, probe: Visit, finding: Finding) -> Finding:
    """Return the finding as the host has it: the site's own, or somebody else's."""
    return replace(finding, severity=severity_at(walk(facts), origin(probe.first.url)[1]))


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


@checks("OTA201", "live", "files")
def http_no_redirect(facts: Facts) -> Iterator[Finding]:
    """What answers on the plain port must lead to https; a closed port is fine."""
    if facts.files is not None:
        yield from _unredirected(understood(facts))
    if facts.files is None or facts.install is not None:
        for probe in (plain.probe for plain in _plain(facts)):
            if not _first_https(probe) and probe.stopped not in {"loop", "too-many"}:
                yield _at(facts, probe, Finding(probe.first.url, _instead(probe.status), proof(probe.last, "location")))


def _instead(status: int | None) -> str:
    """Say what plain http does instead of redirecting."""
    if status is not None and 200 <= status < 300:
        return "Plain http serves content instead of redirecting to https"
    return f"Plain http answers {status} and does not redirect to https"


def _unredirected(files: Effective) -> Iterator[Finding]:
    found = _asked_plain(files)
    if found.redirects:
        return
    if found.unknown:
        raise NoVerdict(found.unknown[0].reason.why)
    secure = files.ask(Request(found.request.path))
    if secure.unheard:
        raise NotApplicable(secure.unheard)
    if files.unseen:
        raise NoVerdict(files.unseen)
    yield at(files, found.decided, _instead(found.status))


def _asked_plain(files: Effective) -> Answer:
    """Return what a manifest gets over plain http; NotApplicable where nothing answers there."""
    if not files.folders():
        raise NotApplicable("no site was read")
    found = files.ask(Request(f"/{ANY_NAME}.plist", scheme="http", query="build=1", named=False))
    if found.unheard:
        raise NotApplicable(found.unheard)
    return found


@checks("OTA202", "live", "files")
def http_redirect_drops_path(facts: Facts) -> Iterator[Finding]:
    """Path and query must arrive byte for byte, `%2F` included."""
    if facts.files is not None:
        yield from _lossy(understood(facts))
    if facts.files is None or facts.install is not None:
        for probe in _redirecting(facts):
            target = _first_https(probe)
            message = _lost(_path_and_query(probe.first.url), target)
            if message:
                message += _glued(probe, target)
                yield _at(facts, probe, Live(probe.first).finding(message, "location"))


def _lost(asked: str, target: str) -> str:
    got = _path_and_query(target)
    return f"The redirect to https turns {asked} into {got or '/'}" if asked != got else ""


def _lossy(files: Effective) -> Iterator[Finding]:
    found = _asked_plain(files)
    redirects = [one for one in found.redirects if one.about_scheme]
    if not redirects:
        raise NotApplicable("no redirect from http stands in these files")
    for one in redirects:
        message = _lost(found.request.target, one.location)
        if message:
            yield at(files, one.reason, f"{message} ({one.name})")


def _redirecting(facts: Facts) -> list[Visit]:
    found = [plain.probe for plain in _plain(facts) if _first_https(plain.probe)]
    if not found:
        raise NoVerdict("plain http does not redirect to https")
    return found


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
    for probe in _redirecting(facts):
        way = [hop for hop in probe.hops if hop.url.lower().startswith("http:") and 300 <= hop.status < 400]
        before = way[: next((index + 1 for index, hop in enumerate(way) if _reaches_https(hop)), len(way))]
        if len(before) > 1:
            message = f"It takes {len(before)} redirects to get from http to https"
            yield _at(facts, probe, Finding(probe.first.url, message, hops(probe)))
        elif before and before[0].status not in _PERMANENT:
            message = f"The redirect from http to https is temporary ({before[0].status})"
            yield _at(facts, probe, Finding(probe.first.url, message, proof(before[0], "location")))


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
    yield from (plain.probe for plain in (install.plain, *install.plains) if plain)


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
    """A TLS server must answer at the host and port of every URL of the walk, redirects included, and know the name."""
    install = walk(facts)
    inside = internal_places(facts) | internal_hosts(facts)  # those are OTA313's and OTA226's
    known = {(tls.host, tls.port): tls for tls in install.hosts}
    away = next((tls for tls in known.values() if _is_away(tls)), None)
    rest = list(_failed(install, known, inside))
    if not known and not rest:
        raise NotApplicable("no https address was part of the walk")
    for where, tls in known.items():
        if where not in inside and not _is_away(tls):
            yield from _unspoken(tls)
    yield from rest
    if away is not None:
        raise NoVerdict(f"{away.host} cannot be reached from here: {away.error.message if away.error else 'no reason'}")


def _is_away(tls: TlsFacts) -> bool:
    return not tls.reachable and tls.error is not None and tls.error.kind in _OURS


def _unspoken(tls: TlsFacts) -> Iterator[Finding]:
    where, why = tls.place, tls.error.message if tls.error else "no reason was given"
    if not tls.reachable:
        if tls.error is None or tls.error.kind != "client-certificate":
            yield Finding(where, f"Nothing speaks TLS at {where}", f"TLS handshake with {where}: {why}")
    elif not tls.versions and not tls.chain:
        message = f"The server at {where} speaks TLS and finishes no handshake for the name {tls.host}"
        yield Finding(where, message, f"TLS handshake with {where}: {why}")


_HANDSHAKE = frozenset({"tls", "refused"})


def _failed(install: InstallFacts, known: Mapping[Place, TlsFacts], inside: set[Place]) -> Iterator[Finding]:
    """Yield the places where a request of the walk never got through and that no other rule explains, each once.

    A host that nobody probed is spoken of for its package only: that of the walk itself is for the walk that probed it.
    """
    seen: set[Place] = set(inside)
    packages = [package.get for package in install.packages]
    for visit in install.needed():
        error, (scheme, host, port) = visit.error, origin(visit.last.url)
        where = (host, port)
        if error is None or error.kind not in _HANDSHAKE or scheme != "https" or where in seen:
            continue
        seen.add(where)
        tls = known.get(where)
        if tls is None and visit in packages and error.code != UNVERIFIED:
            yield Finding(f"{bracketed(host)}:{port}", f"Nothing answers over TLS at {host}:{port}", proof(visit.last))
        elif tls is not None and unexplained(tls, error, install.now):
            yield Finding(tls.place, _unclear(tls, error), proof(visit.last))


def _unclear(tls: TlsFacts, error: NetError) -> str:
    if not tls.chain:
        return f"The handshake with {tls.place} fails: {error.message}"
    return f"The device cannot connect to {tls.place}, although certificate, versions and suites look right: {error.message}"


def unexplained(tls: TlsFacts, error: NetError, now: datetime) -> bool:
    """Say whether a connection failed for a reason that no rule on certificates, versions and suites names."""
    if not tls.reachable or not (tls.versions or tls.chain) or tls.trust == "unreadable":
        return False
    modern = any(accepted_suites(version) & set(suites) for version, suites in tls.suites.items())
    if tls.suites and not modern:
        return False
    return not tls.chain or (not certificate_problem(tls, now) and error.code != UNVERIFIED)
