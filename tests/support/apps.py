# ruff: noqa: ANN401 - builders pass changed fields of dataclasses on to replace()
"""Hand-made facts about apps, archives in memory and sparse ones of any size, and a driver for readings over byte ranges."""

from __future__ import annotations

import io
import plistlib
import struct
import zipfile
import zlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from ota_proxy.apps.archive import Span
from ota_proxy.apps.package import build_package
from ota_proxy.facts.app import AppFacts, Bundle, Profile, SigningCertificate
from tests.support.facts import NOW

T = TypeVar("T")
REAL = Path(__file__).resolve().parents[3] / "shared" / "real"
REAL_MISSING = f"the real packages are not at hand ({REAL.name}/ beside the checkout)"
FOLDER = "Payload/Demo.app"
DEVICE = "00008101-000000000000001E"


def drive(reading: Generator[Span, bytes, T], data: bytes) -> T:
    """Give a reading over byte ranges what it asks for, and nothing beyond the end."""
    try:
        span = next(reading)
        while True:
            assert span.count >= 0
            assert 0 <= span.offset <= span.offset + span.count <= len(data)
            span = reading.send(data[span.offset : span.offset + span.count])
    except StopIteration as end:
        found: T = end.value
        return found


def certificate(until: datetime = NOW + timedelta(days=200)) -> SigningCertificate:
    """A certificate of a developer."""
    return SigningCertificate("Apple Distribution: Demo (TEAM123456)", NOW - timedelta(days=100), until)


def profile(**changes: Any) -> Profile:
    """An ad hoc profile for one device, 200 days left."""
    base = Profile(
        kind="ad-hoc",
        name="Demo ad hoc",
        uuid="0000",
        team="TEAM123456",
        created=NOW - timedelta(days=100),
        expires=NOW + timedelta(days=200),
        devices=(DEVICE,),
        app_id="TEAM123456.com.example.demo",
        platforms=("iOS",),
        certificates=(certificate(),),
    )
    return replace(base, **changes)


def bundle(folder: str = FOLDER, *, signed: bool = True, **changes: Any) -> Bundle:
    """A signed bundle whose profile is as `profile` makes it."""
    return Bundle(folder, signed, profile(**changes), "read")


def extension(**changes: Any) -> Bundle:
    """An extension inside of the app."""
    return bundle(f"{FOLDER}/PlugIns/Share.appex", **changes)


def app(**changes: Any) -> AppFacts:
    """The app that the manifest of `tests.support.facts` promises."""
    base = AppFacts(
        bundle_id="com.example.demo",
        version="1.2",
        build="120",
        title="Demo",
        minimum_os="15.0",
        platforms=("iPhoneOS",),
        app=bundle(),
        entries=9,
    )
    return replace(base, **changes)


INFO: dict[str, object] = {
    "CFBundleIdentifier": "com.example.demo",
    "CFBundleShortVersionString": "1.2",
    "CFBundleVersion": "120",
    "CFBundleDisplayName": "Demo",
    "MinimumOSVersion": "15.0",
    "CFBundleSupportedPlatforms": ["iPhoneOS"],
    "CFBundleIcons": {"CFBundlePrimaryIcon": {"CFBundleIconFiles": ["AppIcon60x60"]}},
}


def example_profile() -> bytes:
    """The signed ad hoc profile of the package that is served where a user gives none."""
    with zipfile.ZipFile(io.BytesIO(build_package(size=4096))) as archive:
        return archive.read("Payload/OTADemo.app/embedded.mobileprovision")


def files(**extra: bytes) -> dict[str, bytes]:
    """The files of a small app, in its folder."""
    return {
        "Info.plist": plistlib.dumps(INFO),
        "AppIcon60x60@2x.png": b"\x89PNG",
        "embedded.mobileprovision": example_profile(),
        "_CodeSignature/CodeResources": b"<plist/>",
        **extra,
    }


def packed(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED, folder: str = FOLDER) -> bytes:
    """An archive with these files in a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(f"{folder}/{name}", data)
    return buffer.getvalue()


@dataclass
class Sparse:
    """Bytes of any size, zero but for a few parts."""

    size: int = 0
    parts: dict[int, bytearray] = field(default_factory=dict)
    _open: int = 0
    """Where the part begins that grows."""

    def append(self, data: bytes) -> None:
        """Write at the end."""
        self.parts.setdefault(self._open, bytearray()).extend(data)
        self.size += len(data)

    def skip(self, count: int) -> None:
        """Leave zeros at the end."""
        self.size += count
        self._open = self.size

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes, as many as there are."""
        count = max(0, min(count, self.size - offset))
        found = bytearray(count)
        for start, data in self.parts.items():
            begin, end = max(start, offset), min(start + len(data), offset + count)
            if begin < end:
                found[begin - offset : end - offset] = data[begin - start : end - start]
        return bytes(found)


def sparse_package(hole: int, members: Mapping[str, bytes], more: int = 0) -> Sparse:
    """A ZIP64 package: the first member, a stored file of `hole` zero bytes, the other members, and `more` empty ones.

    Written front to back, with sizes in the local headers, as a device wants it.
    """
    target, central = Sparse(), bytearray()
    names = list(members.items())
    _member(target, central, *names[0])
    start = target.size
    name = f"{FOLDER}/movie.bin".encode()
    extra = struct.pack("<HHQQ", 1, 16, hole, hole)
    wide = 0xFFFFFFFF
    target.append(struct.pack("<4s5H3I2H", b"PK\x03\x04", 45, 0, 0, 0, 0, 0, wide, wide, len(name), len(extra)))
    target.append(name + extra)
    target.skip(hole)
    place = struct.pack("<HHQQQ", 1, 24, hole, hole, start)
    central += _listed(name, 0, (wide, wide, wide), place)
    for member in names[1:]:
        _member(target, central, *member)
    for number in range(more):
        _member(target, central, f"{FOLDER}/Assets/{number}/", b"")
    count, begin = len(members) + 1 + more, target.size
    target.append(bytes(central))
    end = target.size
    target.append(struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(central), begin))
    target.append(struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1))
    target.append(struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, wide, wide, 0))
    return target


def _member(target: Sparse, central: bytearray, name: str, data: bytes) -> None:
    start, raw, crc, size = target.size, f"{FOLDER}/{name}".encode(), zlib.crc32(data), len(data)
    target.append(struct.pack("<4s5H3I2H", b"PK\x03\x04", 45, 0, 0, 0, 0, crc, size, size, len(raw), 0) + raw + data)
    wide = start > 0xFFFFFFFF
    extra = struct.pack("<HHQ", 1, 8, start) if wide else b""
    central += _listed(raw, crc, (size, size, 0xFFFFFFFF if wide else start), extra)


def _listed(name: bytes, crc: int, numbers: tuple[int, int, int], extra: bytes) -> bytes:
    """A line of the central directory for a stored file; `numbers` are its two sizes and the offset."""
    *sizes, offset = numbers
    fixed = (0x031E, 45, 0, 0, 0, 0, crc, *sizes, len(name), len(extra), 0, 0, 0, 0, offset)
    return struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *fixed) + name + extra
