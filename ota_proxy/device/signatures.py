"""Whether one certificate stands behind another: name and signature, also with hashes that are too weak to trust (RFC 5280 §6.1.3).

A weak hash does not make a chain incomplete or unknown; that it is weak is for the rules to say.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

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
