"""Certificates as plain values, whether a name fits, and the trust verdict in words of our own (RFC 5280, RFC 6125).

Nothing here judges lifetimes or keys: that is the rules' work. Unreadable input gives None or False, never an exception.
"""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ota_proxy.device.facts import CertificateFacts, Trust

T = TypeVar("T")
E = TypeVar("E", bound=x509.ExtensionType)
Roots = Mapping[bytes, Sequence[x509.Certificate]]
_UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_PATH_LIMIT = 10


def load(der: bytes) -> x509.Certificate | None:
    """Return a certificate, or None when the bytes are none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", CryptographyDeprecationWarning
            )  # odd serials are the server's, not our fault
            return x509.load_der_x509_certificate(der)
    except _UNREADABLE:
        return None


def describe(certificate: x509.Certificate) -> CertificateFacts | None:
    """Return a certificate in plain values, or None when its fields cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return _describe(certificate)
    except _UNREADABLE:
        return None


def _describe(certificate: x509.Certificate) -> CertificateFacts:
    names = _extension(certificate, x509.SubjectAlternativeName)
    uses = _extension(certificate, x509.ExtendedKeyUsage)
    kind, bits = _key(certificate)
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_kind=kind,
        key_bits=bits,
        signature_hash=_hash(certificate),
        dns_names=tuple(names.get_values_for_type(x509.DNSName)) if names else (),
        ip_names=tuple(str(ip) for ip in names.get_values_for_type(x509.IPAddress)) if names else (),
        has_san=names is not None,
        server_auth=uses is not None and ExtendedKeyUsageOID.SERVER_AUTH in uses,
        is_ca=_is_ca(certificate),
        self_signed=_issued(certificate, certificate),
        ocsp_urls=_ocsp(certificate),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


_KINDS: tuple[tuple[type, str], ...] = (
    (rsa.RSAPublicKey, "rsa"),
    (ec.EllipticCurvePublicKey, "ec"),
    (ed25519.Ed25519PublicKey, "ed25519"),
    (ed448.Ed448PublicKey, "ed448"),
    (dsa.DSAPublicKey, "dsa"),
)


def _key(certificate: x509.Certificate) -> tuple[str, int]:
    try:
        key = certificate.public_key()
    except _UNREADABLE:
        return "unknown", 0
    kind = next((name for cls, name in _KINDS if isinstance(key, cls)), type(key).__name__)
    return kind, int(getattr(key, "key_size", {"ed25519": 256, "ed448": 456}.get(kind, 0)))


def _hash(certificate: x509.Certificate) -> str:
    try:
        used = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "unknown"
    return used.name if used else ""


def _is_ca(certificate: x509.Certificate) -> bool:
    basic = _extension(certificate, x509.BasicConstraints)
    return basic is not None and basic.ca


def _ocsp(certificate: x509.Certificate) -> tuple[str, ...]:
    places = _extension(certificate, x509.AuthorityInformationAccess) or ()
    return tuple(
        place.access_location.value
        for place in places
        if place.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(place.access_location, x509.UniformResourceIdentifier)
    )


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether `issuer`'s name and key stand behind `certificate`."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def name_matches(certificate: CertificateFacts, host: str) -> bool:
    """Say whether a subject alternative name covers the host; the common name does not count. A wildcard is one whole left label."""
    try:
        wanted = ipaddress.ip_address(host)
    except ValueError:
        return any(_covers(name, host) for name in certificate.dns_names)
    return any(ipaddress.ip_address(name) == wanted for name in certificate.ip_names if "/" not in name)


def _covers(pattern: str, host: str) -> bool:
    pattern, host = pattern.rstrip(".").lower(), host.rstrip(".").lower()
    if not pattern.startswith("*."):
        return pattern == host
    first, _, rest = host.partition(".")
    return bool(first) and rest == pattern[2:] and "." in rest


@dataclass(frozen=True, slots=True)
class Verdict:
    """Trust in a word of the contract, and a sentence about the chain."""

    trust: Trust
    detail: str
    anchor: x509.Certificate | None = None
    """The trusted root, where the chain ends at one."""


def judge(chain: Sequence[x509.Certificate], roots: Roots, now: datetime) -> Verdict:
    """Follow issuers from the first certificate through those sent to a trusted root and say how far it goes.

    No certificate is fetched from anywhere. `missing-intermediate`: the leaf's issuer was neither sent nor is it a root;
    `unknown-root`: the chain as sent goes further, but ends at an issuer that is not trusted.
    """
    if not chain:
        return Verdict("not-checked", "the server sent no certificate that can be read")
    leaf = chain[0]
    path, anchor = _path(leaf, chain, roots, now)
    if anchor is not None:
        return _trusted(path, chain, anchor)
    if _issued(leaf, leaf):
        return Verdict("self-signed", f"{_name(leaf)} signed itself and is no trusted root")
    last = path[-1]
    if last is leaf:
        return Verdict("missing-intermediate", f"the issuer {_issuer(leaf)} was not sent and is no trusted root")
    if _issued(last, last):
        return Verdict("unknown-root", f"the chain ends at {_name(last)}, which is no trusted root")
    return Verdict("unknown-root", f"the issuer {_issuer(last)} of {_name(last)} was not sent and is no trusted root")


def _path(
    leaf: x509.Certificate, chain: Sequence[x509.Certificate], roots: Roots, now: datetime
) -> tuple[list[x509.Certificate], x509.Certificate | None]:
    """Return the certificates from the leaf upwards, and the root that ends them, or None."""
    path = [leaf]
    while len(path) <= _PATH_LIMIT:
        anchor = _anchor(path[-1], roots, now)
        if anchor is not None:
            return path, anchor
        sent = [c for c in chain if c not in path and _is_issuer(c, path[-1])]
        if not sent:
            break
        path.append(_best(sent, now, lambda c: _anchor(c, roots, now) is not None))
    return path, None


def _anchor(certificate: x509.Certificate, roots: Roots, now: datetime) -> x509.Certificate | None:
    """Return the certificate itself where it is a root, else the root that issued it."""
    own = roots.get(subject(certificate), ())
    if certificate in own:
        return certificate
    issuers = [root for root in roots.get(_raw(lambda: certificate.issuer), ()) if _issued(certificate, root)]
    return _best(issuers, now) if issuers else None


def subject(certificate: x509.Certificate) -> bytes:
    """Return a certificate's subject in DER, empty where it cannot be read."""
    return _raw(lambda: certificate.subject)


def _raw(read: Callable[[], x509.Name]) -> bytes:
    try:
        return read().public_bytes()
    except _UNREADABLE:
        return b""


def _is_issuer(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        return _is_ca(issuer) and _issued(certificate, issuer)
    except _UNREADABLE:
        return False


def _best(
    candidates: Sequence[x509.Certificate], now: datetime, prefer: Callable[[x509.Certificate], bool] = lambda _: False
) -> x509.Certificate:
    """Choose a certificate that is valid now and leads to a root, where there are several for one name."""
    return max(candidates, key=lambda c: (c.not_valid_before_utc <= now <= c.not_valid_after_utc, prefer(c)))


def _trusted(path: Sequence[x509.Certificate], chain: Sequence[x509.Certificate], anchor: x509.Certificate) -> Verdict:
    places = [chain.index(certificate) for certificate in path]
    if places != sorted(places):
        order = ", ".join(_name(certificate) for certificate in path)
        return Verdict("wrong-order", f"all certificates are there, but not in the order {order}", anchor)
    extra = "; the root is sent too, which is not needed" if anchor in chain[1:] else ""
    return Verdict("trusted", f"the chain ends at the root {_name(anchor)}{extra}", anchor)


def _name(certificate: x509.Certificate) -> str:
    return _text(lambda: certificate.subject)


def _issuer(certificate: x509.Certificate) -> str:
    return _text(lambda: certificate.issuer)


def _text(read: Callable[[], x509.Name]) -> str:
    try:
        return repr(read().rfc4514_string())
    except _UNREADABLE:
        return "with a name that cannot be read"
