"""Looks at the files that a site names: certificates and keys that belong together and fit the names, passwords, authorities, pages for errors."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.utils import CryptographyDeprecationWarning

from ota_proxy.errors import Key, UsageError, dotted
from ota_proxy.harness.certificate_chain import check_chain, kind
from ota_proxy.reading import read_file
from ota_proxy.site.names import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PrivateKeyTypes

    from ota_proxy.settings import Loaded
    from ota_proxy.site import Certificate
    from ota_proxy.site.names import VirtualHost


def check_files(loaded: Loaded) -> tuple[str, ...]:
    """Look at every certificate and key of a site; return what deserves a warning.

    UsageError for the first file that is missing or unreadable, the first key that does not belong to its certificate, and
    the first certificate that a device would refuse: for its names, its dates, its chain. Likewise for what the other keys name.
    """
    site, said, kinds = loaded.site, [], {}
    for index, pair in enumerate(site.certificates):
        place = _place(loaded, index, "cert")
        chain = check_pair(pair, place, _place(loaded, index, "key"))
        names = shown(site.virtual_hosts, index)
        said += [f"{place}: {text}" for text in check_chain(chain, names, pair.cert, place, datetime.now(UTC))]
        kinds[index] = kind(chain[0])
    for host in site.virtual_hosts:
        _one_of_a_kind(host, kinds, loaded)
    check_named_files(loaded)
    return tuple(said)


def _one_of_a_kind(host: VirtualHost, kinds: Mapping[int, str], loaded: Loaded) -> None:
    if len({kinds[index] for index in host.certificates}) == len(host.certificates):
        return
    last = host.certificates[-1]
    raise UsageError(
        f"{host.domains[0]} has two {kinds[last]} certificates, and a server shows one of a kind: the last",
        place=_place(loaded, last, "cert"),
        hint="leave one of them out, or say with domains which names each is for",
    )


def _place(loaded: Loaded, index: int, part: str) -> str:
    """Say where a path was written: file, line and key, or the flag or variable of this very part."""
    source = loaded.source(("certificates", index, part))
    key = source.key(("certificates", index, part))
    if source.kind == "assumed":
        return f"{key} (assumed)"
    return f"{source}: {key}"


def check_pair(pair: Certificate, cert_place: str, key_place: str) -> list[x509.Certificate]:
    """Return the certificates of `pair.cert`; UsageError unless the first has the public key of `pair.key`. The places are for its message."""
    chain = _certificates(_read(pair.cert, cert_place), pair.cert, cert_place)
    leaf = _public(chain[0], pair.cert, cert_place)
    key = _key(_read(pair.key, key_place), pair.key, key_place)
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if leaf.public_bytes(*form) != key.public_key().public_bytes(*form):
        raise UsageError(
            f"the key {pair.key} does not belong to the certificate {pair.cert}",
            place=key_place,
            hint="the leaf must come first in the certificate file; compare the public keys with openssl x509 -pubkey and openssl pkey -pubout",
        )
    return chain


def _read(path: str, place: str) -> bytes:
    try:
        return read_file(Path(path))
    except FileNotFoundError:
        raise UsageError(
            f"the file {path} does not exist",
            place=place,
            hint="check the path, or leave this check to the machine that has the file (verify: --no-check-files)",
        ) from None
    except OSError as error:
        hint = "give the path of a PEM file that you may read"
        raise UsageError(f"the file {path} cannot be read: {error.strerror}", place=place, hint=hint) from None


def _certificates(data: bytes, path: str, place: str) -> list[x509.Certificate]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # odd serials are the authority's
            return x509.load_pem_x509_certificates(data)
    except (ValueError, x509.InvalidVersion):
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


if TYPE_CHECKING:
    from ota_proxy.settings import Loaded


_ENOUGH = 4 << 20  # bytes


def check_named_files(loaded: Loaded) -> None:
    """Raise UsageError for the first file that is missing, unreadable, or not what its key says."""
    site = loaded.site
    if site.auth.htpasswd:
        key: Key = ("auth", "htpasswd")
        _passwords(_read_most(loaded, site.auth.htpasswd, key), _place_of(loaded, key))
    if site.client_certificates.ca:
        key = ("client_certificates", "ca")
        _authority(_read_most(loaded, site.client_certificates.ca, key), _place_of(loaded, key))
    if site.error_pages.folder:
        for status in site.error_pages.statuses:
            _read_most(loaded, f"{site.error_pages.folder}/{status}.html", ("error_pages", "folder"))


def _place_of(loaded: Loaded, key: Key) -> str:
    return f"{loaded.source(key)}: {dotted(key)}"


def _read_most(loaded: Loaded, path: str, key: Key) -> bytes:
    place, hint = (
        _place_of(loaded, key),
        "write it first, or leave this check to the machine that has it (verify: --no-check-files)",
    )
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise UsageError(f"{path} is not a file", place=place, hint=hint)
        with Path(path).open("rb") as file:
            return file.read(_ENOUGH)
    except OSError as error:
        raise UsageError(f"the file {path} cannot be read: {error.strerror}", place=place, hint=hint) from None


def _passwords(data: bytes, place: str) -> None:
    """Hold every line against NAME:HASH; a password as it is typed would stand there for everybody and let nobody in."""
    lines = [line for line in data.decode(errors="replace").splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise UsageError("the file holds no name and password", place=place, hint="write one: htpasswd -B -c FILE NAME")
    for number, line in enumerate(lines, 1):
        name, colon, secret = line.partition(":")
        if not (name and colon and (secret.startswith(("$", "{")) or len(secret.split(":")[0]) == _CRYPT)):
            raise UsageError(
                f"entry {number} is not NAME:HASH",
                place=place,
                hint="write it with htpasswd -B (or openssl passwd -apr1)",
            )


_CRYPT = 13
"""Characters of a hash of the old crypt(3), the only kind without a mark at its beginning."""


def _authority(data: bytes, place: str) -> None:
    try:
        x509.load_pem_x509_certificates(data)
    except ValueError:
        hint = "it starts with -----BEGIN CERTIFICATE-----"
        raise UsageError("the file holds no PEM certificate", place=place, hint=hint) from None
