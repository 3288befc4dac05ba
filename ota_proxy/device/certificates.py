"""Certificates as plain values, and whether a name fits (RFC 5280, RFC 6125).

Nothing here judges lifetimes or keys: that is the rules' work. Unreadable input gives None or False, never an exception.
"""

from __future__ import annotations

import ipaddress
import warnings
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ota_proxy.device.paths import is_ca
from ota_proxy.device.signatures import UNREADABLE, issued
from ota_proxy.facts.install import CertificateFacts

E = TypeVar("E", bound=x509.ExtensionType)


def load(der: bytes) -> x509.Certificate | None:
    """Return a certificate, or None when the bytes are none, or when its dates are none of a calendar."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", CryptographyDeprecationWarning
            )  # odd serials are the server's, not our fault
            found = x509.load_der_x509_certificate(der)
            _ = (
                found.not_valid_before_utc,
                found.not_valid_after_utc,
            )  # the year 0000 is ASN.1's, and no calendar's of ours
            return found
    except UNREADABLE:
        return None


def describe(certificate: x509.Certificate) -> CertificateFacts | None:
    """Return a certificate in plain values, or None when its fields cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return _describe(certificate)
    except UNREADABLE:
        return None


def _describe(certificate: x509.Certificate) -> CertificateFacts:
    names = _extension(certificate, x509.SubjectAlternativeName)
    uses = _extension(certificate, x509.ExtendedKeyUsage)
    kind, bits, curve = _key(certificate)
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_kind=kind,
        key_bits=bits,
        curve=curve,
        signature_hash=_hash(certificate),
        dns_names=tuple(names.get_values_for_type(x509.DNSName)) if names else (),
        ip_names=tuple(str(ip) for ip in names.get_values_for_type(x509.IPAddress)) if names else (),
        has_san=names is not None,
        server_auth=uses is not None and ExtendedKeyUsageOID.SERVER_AUTH in uses,
        is_ca=is_ca(certificate),
        self_signed=issued(certificate, certificate),
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


def _key(certificate: x509.Certificate) -> tuple[str, int, str]:
    """Return a key's kind, its bits, and the name of its curve; an empty curve for a kind without one."""
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return "unknown", 0, ""
    kind = next((name for cls, name in _KINDS if isinstance(key, cls)), type(key).__name__)
    curve = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else ""
    return kind, int(getattr(key, "key_size", {"ed25519": 256, "ed448": 456}.get(kind, 0))), curve


def _hash(certificate: x509.Certificate) -> str:
    try:
        used = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "unknown"
    return used.name if used else ""


def _ocsp(certificate: x509.Certificate) -> tuple[str, ...]:
    places = _extension(certificate, x509.AuthorityInformationAccess) or ()
    return tuple(
        place.access_location.value
        for place in places
        if place.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(place.access_location, x509.UniformResourceIdentifier)
    )


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
