"""Faults of the archive: what is no ZIP, cannot be unpacked while it arrives, or ends too early."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile

from ota_proxy.apps.package import build_package
from ota_proxy.harness.served import Content
from tests.container.faults import nginx_edits
from tests.container.faults.manifest import ROOT
from tests.container.faults.model import SMALL, Fault, fault, replaced


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


def _compressed(method: int) -> bytes:
    """The example package, every file of it compressed in that way."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(build_package(size=4096))) as source, zipfile.ZipFile(target, "w") as archive:
        for entry in source.infolist():
            archive.writestr(entry.filename, source.read(entry), method)
    return target.getvalue()


def _renamed(old: str, new: str) -> bytes:
    """The example package with the beginnings of its names changed."""
    with zipfile.ZipFile(io.BytesIO(build_package(size=4096))) as source:
        return _zipped({f"{new}{name.removeprefix(old)}": source.read(name) for name in source.namelist()})


def _zipped(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return target.getvalue()


FAULTS = (
    fault("the package is no archive", "OTA405", content=Content(package=b"<html>sold out</html>" * 500), site=SMALL),
    _archive("the package is empty", "OTA405", b""),
    fault(
        "a single page application answers for packages",
        "OTA405",
        nginx_edits.files("ipa", "rewrite ^ /index.html last;"),
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
    _archive("the package is cut inside its end record", "OTA413", build_package()[:-3]),
    _archive("the package is a Mac's installer", "OTA405", b"xar!\0\x1c\0\1" + bytes(4096)),
    _archive("the package is a tar archive in gzip", "OTA405", gzip.compress(bytes(4096), mtime=0)),
    _archive("the package is a 7-Zip archive", "OTA405", b"7z\xbc\xaf\x27\x1c\0\4" + bytes(4096)),
    _archive(
        "the package is a pointer of Git LFS",
        "OTA405",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    ),
    _archive("the package is compressed with bzip2", "OTA412", _compressed(zipfile.ZIP_BZIP2)),
    _archive("the package is compressed with LZMA", "OTA412", _compressed(zipfile.ZIP_LZMA)),
    _archive("Payload is not at the top of the package", "OTA503", _renamed("Payload/", "Release/Payload/")),
    _archive("the package has the app without Payload", "OTA503", _renamed("Payload/", "")),
    _archive(
        "the package is an Android app",
        "OTA503",
        _zipped({"AndroidManifest.xml": b"\3\0\x08\0", "classes.dex": bytes(64)}),
    ),
    _archive("the package is wrapped in another archive", "OTA503", _zipped({"App.ipa": build_package(size=4096)})),
)
