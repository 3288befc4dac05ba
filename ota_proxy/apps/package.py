"""Builds a small .ipa with the parts a real one has, and a display image: the same bytes every time; nothing in it runs, everything can be read.

The ZIP can be unpacked while it arrives: each local header carries the sizes (observed behaviour of the install daemon needs that).
"""

from __future__ import annotations

import hashlib
import io
import plistlib
import struct
import zipfile
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509.oid import NameOID

from ota_proxy.apps.ipa import AppInfo

EXAMPLE_APP = AppInfo(
    "com.example.ota-proxy.demo", "OTA Demo", "1.4.2", "142", "15.0", "iPhoneOS", "OTADemo", "OTADemo"
)
"""The app that is served where the user gives no package."""
SIZE = 1_500_000
"""Bytes of the executable: enough that a range in the middle means something."""
_TEAM = "EXAMPLE123"
_START, _END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
_ZIP_TIME = (2024, 1, 1, 0, 0, 0)
_PRIMES = ((b"ota-proxy example profile p", 678), (b"ota-proxy example profile q", 204))


def build_package(app: AppInfo = EXAMPLE_APP, size: int = SIZE) -> bytes:
    """Return an .ipa whose executable has `size` bytes that do not compress, at least 4096; the same input gives the same bytes."""
    files = _app_files(app, max(size, 4096))
    base = f"Payload/{app.folder or app.executable}.app/"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for folder in ("Payload/", base, f"{base}_CodeSignature/"):
            archive.writestr(_entry(folder, 0o40755, zipfile.ZIP_STORED), b"")
        for name, data in files.items():
            stored = name == app.executable
            mode = 0o100755 if stored else 0o100644
            archive.writestr(_entry(base + name, mode, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED), data)
    return buffer.getvalue()


def _entry(name: str, mode: int, method: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.external_attr = mode << 16
    entry.create_system = 3  # Unix, so that the modes count
    entry.compress_type = method
    return entry


def _app_files(app: AppInfo, size: int) -> dict[str, bytes]:
    files = {
        "Info.plist": plistlib.dumps(_info(app), fmt=plistlib.FMT_BINARY),
        app.executable: _executable(app.bundle_id, size),
        "PkgInfo": b"APPL????",
        "AppIcon60x60@2x.png": png(120),
        "embedded.mobileprovision": _profile(app.bundle_id),
    }
    return {**files, "_CodeSignature/CodeResources": _code_resources(files)}


def _info(app: AppInfo) -> dict[str, object]:
    return {
        "CFBundleDisplayName": app.title,
        "CFBundleExecutable": app.executable,
        "CFBundleIcons": {"CFBundlePrimaryIcon": {"CFBundleIconFiles": ["AppIcon60x60"]}},
        "CFBundleIdentifier": app.bundle_id,
        "CFBundleInfoDictionaryVersion": "6.0",
        "CFBundleName": app.title,
        "CFBundlePackageType": "APPL",
        "CFBundleShortVersionString": app.version,
        "CFBundleSupportedPlatforms": [app.platform],
        "CFBundleVersion": app.build,
        "DTPlatformName": app.platform.lower(),
        "LSRequiresIPhoneOS": True,
        "MinimumOSVersion": app.minimum_os,
        "UIDeviceFamily": [1, 2],
    }


def _executable(seed: str, size: int) -> bytes:
    """Return a Mach-O header for arm64 iOS (mach-o/loader.h) and noise up to `size` bytes."""
    segment = struct.pack("<II16sQQQQiiII", 0x19, 72, b"__TEXT", 0x1_0000_0000, size, 0, size, 5, 5, 0, 0)
    build = struct.pack("<IIIIII", 0x32, 24, 2, 0x000F_0000, 0x0012_0000, 0)  # platform 2 is iOS; 15.0, SDK 18.0
    commands = segment + build
    header = struct.pack("<IiiIIIII", 0xFEED_FACF, 0x0100_000C, 0, 2, 2, len(commands), 0x0020_0085, 0)
    body = header + commands
    return body + hashlib.shake_256(seed.encode()).digest(size - len(body))


def _code_resources(files: Mapping[str, bytes]) -> bytes:
    sealed = {name: data for name, data in files.items() if name.endswith((".png", ".mobileprovision"))}
    seals = {name: hashlib.sha256(data).digest() for name, data in sealed.items()}
    rules = {"^.*": True, "^Info\\.plist$": {"omit": True, "weight": 10.0}}
    return plistlib.dumps({"files2": {name: {"hash2": seal} for name, seal in seals.items()}, "rules2": rules})


def _profile(bundle_id: str) -> bytes:
    """Return an ad hoc profile: a property list inside a CMS signature (RFC 5652), signed by a throw-away certificate."""
    key, certificate = _signer()
    options = [PKCS7Options.Binary, PKCS7Options.NoAttributes]  # attributes would bring the time of signing
    builder = PKCS7SignatureBuilder().set_data(plistlib.dumps(_profile_data(bundle_id, certificate)))
    return builder.add_signer(certificate, key, hashes.SHA256()).sign(Encoding.DER, options)


def _profile_data(bundle_id: str, certificate: x509.Certificate) -> dict[str, object]:
    return {
        "AppIDName": "ota-proxy demo",
        "ApplicationIdentifierPrefix": [_TEAM],
        "CreationDate": _START.replace(tzinfo=None),
        "Platform": ["iOS"],
        "DeveloperCertificates": [certificate.public_bytes(Encoding.DER)],
        "Entitlements": {
            "application-identifier": f"{_TEAM}.{bundle_id}",
            "com.apple.developer.team-identifier": _TEAM,
            "get-task-allow": False,
        },
        "ExpirationDate": _END.replace(tzinfo=None),
        "Name": "ota-proxy demo, ad hoc",
        "ProvisionedDevices": ["00008101-000000000000001E"],
        "TeamIdentifier": [_TEAM],
        "TeamName": "ota-proxy demo",
        "TimeToLive": (_END - _START).days,
        "UUID": "00000000-0000-4000-8000-000000000142",
        "Version": 1,
    }


@cache
def _signer() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = _public_knowledge_key()
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "iPhone Distribution: ota-proxy demo (not trusted by Apple)")]
    )
    builder = x509.CertificateBuilder(name, name, key.public_key(), 142, _START, _END)
    return key, builder.sign(key, hashes.SHA256())


def _public_knowledge_key() -> rsa.RSAPrivateKey:
    """Return the one RSA-2048 key that anybody can compute from this file: it makes the package repeatable and protects nothing."""
    p, q = (_prime(seed, offset) for seed, offset in _PRIMES)
    e = 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    ).private_key()


def _prime(seed: bytes, offset: int) -> int:
    """Return a 1024-bit prime: the hash of `seed` with its ends set, plus the `offset` at which the first prime was found."""
    return (int.from_bytes(hashlib.shake_256(seed).digest(128), "big") | (3 << 1022) | 1) + offset


SIGNATURE = b"\x89PNG\r\n\x1a\n"
DISPLAY_SIZE = 57
"""Side in pixels of the image shown while installing (Apple's older deployment text)."""
FULL_SIZE = 512
"""Side in pixels of the large image."""
_LARGEST = 1024


def png(side: int, colour: tuple[int, int, int] = (0, 102, 204)) -> bytes:
    """Return a PNG of `side` by `side` pixels, 1 to 1024, opaque RGB (RFC 2083); ValueError outside."""
    if not 1 <= side <= _LARGEST:
        raise ValueError(f"an icon has 1 to {_LARGEST} pixels a side, not {side}")
    rows = b"".join(b"\0" + _row(side, y, colour) for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)  # 8 bits a channel, colour type 2: RGB
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def _row(side: int, y: int, colour: tuple[int, int, int]) -> bytes:
    dark = bytes(colour)
    edge = side // 4
    if not edge <= y < side - edge:
        return dark * side
    light = bytes(min(255, channel + 96) for channel in colour)
    return dark * edge + light * (side - 2 * edge) + dark * edge


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
