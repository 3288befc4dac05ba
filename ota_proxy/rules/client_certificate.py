"""OTA225: a server that wants a certificate of its client, in the handshake, behind it, or by a page of its own."""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.addresses import bracketed
from ota_proxy.facts.install import TlsFacts, origin
from ota_proxy.rules.barred import wants_certificate
from ota_proxy.rules.evidence import proof
from ota_proxy.rules.model import Facts, Finding, NoVerdict
from ota_proxy.rules.predicates import needed, walk
from ota_proxy.rules.registry import checks
from ota_proxy.rules.support.answers import MANIFEST, PACKAGE, Effect, affected, at, understood


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
    asked = list(needed(install))
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
