"""OTA214 to OTA218: versions and suites, against App Transport Security today and the stricter rules announced for iOS 27.

OTA225: a server that wants a certificate of its client, in the handshake, behind it, or by a page of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.addresses import bracketed
from ota_proxy.facts.install import TlsFacts, origin
from ota_proxy.policy.apple_tls import TLS13, accepted_suites, next_generation_problems, weakness
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.support.answers import MANIFEST, PACKAGE, Effect, affected, at, understood
from ota_proxy.rules.support.evidence import proof
from ota_proxy.rules.support.ownership import speaking
from ota_proxy.rules.support.predicates import walk
from ota_proxy.rules.support.refusals import wants_certificate


@checks("OTA225", "live", "files")
def client_certificate_required(facts: Facts) -> Iterator[Finding]:
    """The installer has no certificate to show (observed behaviour: its sessions answer no such question)."""
    if facts.files is not None:
        yield from affected(understood(facts), (*MANIFEST, *PACKAGE), _wanted)
    if facts.files is None or facts.install is not None:
        yield from _refused(facts)


def _wanted(seen: Effect) -> Finding | None:
    reasons = (one.reason for one in seen.answer.refused if one.cause == "client-certificate")
    return next((at(seen.files, reason) for reason in reasons), None)


def _refused(facts: Facts) -> Iterator[Finding]:
    install = walk(facts)
    known = {(tls.host, tls.port): tls for tls in install.hosts}
    seen: set[tuple[str, str, int]] = set()
    asked = list(install.needed())
    for visit in asked:
        where = origin(visit.last.url)
        if wants_certificate(visit) and where not in seen:
            seen.add(where)
            _, host, port = where
            how = "in the handshake" if visit.response is None else f"with HTTP {visit.status}"
            message = f"{host} asks for a client certificate and refuses without one, {how}; the installer has none"
            subject = visit.last.url if visit.response is not None else f"{bracketed(host)}:{port}"
            evidence = proof(visit.last, "server?", "content-type?") + _flight(known.get((host, port)))
            yield Finding(subject, message, evidence)
    if not any(visit.response is not None for visit in asked) and not seen:
        raise NoVerdict("nothing was answered")


def _flight(tls: TlsFacts | None) -> str:
    return "\nTLS 1.2: the server sends a CertificateRequest" if tls is not None and tls.asks_certificate else ""


TLS12 = "TLSv1.2"


def _versions_seen(facts: Facts) -> tuple[TlsFacts, ...]:
    found = tuple(tls for tls in speaking(facts) if tls.versions)
    if not found:
        raise NoVerdict("the TLS versions were not asked for")
    return found


def _modern(facts: Facts) -> tuple[TlsFacts, ...]:
    """The hosts with TLS 1.2 or newer whose suites are known; without such a version only OTA214 speaks."""
    new = tuple(tls for tls in _versions_seen(facts) if _new(tls))
    if not new:
        raise NotApplicable("no host speaks TLS 1.2 or newer, which is reported")
    found = tuple(tls for tls in new if any(tls.suites.get(version) for version in _new(tls)))
    if not found:
        raise NoVerdict("the cipher suites were not asked for")
    return found


def _new(tls: TlsFacts) -> list[str]:
    return [version for version in tls.versions if version in {TLS12, TLS13}]


def _old(tls: TlsFacts) -> list[str]:
    return [version for version in tls.versions if version not in {TLS12, TLS13}]


def _accepts(tls: TlsFacts) -> str:
    rows = [f"{version}: {', '.join(tls.suites.get(version, ())) or 'suites not known'}" for version in tls.versions]
    return "\n".join([f"{tls.place} accepts", *rows])


@checks("OTA214")
def tls_too_old(facts: Facts) -> Iterator[Finding]:
    """iOS wants TLS 1.2 or newer (App Transport Security)."""
    for tls in _versions_seen(facts):
        if not _new(tls):
            message = f"{tls.host} speaks {', '.join(tls.versions)} and nothing newer"
            yield Finding(tls.place, message, _accepts(tls))


@checks("OTA215")
def tls_legacy_offered(facts: Facts) -> Iterator[Finding]:
    """TLS 1.0 and 1.1 are deprecated (RFC 8996)."""
    for tls in _versions_seen(facts):
        if _old(tls):
            yield Finding(tls.place, f"{tls.host} still accepts {', '.join(_old(tls))}", _accepts(tls))


@checks("OTA216")
def tls_no_ats_suite(facts: Facts) -> Iterator[Finding]:
    """No common suite with App Transport Security: the handshake fails."""
    for tls in _modern(facts):
        if not any(accepted_suites(version) & set(tls.suites.get(version, ())) for version in _new(tls)):
            message = f"{tls.host} offers no cipher suite that iOS accepts"
            yield Finding(tls.place, message, _accepts(tls))


@checks("OTA217")
def tls_weak_suite_offered(facts: Facts) -> Iterator[Finding]:
    """Weak suites of TLS 1.2; those of older versions go with the version, which is OTA215's."""
    for tls in _modern(facts):
        weak = [f"{suite} ({word})" for suite in tls.suites.get(TLS12, ()) if (word := weakness(suite))]
        if weak:
            message = f"{tls.host} still accepts {len(weak)} weak cipher suite{'s' * (len(weak) != 1)}"
            yield Finding(tls.place, message, "\n".join([f"{tls.place} accepts", *weak]))


@checks("OTA218")
def ats_next_generation(facts: Facts) -> Iterator[Finding]:
    """The stricter rules: scope announced by Apple (support.apple.com/126655), detail second-hand; enforcement is not established."""
    for tls in _modern(facts):
        lacks = next_generation_problems(
            tls.versions, tls.suites.get(TLS12, ()), master_secret=tls.extended_master_secret
        )
        if lacks:
            message = f"{tls.host} would be refused by the rules announced for iOS 27: {', '.join(lacks)}"
            yield Finding(tls.place, f"{message}; whether they are enforced is not established", _accepts(tls))
