"""Faults of the archive: what is no ZIP, cannot be unpacked while it arrives, or ends too early."""

from __future__ import annotations

import io
import struct
import zipfile

from ota_proxy.content.package import build_package
from ota_proxy.harness.served import Content
from tests.container.faults.manifest import ROOT
from tests.container.faults.model import NGINX_IPA, SMALL, Fault, fault, replaced


def _archive(name: str, ids: str, data: bytes) -> Fault:
    return fault(name, ids, content=Content(package=data), site=SMALL, door="check")


def _encrypted() -> bytes:
    """The example package whose stored entries say, where they begin, that they are encrypted."""
    data = bytearray(build_package(size=4096))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        stored = [entry for entry in archive.infolist() if entry.compress_type == zipfile.ZIP_STORED]
    for entry in stored:
        struct.pack_into("<H", data, entry.header_offset + 6, 1)
    return bytes(data)


def _sizes_behind() -> bytes:
    """An archive written to a stream: stored entries whose sizes stand behind the data only."""
    target = _Stream()
    with zipfile.ZipFile(io.BytesIO(build_package(size=4096))) as source, zipfile.ZipFile(target, "w") as archive:
        for entry in source.infolist():
            archive.writestr(entry.filename, source.read(entry))
    return target.getvalue()


class _Stream(io.BytesIO):
    """A target that cannot go back, so that sizes are written behind the data."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def _on_disk(number: int) -> bytes:
    """The example package as if its directory lay on a further disk."""
    data = bytearray(build_package(size=4096))
    struct.pack_into("<HH", data, data.rfind(b"PK\x05\x06") + 4, number, number)
    return bytes(data)


def _zeroed() -> bytes:
    """Local headers that say nothing about sizes: the directory at the end is right."""
    data = bytearray(build_package(size=4096))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        for entry in archive.infolist():
            struct.pack_into("<III", data, entry.header_offset + 14, 0, 0, 0)
    return bytes(data)


FAULTS = (
    fault("the package is no archive", "OTA405", content=Content(package=b"<html>sold out</html>" * 500), site=SMALL),
    _archive("the package is empty", "OTA405", b""),
    fault(
        "a single page application answers for packages",
        "OTA405",
        replaced(f"({NGINX_IPA})", r"\1 rewrite ^ /index.html last;"),
        replaced(ROOT, r'\1RewriteRule "\\.ipa$" "/index.html" [PT]\n\g<0>'),
        site=SMALL,
        door="check",
    ),
    _archive("stored entries have their size behind the data", "OTA412", _sizes_behind()),
    _archive("local headers have no sizes", "OTA412", _zeroed()),
    _archive("something stands before the archive", "OTA412", b"#!/bin/sh\n" + build_package()),
    _archive("the archive is encrypted", "OTA412", _encrypted()),
    _archive("the archive is one of several disks", "OTA412", _on_disk(1)),
    _archive("the package is cut off", "OTA413", build_package()[:-5000]),
)
