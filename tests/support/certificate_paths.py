"""Certificates that are issued again: the same name and key in another chain."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.support.device_servers import NOW, Issued

GONE, NOW_ON = (-900, -1), (-30, 300)


def again(old: Issued, by: Issued, days: tuple[int, int] = NOW_ON) -> Issued:
    """The same name and key, signed by another one or with other dates: a cross-signed certificate."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.certificate.subject)
        .issuer_name(by.certificate.subject)
        .public_key(old.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return Issued(builder.sign(by.key, hashes.SHA256()), old.key)
