"""Packages like the example one with something else in them: files replaced, or another profile, signed as a test may sign."""

from __future__ import annotations

import io
import plistlib
import zipfile
from collections.abc import Mapping
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from ota_proxy.apps.package import build_package
from ota_proxy.apps.profile import signed_content
from tests.support.device_servers import issue

PROFILE = "embedded.mobileprovision"


def rebuilt(changes: Mapping[str, bytes], package: bytes | None = None) -> bytes:
    """Return a package with the files of these names (without folder) replaced, everything else as it was."""
    source, target = io.BytesIO(package or build_package()), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            new.writestr(entry, changes.get(entry.filename.rpartition("/")[2] or "/", old.read(entry)))
    return target.getvalue()


def profile(**keys: object) -> bytes:
    """Return the example profile with other keys, signed by somebody; a key that is None is left out."""
    with zipfile.ZipFile(io.BytesIO(build_package(size=4096))) as archive:
        name = next(name for name in archive.namelist() if name.endswith(PROFILE))
        root = plistlib.loads(signed_content(archive.read(name)))
    content = plistlib.dumps({name: value for name, value in {**root, **keys}.items() if value is not None})
    one = issue("iPhone Distribution: somebody")
    builder = PKCS7SignatureBuilder().set_data(content).add_signer(one.certificate, one.key, hashes.SHA256())
    return builder.sign(Encoding.DER, [PKCS7Options.Binary])


@cache
def in_house() -> bytes:
    """Return a package that is signed for a company's own people."""
    return rebuilt({PROFILE: profile(ProvisionsAllDevices=True, ProvisionedDevices=None)})
