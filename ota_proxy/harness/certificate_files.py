"""Looks at the certificate files a site names: present, readable, a certificate, a key, and the two belonging together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ota_proxy.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PrivateKeyTypes

    from ota_proxy.model import Certificate
    from ota_proxy.settings import Loaded


def check_files(loaded: Loaded) -> None:
    """Raise UsageError for the first certificate or key that is missing, unreadable, or does not match its partner."""
    for index, pair in enumerate(loaded.site.certificates):
        check_pair(pair, _place(loaded, index, "cert"), _place(loaded, index, "key"))


def _place(loaded: Loaded, index: int, part: str) -> str:
    """Say where a path was written: file, line and key, or the flag or variable of this very part."""
    source, key = loaded.source(("certificates", index, part)), f"certificates[{index}].{part}"
    if source.kind == "assumed":
        return f"{key} (assumed)"
    return f"{source}: {key}"


def check_pair(pair: Certificate, cert_place: str, key_place: str) -> None:
    """Raise UsageError unless `pair.cert` holds a leaf whose public key is that of `pair.key`; the places are for its message."""
    leaf = _public(_certificate(_read(pair.cert, cert_place), pair.cert, cert_place), pair.cert, cert_place)
    key = _key(_read(pair.key, key_place), pair.key, key_place)
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if leaf.public_bytes(*form) != key.public_key().public_bytes(*form):
        raise UsageError(
            f"the key {pair.key} does not belong to the certificate {pair.cert}",
            place=key_place,
            hint="the leaf must stand first in the certificate file; compare the public keys with openssl x509 -pubkey and openssl pkey -pubout",
        )


def _read(path: str, place: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"the file {path} does not exist",
            place=place,
            hint="check the path, or leave this check to the machine that has the file (verify: --no-check-files)",
        ) from None
    except OSError as error:
        hint = "give the path of a PEM file that you may read"
        raise UsageError(f"the file {path} cannot be read: {error.strerror}", place=place, hint=hint) from None


def _certificate(data: bytes, path: str, place: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(data)[0]
    except ValueError:
        hint = "this is a key: are the two swapped?" if b"PRIVATE KEY-----" in data else _convert(data, "x509")
        raise UsageError(f"the file {path} holds no PEM certificate", place=place, hint=hint) from None


def _convert(data: bytes, command: str) -> str:
    begin = "CERTIFICATE" if command == "x509" else "PRIVATE KEY"
    if data[:1] == b"0":  # 0x30, the SEQUENCE that every DER certificate and key is
        return f"it looks like DER; convert it: openssl {command} -inform der -in FILE -out NEW.pem"
    return f"it starts with -----BEGIN {begin}-----"


def _public(leaf: x509.Certificate, path: str, place: str) -> CertificatePublicKeyTypes:
    try:
        return leaf.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        hint = "use an RSA or ECDSA certificate"
        raise UsageError(
            f"the certificate {path} has a key of no known kind: {error}", place=place, hint=hint
        ) from None


def _key(data: bytes, path: str, place: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(data, password=None)
    except TypeError:
        raise UsageError(
            f"the key {path} is encrypted, so a server cannot start alone",
            place=place,
            hint="store it without passphrase, mode 0600",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        hint = "this is a certificate: are the two swapped?" if b"BEGIN CERTIFICATE" in data else _convert(data, "pkey")
        raise UsageError(f"the file {path} holds no PEM private key", place=place, hint=hint) from None
