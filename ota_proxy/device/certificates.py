"""Certificates as plain values: whether a name fits, and whether one certificate stands behind another (RFC 5280, RFC 6125).

Nothing here judges lifetimes or keys: that is the rules' work. A weak hash does not make a chain incomplete or unknown either (RFC 5280
§6.1.3). Unreadable input gives None or False, never an exception.
"""

from __future__ import annotations

import ipaddress
import warnings
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

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


UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises for a certificate, or a part of one, that it cannot read."""


@lru_cache(maxsize=4096)
def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether `issuer`'s name and key stand behind `certificate`."""
    if not _named(certificate, issuer):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except UNREADABLE:
        return _by_hand(certificate, issuer)
    return True


def _named(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Compare the names by their values: one CA may write them in several string types (RFC 5280 §7.1)."""
    try:
        return certificate.issuer == issuer.subject
    except UNREADABLE:
        return False


def _by_hand(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Verify what the library no longer does for certificates: SHA-1 and older, which their issuers still sign with."""
    try:
        return _verified(certificate, issuer)
    except InvalidSignature:
        return False
    except UNREADABLE:
        return _identified(certificate, issuer)


def _verified(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    key, used = issuer.public_key(), certificate.signature_hash_algorithm
    how = certificate.signature_algorithm_parameters
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    if used is not None and isinstance(key, rsa.RSAPublicKey) and not isinstance(how, (ec.ECDSA, type(None))):
        key.verify(signature, signed, how, used)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
        key.verify(signature, signed, how)
    else:
        raise UnsupportedAlgorithm("no signature that can be verified here")
    return True


def _identified(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Take the key identifiers' word where nobody can verify the signature: an algorithm that no device takes either."""
    try:
        wanted = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (*UNREADABLE, x509.ExtensionNotFound):
        return False
    return wanted is not None and wanted == own


def is_ca(certificate: x509.Certificate) -> bool:
    """Say whether a certificate may issue others (basicConstraints, RFC 5280 §4.2.1.9)."""
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
