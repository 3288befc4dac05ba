"""OTA207 to OTA213: the certificate and its chain, by Apple's rules for trusted certificates (support.apple.com/103769, 102028)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from ota_proxy.device.facts import CertificateFacts, TlsFacts
from ota_proxy.policy.ats import accepted_hashes, minimum_bits
from ota_proxy.policy.certificates import allowed_days, lifetime, too_long, warn_from
from ota_proxy.rules.model import Facts, Finding, NoVerdict
from ota_proxy.rules.places import speaking
from ota_proxy.rules.predicates import walk
from ota_proxy.rules.registry import checks

_EKU_SINCE = date(2019, 7, 1)
"""serverAuth is asked of certificates issued from this day on (support.apple.com/103769)."""


def _shown(facts: Facts) -> tuple[TlsFacts, ...]:
    found = tuple(tls for tls in speaking(facts) if tls.chain)
    if not found:
        raise NoVerdict("no certificate was seen")
    return found


def _proof(tls: TlsFacts, *lines: str) -> str:
    leaf = tls.chain[0]
    return "\n".join([f"certificate of {tls.place}: subject {leaf.subject}, issuer {leaf.issuer}", *lines])


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _current(tls: TlsFacts, now: datetime) -> bool:
    return tls.chain[0].not_before <= now <= tls.chain[0].not_after


@checks("OTA207")
def cert_untrusted(facts: Facts) -> Iterator[Finding]:
    """Self-signed, or a complete chain to a root that nobody vouched for."""
    for tls in _shown(facts):
        if tls.trust == "not-checked":
            raise NoVerdict(f"the chain of {tls.place} was not checked: {tls.trust_detail or 'no reason was given'}")
        if tls.trust == "self-signed":
            yield Finding(tls.place, f"The certificate of {tls.host} is self-signed", _proof(tls, tls.trust_detail))
        elif tls.trust == "unknown-root":
            message = f"The certificate of {tls.host} comes from a CA that is not known: {tls.chain[-1].issuer}"
            yield Finding(tls.place, message, _proof(tls, *_chain(tls)))


def _chain(tls: TlsFacts) -> list[str]:
    return [f"served {index}: {cert.subject}" for index, cert in enumerate(tls.chain)]


@checks("OTA208")
def cert_expired(facts: Facts) -> Iterator[Finding]:
    """The leaf is past its end or before its start; an expired intermediate counts where the chain is not trusted."""
    now = walk(facts).now
    for tls in _shown(facts):
        issuers = [cert for cert in tls.chain[1:] if not cert.self_signed] if tls.trust != "trusted" else []
        for cert in (tls.chain[0], *issuers):
            span = f"valid from {_day(cert.not_before)} to {_day(cert.not_after)}, now {_day(now)}"
            if now > cert.not_after:
                message = f"The certificate '{cert.subject}' of {tls.host} expired on {_day(cert.not_after)}"
                yield Finding(tls.place, message, _proof(tls, span))
            elif now < cert.not_before:
                message = f"The certificate '{cert.subject}' of {tls.host} is not valid before {_day(cert.not_before)}"
                yield Finding(tls.place, message, _proof(tls, span))


@checks("OTA209")
def cert_name_mismatch(facts: Facts) -> Iterator[Finding]:
    """The host must be among the subject alternative names; the common name does not count. No names at all: OTA211."""
    for tls in _shown(facts):
        leaf = tls.chain[0]
        if leaf.has_san and tls.name_matches is False:
            names = ", ".join((*leaf.dns_names, *leaf.ip_names)) or "no host"
            message = f"The certificate is not for {tls.host}; it names {names}"
            yield Finding(tls.place, message, _proof(tls, f"subject alternative names: {names}"))


@checks("OTA210")
def chain_incomplete(facts: Facts) -> Iterator[Finding]:
    """An intermediate is not served; devices that know it from elsewhere may connect all the same, so it may fail for some only."""
    for tls in _shown(facts):
        if tls.trust == "missing-intermediate":
            missing = tls.chain[-1].issuer
            message = f"The server does not send the intermediate '{missing}'; connecting may fail, on devices that do not know it"
            yield Finding(tls.place, message, _proof(tls, *_chain(tls), tls.trust_detail))


@checks("OTA211")
def cert_weak(facts: Facts) -> Iterator[Finding]:
    """Key size and hash of the leaf and its issuers; names and serverAuth of the leaf."""
    for tls in _shown(facts):
        leaf, problems = tls.chain[0], weaknesses(tls.chain)
        if problems:
            message = f"The certificate of {tls.host} is refused by iOS: {', '.join(problems)}"
            yield Finding(
                tls.place,
                message,
                _proof(tls, f"key {leaf.key_kind} {leaf.key_bits}, {leaf.signature_hash or 'no hash'}"),
            )


def weaknesses(chain: Sequence[CertificateFacts]) -> list[str]:
    """Say what is weak in a chain, leaf first; empty where nothing is."""
    leaf, *issuers = chain
    own = [*_weak(leaf), *_leaf_only(leaf)]
    return own + [
        f"{problem} (issuer {cert.subject})" for cert in issuers if not cert.self_signed for problem in _weak(cert)
    ]


def _weak(cert: CertificateFacts) -> Iterator[str]:
    least = minimum_bits(cert.key_kind)
    if cert.key_bits < least:
        yield f"{cert.key_kind.upper()} key of {cert.key_bits} bits instead of {least}"
    if cert.signature_hash and cert.signature_hash not in accepted_hashes() and not cert.self_signed:
        yield f"signed with {cert.signature_hash.upper()}"


def _leaf_only(leaf: CertificateFacts) -> Iterator[str]:
    if not leaf.has_san:
        yield "no subject alternative name"
    if not leaf.server_auth and leaf.not_before.date() >= _EKU_SINCE:
        yield "not meant for servers (no serverAuth)"


@checks("OTA212")
def cert_too_long(facts: Facts) -> Iterator[Finding]:
    """The allowed life depends on the day of issue and on whether the CA is public; an unknown CA counts as private."""
    for tls in _shown(facts):
        leaf, public = tls.chain[0], tls.private_root is False
        if too_long(leaf.not_before, leaf.not_after, public=public):
            days, allowed = lifetime(leaf.not_before, leaf.not_after).days, allowed_days(leaf.not_before, public=public)
            kind = "public" if public else "private"
            message = f"The certificate of {tls.host} lives {days} days; iOS takes {allowed} from a {kind} CA"
            span = f"valid from {_day(leaf.not_before)} to {_day(leaf.not_after)}"
            yield Finding(tls.place, message, _proof(tls, span))


@checks("OTA213")
def cert_expiring(facts: Facts) -> Iterator[Finding]:
    """Valid, and near its end; an expired one is OTA208's."""
    now = walk(facts).now
    for tls in _shown(facts):
        leaf = tls.chain[0]
        if _current(tls, now) and now >= warn_from(leaf.not_before, leaf.not_after):
            left = (leaf.not_after - now).days
            message = f"The certificate of {tls.host} expires in {left} day{'s' * (left != 1)}"
            yield Finding(tls.place, message, _proof(tls, f"valid until {_day(leaf.not_after)}, now {_day(now)}"))
