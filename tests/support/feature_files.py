"""What the optional keys of a site name: passwords, a client with a certificate, error pages; and PROXY headers."""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
from pathlib import Path

import trustme

from ota_proxy.site import Site

LOGIN = "Basic " + base64.b64encode(b"anna:open sesame").decode()
WRONG = "Basic " + base64.b64encode(b"anna:wrong").decode()


def supply(site: Site, folder: Path) -> None:
    """Write every file that the keys name, and `anna.pem`, the certificate of a client, into `folder`."""
    if site.auth.htpasswd:
        words = ["openssl", "passwd", "-apr1", "open sesame"]
        hashed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        _place(site.auth.htpasswd).write_text(f"anna:{hashed}")
    if site.client_certificates.ca:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(_place(site.client_certificates.ca)))
        authority.issue_cert("anna@example.com").private_key_and_cert_chain_pem.write_to_path(str(folder / "anna.pem"))
    for status in site.error_pages.statuses if site.error_pages.folder else ():
        _place(f"{site.error_pages.folder}/{status}.html").write_text(f"<!doctype html>our own {status}")


def _place(path: str) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return Path(path)


def version_one(source: str = "198.51.100.7") -> bytes:
    return f"PROXY TCP4 {source} 192.0.2.1 40000 443\r\n".encode()


def version_two(source: str = "198.51.100.7") -> bytes:
    addresses = socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 40000, 443)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes((0x21, 0x11)) + struct.pack("!H", len(addresses)) + addresses
