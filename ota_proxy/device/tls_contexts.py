"""TLS contexts built by hand, so that Python 3.11 and 3.13 behave alike, and the roots that a device is taken to trust.

Roots are the system's store plus the CA certificates given; Apple's own store is not available off a device.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from cryptography import x509

from ota_proxy.device import certificates, trust
from ota_proxy.errors import UsageError
from ota_proxy.policy import apple_tls

_BEGIN = "-----BEGIN CERTIFICATE-----"
_LEGACY_SERVER_CONNECT = 0x4
"""SSL_OP_LEGACY_SERVER_CONNECT of OpenSSL; the ssl module names it since Python 3.12."""


@lru_cache(maxsize=64)
def device_context(ca_pem: str | None, *, h2: bool, helpers: str = "") -> ssl.SSLContext:
    """Return the context of the device's own requests: TLS 1.2 or newer, ATS suites, chain and name verified, SAN only.

    `helpers` (PEM) are intermediates to try before those that the server sends; they make nothing trusted that is not below a root.
    Raises UsageError when `ca_pem` holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(apple_tls.openssl_ciphers())
    context.hostname_checks_common_name = False
    context.verify_flags = ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if ca_pem:
        _add(context, ca_pem)
    if helpers:
        _add(context, helpers)
    context.set_alpn_protocols(["h2", "http/1.1"] if h2 else ["http/1.1"])
    return context


def _add(context: ssl.SSLContext, ca_pem: str) -> None:
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError) as error:
        why = f": {error}" if _BEGIN in ca_pem else ""  # of a file without one OpenSSL says only that
        raise UsageError(f"the CA file holds no PEM certificate{why}", hint=f"it starts with {_BEGIN}") from None


@lru_cache(maxsize=4)
def unverified_context(*, h2: bool) -> ssl.SSLContext:
    """Return the context of the device's requests without any verification: to ask as somebody whom the certificate does not name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(apple_tls.openssl_ciphers())
    context.set_alpn_protocols(["h2", "http/1.1"] if h2 else ["http/1.1"])
    return context


@lru_cache(maxsize=4)
def probing_context(alpn: tuple[str, ...]) -> ssl.SSLContext:
    """Return a context that takes whatever a server offers and verifies nothing: only to look at certificates and ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= _LEGACY_SERVER_CONNECT
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    context.set_alpn_protocols(list(alpn))
    return context


@lru_cache(maxsize=16)
def roots(ca_pem: str | None) -> dict[bytes, tuple[x509.Certificate, ...]]:
    """Return the trusted roots by subject (DER): the system's, and those of `ca_pem`. Unreadable ones are left out."""
    found: dict[bytes, tuple[x509.Certificate, ...]] = {}
    for der in {*_system(), *(_pem(ca_pem.encode()) if ca_pem else ())}:
        certificate = certificates.load(der)
        if certificate is not None:
            subject = trust.subject(certificate)
            found[subject] = (*found.get(subject, ()), certificate)
    return found


def _system() -> list[bytes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    loaded = context.get_ca_certs(binary_form=True)
    return loaded or _capath(ssl.get_default_verify_paths().capath)


def _capath(folder: str | None) -> list[bytes]:
    """Read a hashed folder of roots, which OpenSSL itself opens only on demand."""
    files = sorted(Path(folder).glob("*.[0-9]")) if folder else []
    return [der for path in files for der in _pem(path.read_bytes())]


def _pem(data: bytes) -> list[bytes]:
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    blocks = [part.partition(end)[0] for part in data.split(begin)[1:]]
    return [der for block in blocks if (der := _der(begin + block + end))]


def _der(pem: bytes) -> bytes:
    try:
        return ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))
    except ValueError:
        return b""
