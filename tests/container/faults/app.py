# ruff: noqa: ANN401 - helpers pass further fields of a fault, or keys of a property list, on
"""Faults of the app inside the package: what its Info.plist, its profiles and its signature say to a phone."""

from __future__ import annotations

import io
import plistlib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from ota_proxy.apps.package import EXAMPLE_APP, build_package
from ota_proxy.apps.profile import signed_content
from ota_proxy.commands.check import CheckOptions
from ota_proxy.harness.served import Content
from tests.container.faults.model import SMALL, Door, Fault, fault
from tests.support.apps import DEVICE, example_profile
from tests.support.device_servers import NOW, issue

FOLDER = "Payload/OTADemo.app/"
PROFILE, INFO, SEAL = "embedded.mobileprovision", "Info.plist", "_CodeSignature/CodeResources"
SHARE = "PlugIns/Share.appex/"
UNLISTED = "00008101-000000000000002F"
"""A device that no profile names."""

Files = dict[str, bytes]


def profile(certificate_days: tuple[int, int] = (-100, 200), **changes: Any) -> bytes:
    """Return the ad hoc profile of the example with some keys changed (None removes one), signed by a certificate of its own."""
    data: dict[str, Any] = plistlib.loads(signed_content(example_profile()))
    signer = issue("iPhone Distribution: Test", days=certificate_days)
    data |= {"DeveloperCertificates": [signer.certificate.public_bytes(Encoding.DER)], **changes}
    kept = {key: value for key, value in data.items() if value is not None}
    builder = PKCS7SignatureBuilder().set_data(plistlib.dumps(kept))
    signed = builder.add_signer(signer.certificate, signer.key, hashes.SHA256())
    return signed.sign(Encoding.DER, [PKCS7Options.Binary])


def entitled(**changes: object) -> dict[str, object]:
    """Return the example's entitlements with some changed."""
    data: dict[str, Any] = plistlib.loads(signed_content(example_profile()))
    return {**data["Entitlements"], **{name.replace("_", "-"): value for name, value in changes.items()}}


def repacked(change: Callable[[Files], object]) -> bytes:
    """Return the example package with its files changed, by their names in the app's folder."""
    with zipfile.ZipFile(io.BytesIO(build_package(size=4096))) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        files = {name.removeprefix(FOLDER): archive.read(name) for name in names}
    change(files)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.removeprefix("/") if name.startswith("/") else FOLDER + name, data)
    return target.getvalue()


def _app(name: str, ids: str, change: Callable[[Files], object], door: Door = "check", **more: Any) -> Fault:
    return fault(name, ids, content=Content(package=repacked(change)), site=SMALL, door=door, **more)


def _other(name: str, ids: str, **app: Any) -> Fault:
    """The manifest is the example's; the package is another app's."""
    package = build_package(replace(EXAMPLE_APP, **app), size=4096)
    return fault(name, ids, content=Content(package=package), site=SMALL, door="check")


def _with(**files: bytes) -> Callable[[Files], object]:
    return lambda known: known.update(files)


def _signed_by(found: bytes) -> Callable[[Files], object]:
    return lambda files: files.update({PROFILE: found})


def _share(found: bytes | None, *, signed: bool = True) -> Callable[[Files], object]:
    """Put an extension into the app, with a profile or without."""

    def change(files: Files) -> None:
        files[SHARE + INFO] = plistlib.dumps({"CFBundleIdentifier": f"{EXAMPLE_APP.bundle_id}.share"})
        if signed:
            files[SHARE + SEAL] = files[SEAL]
        if found is not None:
            files[SHARE + PROFILE] = found

    return change


def _nothing(files: Files) -> None:
    files.clear()
    files["/README"] = b"the app comes later"


def _backslashes(files: Files) -> None:
    """Names as a whole, with the folder: they start with a slash here."""
    names = {name: "/" + (FOLDER + name).replace("/", "\\") for name in files}
    for name, whole in names.items():
        files[whole] = files.pop(name)


def _lacks(name: str) -> Callable[[Files], object]:
    return lambda files: files.pop(name)


def _day(days: int) -> datetime:
    """So many days from now, as property lists have it: UTC without saying so."""
    return (NOW + timedelta(days=days)).replace(tzinfo=None)


UDID, OTHER_UDID = CheckOptions(udid=DEVICE), CheckOptions(udid=UNLISTED)

FAULTS = (
    _other("the package is another app", "OTA501", bundle_id="com.example.other"),
    _other("the package has the bundle id in capitals", "OTA501", bundle_id=EXAMPLE_APP.bundle_id.upper()),
    _other("the package is an older version", "OTA502", version="1.4.1", build="141"),
    _app("the archive has no app", "OTA503", _nothing),
    _app("the archive has backslashes, as some tools on Windows write", "OTA503", _backslashes),
    _app("the app has no Info.plist", "OTA503", _lacks(INFO)),
    _app("the app's Info.plist is damaged", "OTA503", _with(**{INFO: b"bplist00 and no more"})),
    _app("the app has no profile", "OTA504", _lacks(PROFILE)),
    _app("the app's profile is none", "OTA504", _signed_by(b"<plist/>")),
    _app("the extension has no profile", "OTA504", _share(None)),
    _app("the profile has expired", "OTA505", _signed_by(profile(ExpirationDate=_day(-1)))),
    _app("every certificate in the profile has expired", "OTA505", _signed_by(profile((-400, -35)))),
    _app("the extension's profile has expired", "OTA505", _share(profile(ExpirationDate=_day(-1)))),
    _app("the profile is for the App Store", "OTA506", _signed_by(profile(ProvisionedDevices=None))),
    _app(
        "the profile is for development",
        "",
        _signed_by(profile(Entitlements=entitled(get_task_allow=True))),
        notes="OTA506 OTA511",
    ),
    _app("the phone is not in the profile", "OTA507", _signed_by(profile()), options=OTHER_UDID),
    _app(
        "the phone is not in the extension's profile",
        "OTA507",
        _share(profile(ProvisionedDevices=[UNLISTED])),
        options=UDID,
    ),
    _other("the app is for the simulator", "OTA508", platform="iPhoneSimulator"),
    _other("the app is for the television", "OTA508", platform="AppleTVOS"),
    _app("the profile is for the television", "OTA508", _signed_by(profile(Platform=["tvOS"]))),
    _app("the phone's system is too old", "OTA509", _signed_by(profile()), options=CheckOptions(ios="14.8")),
    _app("the app is not signed", "OTA510", _lacks(SEAL)),
    _app("the extension is not signed", "OTA510", _share(profile(), signed=False)),
    _app(
        "the app is for everybody in the house",
        "",
        _signed_by(profile(ProvisionsAllDevices=True, ProvisionedDevices=None)),
        notes="OTA511",
    ),
    _app(
        "the profile has expired, which is no fault of the server",
        "",
        _signed_by(profile(ExpirationDate=_day(-1))),
        notes="OTA505",
        door="verify",
    ),
)
