"""OTA214 to OTA218: versions and suites, against App Transport Security today and the stricter rules announced for iOS 27."""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.facts.install import TlsFacts
from ota_proxy.policy.apple_tls import TLS13, accepted_suites, next_generation_problems, weakness
from ota_proxy.rules.model import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.places import speaking
from ota_proxy.rules.registry import checks

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
