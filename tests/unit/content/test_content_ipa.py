from __future__ import annotations

import io
import plistlib
import struct
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from ota_proxy.apps.ipa import AppInfo, read_info
from ota_proxy.apps.package import EXAMPLE_APP, SIGNATURE, build_package, png
from ota_proxy.errors import UsageError

REAL = Path(__file__).parents[4] / "shared" / "real"


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_the_same_app_gives_the_same_bytes() -> None:
    assert build_package(size=10_000) == build_package(size=10_000)


def test_what_was_built_is_read_back() -> None:
    app = AppInfo("org.example.café", "Café & Söhne", "2.0", "7", "16.0", "iPhoneOS", "Cafe", "Cafe Deluxe")
    package = build_package(app, size=5000)
    info = read_info(package)
    assert (info.bundle_id, info.title, info.version, info.build) == (app.bundle_id, app.title, "2.0", "7")
    assert (info.minimum_os, info.platform, info.folder, info.size) == ("16.0", "iPhoneOS", "Cafe Deluxe", len(package))


def test_every_local_header_carries_its_sizes_so_that_the_archive_can_be_unpacked_while_it_arrives() -> None:
    package = build_package(size=5000)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        entries = archive.infolist()
        for entry in entries:
            magic, _, flags, _, _, _, crc, packed, size = struct.unpack_from("<IHHHHHIII", package, entry.header_offset)
            assert (magic, flags & 8) == (0x04034B50, 0)
            assert (crc, packed, size) == (entry.CRC, entry.compress_size, entry.file_size)
    assert entries[0].header_offset == 0


def test_the_package_does_not_compress() -> None:
    package = build_package(size=200_000)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        executable = archive.read("Payload/OTADemo.app/OTADemo")
    squeezed = io.BytesIO()
    with zipfile.ZipFile(squeezed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", executable)
    assert len(squeezed.getvalue()) > len(executable) * 0.99


def test_the_executable_starts_as_a_64_bit_arm_mach_o() -> None:
    with zipfile.ZipFile(io.BytesIO(build_package(size=5000))) as archive:
        magic, cpu, _, kind = struct.unpack_from("<IIII", archive.read("Payload/OTADemo.app/OTADemo"))
    assert (magic, cpu, kind) == (0xFEEDFACF, 0x0100000C, 2)


def test_the_profile_is_a_signed_property_list_for_this_app() -> None:
    with zipfile.ZipFile(io.BytesIO(build_package(size=5000))) as archive:
        profile = archive.read("Payload/OTADemo.app/embedded.mobileprovision")
    assert len(load_der_pkcs7_certificates(profile)) == 1
    start, end = profile.index(b"<?xml"), profile.index(b"</plist>") + len(b"</plist>")
    data = plistlib.loads(profile[start:end])
    assert data["Entitlements"]["application-identifier"].endswith(EXAMPLE_APP.bundle_id)
    assert data["ProvisionedDevices"]


def test_packages_from_xcode_are_read() -> None:
    if not REAL.is_dir():
        pytest.skip("the packages built by Xcode are not here")
    phone, extended = read_info(REAL / "iphone.ipa"), read_info(REAL / "embedded.ipa")
    assert (phone.bundle_id, phone.version, phone.build) == ("com.icyleaf.AppInfoDemo", "1.2.3", "5")
    assert (extended.bundle_id, extended.version) == ("com.icyleaf.test.Demo", "1.0")


@pytest.mark.parametrize(
    ("package", "words"),
    [
        (b"", "not a ZIP archive"),
        (b"<html>not found</html>", "not a ZIP archive"),
        (zipped(**{"readme.txt": b"x"}), "no Payload/NAME.app/Info.plist"),
        (zipped(**{"Payload/A.app/Info.plist": b"nonsense"}), "not a property list"),
        (zipped(**{"Payload/A.app/Info.plist": plistlib.dumps(["x"])}), "not a dictionary"),
        (zipped(**{"Payload/A.app/Info.plist": plistlib.dumps({"CFBundleName": "A"})}), "no CFBundleIdentifier"),
        (zipped(**{"Payload/A.app/Info.plist": b" " * 1_100_000}), "larger than 1 MiB"),
        (build_package(size=5000)[:-40], "not a ZIP archive"),
    ],
)
def test_a_file_that_is_no_app_is_refused_with_its_reason(package: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_info(package)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.ipa: the package cannot be read"):
        read_info(tmp_path / "nothing.ipa")


def test_a_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_info(tmp_path)


@pytest.mark.parametrize("side", [1, 57, 512])
def test_an_icon_has_the_size_asked_for(side: int) -> None:
    image = png(side)
    assert image.startswith(SIGNATURE)
    assert struct.unpack_from(">II", image, 16) == (side, side)


def test_an_icon_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 1024"):
        png(0)
