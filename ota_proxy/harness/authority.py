"""A certificate authority for one run: a root by trustme, an intermediate and leaves of our own, sound or with one flaw.

Leaves keep what devices ask of a private CA (Apple 103769: SAN, serverAuth, SHA-256, at most 825 days) and live 90 days.
Keys leave this module as PEM bytes only, and no representation prints them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Literal, get_args

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Kind = Literal["ecdsa", "rsa"]
Flaw = Literal[
    "expired",
    "not-yet-valid",
    "expiring",
    "wrong-host",
    "missing-intermediate",
    "unknown-ca",
    "self-signed",
    "too-long",
    "wrong-order",
    "no-san",
    "no-server-auth",
    "weak-key",
    "expired-intermediate",
    "expired-cross-sign",
]
FLAWS: tuple[Flaw, ...] = get_args(Flaw)
LEAF_DAYS = 89
"""Days from now that a leaf lives; with the hour before now it stays under 90."""
_TOO_LONG_DAYS = 900
_SKEW = timedelta(hours=1)
"""Leaves begin a little before now: clocks differ."""
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Issued:
    """A leaf as a server needs it: `cert_chain_pem` leaf first, `key_pem` PKCS 8; `leaf` for tests that look inside."""

    names: tuple[str, ...]
    kind: Kind
    flaw: Flaw | None
    cert_chain_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)
    leaf: x509.Certificate = field(repr=False)


class Authority:
    """One run's root and intermediate. `ca_pem` is what a device has to trust."""

    def __init__(self) -> None:
        self._root = trustme.CA(organization_name="ota-proxy test run")
        self._root_key = _ec_key(self._root.private_key_pem.bytes())
        self._root_certificate = x509.load_pem_x509_certificate(self._root.cert_pem.bytes())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._sign_intermediate()

    @property
    def ca_pem(self) -> bytes:
        """The root certificate, PEM."""
        return self._root_certificate.public_bytes(Encoding.PEM)

    def issue(self, names: Sequence[str], kind: Kind = "ecdsa", flaw: Flaw | None = None) -> Issued:
        """Issue a leaf for DNS names (wildcards too) and IP addresses; `flaw` makes it wrong in exactly that way."""
        if flaw == "unknown-ca":
            other = self._other_authority.issue(names, kind)
            return Issued(tuple(names), kind, flaw, other.cert_chain_pem, other.key_pem, other.leaf)
        key = _new_key(kind, weak=flaw == "weak-key")
        leaf = self._sign_leaf(tuple(names), key, flaw)
        chain = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in self._chain(leaf, flaw))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Issued(tuple(names), kind, flaw, chain, pem, leaf)

    @cached_property
    def _other_authority(self) -> Authority:
        return Authority()

    @cached_property
    def _expired(self) -> x509.Certificate:
        """The intermediate as it was issued before the one in use: name and key are the same."""
        return self._sign_intermediate(timedelta(days=-400), timedelta(days=-1))

    def _chain(self, leaf: x509.Certificate, flaw: Flaw | None) -> tuple[x509.Certificate, ...]:
        if flaw in ("missing-intermediate", "self-signed"):
            return (leaf,)
        if flaw == "wrong-order":  # RFC 5246 §7.4.2: each certificate vouches for the one before it
            return (leaf, self._root_certificate, self._certificate)
        if flaw == "expired-intermediate":
            return (leaf, self._expired)
        if flaw == "expired-cross-sign":  # beside a good way, which is nothing
            return (leaf, self._expired, self._certificate)
        return (leaf, self._certificate)

    def _sign_intermediate(
        self, begin: timedelta = timedelta(days=-1), end: timedelta = timedelta(days=365)
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            self._root_certificate.subject,
            _name("ota-proxy test intermediate"),
            self._key.public_key(),
            x509.random_serial_number(),
            now + begin,
            now + end,
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        builder = _identifiers(builder, self._key, self._root_certificate)
        return builder.sign(self._root_key, hashes.SHA256())

    def _sign_leaf(self, names: tuple[str, ...], key: _Key, flaw: Flaw | None) -> x509.Certificate:
        subject = _name(next((name for name in names if len(name) <= 64), "ota-proxy test"))  # X.520 ub-common-name
        itself = flaw == "self-signed"
        issuer = subject if itself else self._certificate.subject
        builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), *_dates(flaw))
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        builder = _identifiers(builder, key, None if itself else self._certificate)
        if flaw != "no-server-auth":
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        if flaw != "no-san":
            wanted = ("other.invalid",) if flaw == "wrong-host" else names
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_san(name) for name in wanted]), critical=False
            )
        return builder.sign(key if itself else self._key, hashes.SHA256())


def _dates(flaw: Flaw | None) -> tuple[datetime, datetime]:
    now = datetime.now(UTC).replace(microsecond=0)
    if flaw == "expired":
        return now - timedelta(days=LEAF_DAYS), now - timedelta(days=1)
    if flaw == "not-yet-valid":
        return now + timedelta(days=1), now + timedelta(days=LEAF_DAYS)
    if flaw == "expiring":
        return now - timedelta(days=LEAF_DAYS - 5), now + timedelta(days=5, hours=1)
    return now - _SKEW, now + timedelta(days=_TOO_LONG_DAYS if flaw == "too-long" else LEAF_DAYS)


def _new_key(kind: Kind, *, weak: bool) -> _Key:
    if kind == "rsa":
        return rsa.generate_private_key(65537, 1024 if weak else 2048)
    return ec.generate_private_key(ec.SECP192R1() if weak else ec.SECP256R1())


def _ec_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"trustme made a {type(key).__name__} for its root, not an elliptic curve key")
    return key


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _identifiers(
    builder: x509.CertificateBuilder, key: _Key, issuer: x509.Certificate | None
) -> x509.CertificateBuilder:
    """Add both key identifiers, which the strict checks of Python 3.13 ask for (RFC 5280 §4.2.1.1 and §4.2.1.2)."""
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    parent = own if issuer is None else issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(parent)
    return builder.add_extension(own, critical=False).add_extension(authority, critical=False)
