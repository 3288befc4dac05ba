"""Looks at the certificate files a site names: present, readable, a certificate, a key, and the two belonging together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ota_proxy.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from ota_proxy.model import Certificate
    from ota_proxy.settings import Loaded


def check_files(loaded: Loaded) -> None:
    """Raise UsageError for the first certificate or key that is missing, unreadable, or does not match its partner."""
    for index, pair in enumerate(loaded.site.certificates):
        check_pair(pair, f"{loaded.source(('certificates', index))}: certificates[{index}]")


def check_pair(pair: Certificate, place: str) -> None:
    """Raise UsageError unless `pair.cert` holds a leaf whose public key is that of `pair.key`."""
    leaf = _certificate(_read(pair.cert, f"{place}.cert"), pair.cert, f"{place}.cert")
    key = _key(_read(pair.key, f"{place}.key"), pair.key, f"{place}.key")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if leaf.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        raise UsageError(
            f"the key {pair.key} does not belong to the certificate {pair.cert}",
            place=f"{place}.key",
            hint="the leaf must stand first in the certificate file; compare the public keys with openssl x509 -pubkey and openssl pkey -pubout",
        )


def _read(path: str, place: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"the file {path} does not exist", place=place, hint="check the path, or render where the file lives"
        ) from None
    except OSError as error:
        raise UsageError(f"the file {path} cannot be read: {error.strerror}", place=place) from None


def _certificate(data: bytes, path: str, place: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(data)[0]
    except ValueError:
        raise UsageError(
            f"the file {path} holds no PEM certificate", place=place, hint="it starts with -----BEGIN CERTIFICATE-----"
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
        raise UsageError(
            f"the file {path} holds no PEM private key", place=place, hint="it starts with -----BEGIN PRIVATE KEY-----"
        ) from None
