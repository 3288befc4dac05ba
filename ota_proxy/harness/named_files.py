"""Looks at the files that the optional keys of a site name: passwords, the authority of client certificates, pages for errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from ota_proxy.errors import Key, UsageError, dotted

if TYPE_CHECKING:
    from ota_proxy.settings import Loaded


_ENOUGH = 4 << 20  # bytes


def check_named_files(loaded: Loaded) -> None:
    """Raise UsageError for the first file that is missing, unreadable, or not what its key says."""
    site = loaded.site
    if site.auth.htpasswd:
        key: Key = ("auth", "htpasswd")
        _passwords(_read(loaded, site.auth.htpasswd, key), _place(loaded, key))
    if site.client_certificates.ca:
        key = ("client_certificates", "ca")
        _authority(_read(loaded, site.client_certificates.ca, key), _place(loaded, key))
    if site.error_pages.folder:
        for status in site.error_pages.statuses:
            _read(loaded, f"{site.error_pages.folder}/{status}.html", ("error_pages", "folder"))


def _place(loaded: Loaded, key: Key) -> str:
    return f"{loaded.source(key)}: {dotted(key)}"


def _read(loaded: Loaded, path: str, key: Key) -> bytes:
    place, hint = (
        _place(loaded, key),
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
