"""Writes what the Windows lane starts from: the rendered variants, and a certificate authority with one certificate as a PFX file.

    python -m tests.windows.prepare C:\\ota-lane

The key is made anew each time and is worth nothing outside the run; so is its password.
"""

from __future__ import annotations

import sys
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import PrivateFormat, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, serialize_key_and_certificates

from ota_proxy.harness.served import Content, Served
from ota_proxy.site import Site
from tests.support import iis_sites as iis

NAMES = ("ota.example.com", "*.example.com", "*.builds.example.com", "example.com", "localhost")
PASSWORD = "ota-proxy-lane"


def prepare(work: Path) -> None:
    """Fill the folder: rendered/VARIANT/…, builds/ with an app to install, ca.pem, site.pfx."""
    for name in iis.NAMES:
        rendered = iis.variant(name)
        if len(rendered.files) == 1:
            continue  # a snippet has nothing to set up
        folder = work / "rendered" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file in rendered.files:
            (folder / file.name).write_bytes(file.text.encode())
    _builds(work / "builds")
    authority = trustme.CA(organization_name="ota-proxy Windows lane")
    (work / "ca.pem").write_bytes(authority.cert_pem.bytes())
    (work / "site.pfx").write_bytes(_pfx(authority))


def _builds(folder: Path) -> None:
    """Write what a trial of the example site serves: a page, manifests and packages."""
    folder.mkdir(parents=True, exist_ok=True)
    site = Site.model_validate(iis.STATIC)
    made, (location,) = Served(site, Content()), site.locations
    for name, body in (made.served(location) | made.manifests(location)).items():
        (folder / name).write_bytes(body)


def _pfx(authority: trustme.CA) -> bytes:
    """Issue from the root itself, with RSA and an envelope that Windows 2016 opens too."""
    leaf = authority.issue_cert(*NAMES, key_type=trustme.KeyType.RSA)
    builder = PrivateFormat.PKCS12.encryption_builder().key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC)
    return serialize_key_and_certificates(
        b"ota-proxy lane",
        load_pem_private_key(leaf.private_key_pem.bytes(), None),  # type: ignore[arg-type] # trustme made it RSA
        x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()),
        [x509.load_pem_x509_certificate(authority.cert_pem.bytes())],
        builder.hmac_hash(SHA1()).build(PASSWORD.encode()),  # noqa: S303 - the envelope of a key that lives for one run
    )


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
