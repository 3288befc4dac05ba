"""Holds a certificate file against what devices ask: names in the SAN, dates, and a chain in which each certificate signs the one before.

What is certainly wrong is a UsageError; what cannot be told from the file alone, or does no harm, is a sentence.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning

from ota_proxy.device.tls_contexts import roots
from ota_proxy.errors import UsageError
from ota_proxy.site.names import covers

_UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)
"""What a certificate that breaks RFC 5280 can raise when one of its parts is read."""


def check_chain(
    chain: Sequence[x509.Certificate], names: Sequence[str], path: str, place: str, now: datetime
) -> tuple[str, ...]:
    """Return what deserves a warning; UsageError for what a device refuses. `names` are those that are shown this file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # odd serials are the authority's
            return _check(chain, names, path, place, now)
    except _UNREADABLE as error:
        hint = "have it issued again: devices may not read it either"
        raise UsageError(f"a certificate of {path} breaks RFC 5280: {error}", place=place, hint=hint) from None


def _check(
    chain: Sequence[x509.Certificate], names: Sequence[str], path: str, place: str, now: datetime
) -> tuple[str, ...]:
    _check_names(chain[0], names, path, place)
    needed = _check_order(chain, path, place)
    for certificate in needed:
        _check_dates(certificate, chain, path, place, now)
    said = _warning(needed, path, place)
    return (said,) if said else ()


def kind(leaf: x509.Certificate) -> str:
    """Return which kind of key a leaf has, such as `RSA`; a server shows one of each kind."""
    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__.removesuffix("PublicKey")


def _check_names(leaf: x509.Certificate, names: Sequence[str], path: str, place: str) -> None:
    found = dns_names(leaf)
    if not found:
        raise UsageError(
            f"the certificate {path} has no DNS name in its subject alternative name, and its common name does not count",
            place=place,
            hint=f"order one with the names {', '.join(names)}",
        )
    lacking = [name for name in names if not any(covers(one, name) for one in found)]
    if lacking:
        which = "is" if len(lacking) == 1 else "are"
        raise UsageError(
            f"the certificate {path} is for {_few(found)}; {_few(lacking)} {which} not among its names",
            place=place,
            hint="order one with that name, or say with domains which names it is for (a wildcard covers one label)",
        )


def dns_names(leaf: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names of the SAN in lower case; empty if it has none or none that can be read."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _UNREADABLE:
        return ()
    return tuple(name.lower().rstrip(".") for name in found.get_values_for_type(x509.DNSName))


def _few(names: Sequence[str]) -> str:
    most = 5
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _check_dates(
    certificate: x509.Certificate, chain: Sequence[x509.Certificate], path: str, place: str, now: datetime
) -> None:
    what = "the certificate" if certificate is chain[0] else f"certificate {chain.index(certificate) + 1} of the chain"
    if now > certificate.not_valid_after_utc:
        text = f"{what} in {path} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        raise UsageError(text, place=place, hint="renew it")
    if now < certificate.not_valid_before_utc:
        text = f"{what} in {path} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise UsageError(text, place=place, hint="wait until then, or look at the clock of this machine")


def _check_order(chain: Sequence[x509.Certificate], path: str, place: str) -> list[x509.Certificate]:
    """Return the certificates that a device needs, from the leaf upwards; UsageError where the file has them in another order."""
    if len(chain) > 1 and _issued(chain[1], by=chain[0]):
        raise _order(f"certificate 1 of {path} signed certificate 2", place)
    needed = [chain[0]]
    for number, certificate in enumerate(chain[1:], 2):
        if _issued(needed[-1], by=certificate):
            needed.append(certificate)
        elif not any(_same_key(certificate, one) for one in needed):
            raise _order(f"certificate {number} of {path} did not sign the one before it", place)
    known = next((index for index, one in enumerate(needed) if index and _is_root(one)), len(needed))
    return needed[: known + 1]


def _order(text: str, place: str) -> UsageError:
    hint = (
        "put the leaf first, then the intermediate that signed it, and so on; leave out what belongs to another chain"
    )
    return UsageError(text, place=place, hint=hint)


def _issued(certificate: x509.Certificate, *, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (InvalidSignature, *_UNREADABLE):
        return False
    return certificate != by


def _same_key(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Say whether two certificates are for one name and key, as a cross-signed one is beside the first."""
    return one.subject == other.subject and _key(one) == _key(other)


def _key(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except _UNREADABLE:
        return b""


def _warning(needed: Sequence[x509.Certificate], path: str, place: str) -> str:
    """Say what the end of a chain is worth; UsageError where it certainly ends too early."""
    last = needed[-1]
    if last.issuer == last.subject:
        if len(needed) == 1:
            return f"{path} signed itself: every device must be told to trust it"
        return f"{path} has the root {_name(last.subject)} in it: devices have their own, and it makes every handshake longer"
    if len(needed) > 1 or _root_named(last.issuer):
        return ""
    missing = f"the issuer {_name(last.issuer)} of the certificate {path}"
    if _publicly_trusted(last):
        hint = "add every intermediate after the leaf (fullchain.pem, not cert.pem)"
        raise UsageError(f"{missing} is an intermediate, and is not in the file", place=place, hint=hint)
    return f"{missing} is not in the file: unless it is a root that devices have, add it as the intermediate after the leaf"


def _publicly_trusted(leaf: x509.Certificate) -> bool:
    """Say whether a leaf has the log's promises that public authorities put in, whose roots sign no leaf (Baseline Requirements §6.1.7)."""
    try:
        leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps)
    except _UNREADABLE:
        return False
    return True


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()


def _root_named(name: x509.Name) -> bool:
    return name.public_bytes() in roots(None)


def _is_root(certificate: x509.Certificate) -> bool:
    return any(_same_key(certificate, root) for root in roots(None).get(certificate.subject.public_bytes(), ()))
