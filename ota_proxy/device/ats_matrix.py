"""What App Transport Security would say to a host, exception by exception, as `nscurl --ats-diagnostics` lists it on a Mac.

Worked out from `TlsFacts` alone, no connection is made. The installer has no exceptions: for it the first row counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ota_proxy.facts.tls import AtsRow, CertificateFacts, TlsFacts
from ota_proxy.policy import apple_tls

TLS12 = "TLSv1.2"


def matrix(tls: TlsFacts, now: datetime) -> tuple[AtsRow, ...]:
    """Return the rows: ATS as it is, the stricter rules announced for iOS 27, ATS off, then each exception. `now` is UTC."""
    return (_default(tls, now), _announced(tls, now), *_loosened(tls, now))


def _default(tls: TlsFacts, now: datetime) -> AtsRow:
    return _row(tls, now, _Way("App Transport Security", TLS12))


def _announced(tls: TlsFacts, now: datetime) -> AtsRow:
    row = _row(tls, now, _Way("stricter rules announced for iOS 27", TLS12))
    lacks = apple_tls.next_generation_problems(
        tls.versions, tls.suites.get(TLS12, ()), master_secret=tls.extended_master_secret
    )
    if not row.passed or not lacks:
        return row
    unsure = tls.partial
    return AtsRow(
        row.name, row.minimum, row.forward_secrecy, row.certificate_rules, None if unsure else False, "; ".join(lacks)
    )


def _loosened(tls: TlsFacts, now: datetime) -> Iterator[AtsRow]:
    yield _row(tls, now, _Way("arbitrary loads", "", forward_secrecy=False, certificate_rules=False))
    for secret in (True, False):
        for rules in (True, False):
            for version in apple_tls.exception_versions():
                words = [
                    f"at least {version}",
                    *([] if secret else ["no forward secrecy"]),
                    *([] if rules else ["weak certificates"]),
                ]
                yield _row(tls, now, _Way(", ".join(words), version, secret, rules))


@dataclass(frozen=True, slots=True)
class _Way:
    name: str
    minimum: str
    forward_secrecy: bool = True
    certificate_rules: bool = True


def _row(tls: TlsFacts, now: datetime, way: _Way) -> AtsRow:
    spoken = _spoken(tls, way)
    problem = _unseen(tls) or _certificate_problem(tls, now, way)
    passed: bool | None = bool(spoken) and not problem
    if not tls.reachable or (not spoken and tls.partial):
        passed, problem = None, problem or "the probe has gaps: more may be accepted than was seen"
    reason = problem or spoken or _refusal(tls, way)
    return AtsRow(way.name, way.minimum, way.forward_secrecy, way.certificate_rules, passed, reason)


def _unseen(tls: TlsFacts) -> str:
    if not tls.reachable:
        return tls.error.message if tls.error else f"{tls.host} was not reached"
    return "" if tls.chain else "no certificate was seen"


def _spoken(tls: TlsFacts, way: _Way) -> str:
    """Return version and suite of the best handshake, newest version first; empty if there is none."""
    for version in _versions(way):
        offered = tls.suites.get(version, ())
        wanted = (
            apple_tls.exception_suites(version, forward_secrecy=way.forward_secrecy)
            if way.minimum
            else frozenset(offered)
        )
        suite = next((name for name in offered if name in wanted), "")
        if suite and version in tls.versions:
            return f"{version} with {suite}"
    return ""


def _versions(way: _Way) -> tuple[str, ...]:
    every = apple_tls.exception_versions()
    return every[: every.index(way.minimum) + 1] if way.minimum else every


def _refusal(tls: TlsFacts, way: _Way) -> str:
    if not set(_versions(way)) & set(tls.versions):
        return f"the server speaks {', '.join(tls.versions) or 'no version of TLS'} only"
    return "the server accepts no suite that counts here"


def _certificate_problem(tls: TlsFacts, now: datetime, way: _Way) -> str:
    if not tls.chain:
        return ""
    used = tls.path or tls.chain[:1]
    late = next((cert for cert in used if not cert.not_before <= now <= cert.not_after), None)
    if late is not None:
        return "the certificate is not valid now" if late == used[0] else f"'{late.subject}' is not valid now"
    if tls.trust not in {"trusted", "wrong-order"}:
        return f"the certificate is not trusted: {tls.trust_detail or tls.trust}"
    if tls.name_matches is False:
        return f"the certificate does not name {tls.host}"
    return next((words for cert in used if (words := _weak(cert))), "") if way.certificate_rules else ""


def _weak(cert: CertificateFacts) -> str:
    if cert.key_bits < apple_tls.minimum_bits(cert.key_kind):
        return f"the key has {cert.key_bits} bits"
    if not apple_tls.key_accepted(cert.key_kind, cert.curve):
        return f"the key is of a kind that is not accepted: {cert.curve or cert.key_kind}"
    if not cert.self_signed and cert.signature_hash and cert.signature_hash not in apple_tls.accepted_hashes():
        return f"the signature uses {cert.signature_hash}"
    return ""
