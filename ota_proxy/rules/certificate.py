"""OTA207 to OTA213: the certificate and its chain, by Apple's rules for trusted certificates (support.apple.com/103769, 102028)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from ota_proxy.addresses import is_address
from ota_proxy.facts.install import CertificateFacts, TlsFacts, origin
from ota_proxy.policy.apple_tls import (
    accepted_hashes,
    allowed_days,
    key_accepted,
    lifetime,
    minimum_bits,
    too_long,
    warn_from,
)
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NoVerdict
from ota_proxy.rules.support.ownership import speaking
from ota_proxy.rules.support.predicates import walk

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


@checks("OTA207")
def cert_untrusted(facts: Facts) -> Iterator[Finding]:
    """Self-signed, or a complete chain to a root that nobody vouched for."""
    unreadable = [tls for tls in speaking(facts) if tls.trust == "unreadable"]
    for tls in unreadable:
        message = f"The certificate of {tls.host} cannot be read: what the server sends is not an X.509 certificate"
        yield Finding(tls.place, message, f"certificate of {tls.place}: {tls.trust_detail}")
    if unreadable and not any(tls.chain for tls in speaking(facts)):
        return
    shown = _shown(facts)
    for tls in shown:
        if tls.trust == "self-signed":
            yield Finding(tls.place, f"The certificate of {tls.host} is self-signed", _proof(tls, tls.trust_detail))
        elif tls.trust == "unknown-root":
            message = f"The certificate of {tls.host} comes from a CA that is not known: {path_of(tls)[-1].issuer}"
            yield Finding(tls.place, message, _proof(tls, *_chain(tls)))
        elif why := _refused(facts, tls):
            message = f"The chain of {tls.host} ends at a trusted root and is refused all the same: {why}"
            yield Finding(tls.place, message, _proof(tls, *_chain(tls)))
    unchecked = next((tls for tls in shown if tls.trust == "not-checked"), None)
    if unchecked is not None:
        why = unchecked.trust_detail or "no reason was given"
        raise NoVerdict(f"the chain of {unchecked.place} was not checked: {why}")


UNVERIFIED = "CERTIFICATE_VERIFY_FAILED"


def _refused(facts: Facts, tls: TlsFacts) -> str:
    """Say why a chain without any other fault was refused: what an issuer may not issue (RFC 5280 §4.2.1.9, §4.2.1.10)."""
    if certificate_problem(tls, walk(facts).now):
        return ""
    errors = [visit.error for visit in walk(facts).needed() if origin(visit.last.url)[1:] == (tls.host, tls.port)]
    return next((error.message for error in errors if error and error.code == UNVERIFIED), "")


def certificate_problem(tls: TlsFacts, now: datetime) -> bool:
    """Say whether trust, dates, name or strength of a chain are wrong: other rules report that."""
    dates = any(_out_of_date(cert, now) for cert in path_of(tls))
    trusted = tls.trust in {"trusted", "wrong-order"}
    return dates or not trusted or not tls.name_matches or bool(weaknesses(tls))


def _chain(tls: TlsFacts) -> list[str]:
    return [f"served {index}: {cert.subject}" for index, cert in enumerate(tls.chain)]


def path_of(tls: TlsFacts) -> tuple[CertificateFacts, ...]:
    """Return the certificates that a device would use, leaf first; one that was sent and is on no path is nothing."""
    return tls.path or tls.chain[:1]


@checks("OTA208")
def cert_expired(facts: Facts) -> Iterator[Finding]:
    """Every certificate on the path that the device would use is past its end or before its start, the root included."""
    now = walk(facts).now
    for tls in _shown(facts):
        for index, cert in enumerate(path_of(tls)):
            late = _out_of_date(cert, now)
            if late:
                kind = _KINDS[min(index, 1)] if index + 1 < len(path_of(tls)) or not index else _last(tls)
                span = f"valid from {_day(cert.not_before)} to {_day(cert.not_after)}, now {_day(now)}"
                yield Finding(
                    tls.place,
                    f"The {kind} '{cert.subject}' of {tls.host} {late}",
                    _proof(tls, f"{cert.subject}: {span}"),
                )


_KINDS = ("certificate", "intermediate certificate")


def _last(tls: TlsFacts) -> str:
    return "root certificate" if path_of(tls)[-1].self_signed else _KINDS[1]


def _out_of_date(cert: CertificateFacts, now: datetime) -> str:
    if now > cert.not_after:
        return f"expired on {_day(cert.not_after)}"
    return f"is not valid before {_day(cert.not_before)}" if now < cert.not_before else ""


@checks("OTA209")
def cert_name_mismatch(facts: Facts) -> Iterator[Finding]:
    """The host must be among the subject alternative names; the common name does not count. No names at all: OTA211."""
    for tls in _shown(facts):
        leaf = tls.chain[0]
        if leaf.has_san and tls.name_matches is False:
            names = _named(leaf, tls.host)
            message = f"The certificate is not for {tls.host}; it names {_few(names)}"
            yield Finding(tls.place, message, _proof(tls, f"subject alternative names: {', '.join(names) or 'none'}"))


_FEW = 5
"""Names of a certificate that a sentence tells; the evidence has them all."""


def _named(leaf: CertificateFacts, host: str) -> list[str]:
    """Return what a certificate names; what looks like the host and is not it with the reason."""
    dns = [f"{name} as a host name and not as an IP address" if is_address(name) else name for name in leaf.dns_names]
    shown = [*dns, *leaf.ip_names]
    return [f"{name} (for names one level below it)" if name == f"*.{host}" else name for name in shown]


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return (", ".join(names[:_FEW]) or "no host") + more


@checks("OTA210")
def chain_incomplete(facts: Facts) -> Iterator[Finding]:
    """An intermediate is not served; devices that know it from elsewhere may connect all the same, so it may fail for some only."""
    for tls in _shown(facts):
        if tls.trust == "missing-intermediate":
            missing = path_of(tls)[-1].issuer
            message = f"The server does not send the intermediate '{missing}'; connecting may fail, on devices that do not know it"
            yield Finding(tls.place, message, _proof(tls, *_chain(tls), tls.trust_detail))


@checks("OTA211")
def cert_weak(facts: Facts) -> Iterator[Finding]:
    """Key and hash of the leaf and its issuers on the path; names and serverAuth of the leaf."""
    for tls in _shown(facts):
        leaf, problems = tls.chain[0], weaknesses(tls)
        if problems:
            message = f"The certificate of {tls.host} is refused by iOS: {', '.join(problems)}"
            yield Finding(
                tls.place,
                message,
                _proof(tls, f"key {leaf.key_kind} {leaf.key_bits}, {leaf.signature_hash or 'no hash'}"),
            )


def weaknesses(tls: TlsFacts) -> list[str]:
    """Say what is weak on the path of a chain, leaf first; empty if nothing is. A root's own signature counts for nothing."""
    leaf, *issuers = path_of(tls)
    above = [f"{problem} (issuer {cert.subject})" for cert in issuers for problem in _weak(cert)]
    return [*_weak(leaf), *_leaf_only(leaf), *above]


def _weak(cert: CertificateFacts) -> Iterator[str]:
    least = minimum_bits(cert.key_kind)
    if cert.key_bits < least:
        yield f"{cert.key_kind.upper()} key of {cert.key_bits} bits instead of {least}"
    elif not key_accepted(cert.key_kind, cert.curve):
        yield f"{_key_name(cert)} key, which iOS does not take for TLS"
    if not cert.self_signed and cert.signature_hash and cert.signature_hash not in accepted_hashes():
        yield f"signed with {cert.signature_hash.upper()}"


_KEY_NAMES = {"ed25519": "Ed25519", "ed448": "Ed448", "dsa": "DSA", "unknown": "unknown kind of"}


def _key_name(cert: CertificateFacts) -> str:
    return cert.curve or _KEY_NAMES.get(cert.key_kind, cert.key_kind)


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
    """Valid, and near its end, the leaf or what stands above it on the path; an expired one is OTA208's."""
    now = walk(facts).now
    for tls in _shown(facts):
        for cert in path_of(tls):
            if not _out_of_date(cert, now) and now >= warn_from(cert.not_before, cert.not_after):
                left = (cert.not_after - now).days
                which = "certificate" if cert == tls.chain[0] else f"issuer '{cert.subject}'"
                message = f"The {which} of {tls.host} expires in {left} day{'s' * (left != 1)}"
                yield Finding(tls.place, message, _proof(tls, f"valid until {_day(cert.not_after)}, now {_day(now)}"))
