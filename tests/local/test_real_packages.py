"""`check` against a real nginx on loopback: packages that Xcode built, and one of four gibibytes, which costs hardly any traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ota_proxy.apps.ipa import AppInfo, read_info
from ota_proxy.apps.landing_page import STYLE, landing_page
from ota_proxy.apps.manifest import build_manifest
from ota_proxy.commands.check import CheckOptions, check
from ota_proxy.facts.app import AppFacts
from ota_proxy.report.report import TargetReport
from tests.local.nginx_server import HOST, Bench
from tests.support.apps import DEVICE, INFO, REAL, REAL_MISSING, Sparse, files, sparse_package
from tests.support.builds import PROFILE, in_house, profile, rebuilt
from tests.support.nginx_variants import STATIC
from tests.support.relay import counting
from tests.support.reports import ids, notes

pytestmark = pytest.mark.local

BASE = f"https://{HOST}"
GIB = 1 << 30
UNLISTED = "00008101-000000000000002F"
real = pytest.mark.skipif(not REAL.is_dir(), reason=REAL_MISSING)


@pytest.fixture
def bench(binary: str, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(binary, tmp_path, STATIC)
    with made.running():
        yield made


def publish(bench: Bench, app: AppInfo) -> Path:
    """Put page and manifest of an app on the server; return where its package belongs."""
    root = Path(bench.site.static[0].root or "")
    (root / "app.plist").write_bytes(build_manifest(app, f"{BASE}/App.ipa"))
    (root / "index.html").write_bytes(landing_page(app, f"{BASE}/app.plist", stylesheet="app.css"))
    (root / "app.css").write_text(STYLE)
    return root / "App.ipa"


def checked(bench: Bench, udid: str = "", ios: str = "", https: int = 0) -> TargetReport:
    way = {(HOST, 443): ("127.0.0.1", https or bench.ports["https"]), (HOST, 80): ("127.0.0.1", bench.ports["http"])}
    options = CheckOptions(ca_pem=bench.authority.ca_pem.decode("ascii"), resolve=way, udid=udid, ios=ios)
    return asyncio.run(check(f"{BASE}/", options))


def app_of(report: TargetReport) -> AppFacts:
    assert report.facts is not None
    assert report.facts.install is not None
    (package,) = report.facts.install.packages
    assert package.app is not None, package.app_unread
    return package.app


def devices(report: TargetReport) -> tuple[str, ...]:
    bundle = app_of(report).app
    assert bundle is not None
    assert bundle.profile is not None
    return bundle.profile.devices


def status(report: TargetReport, rule: str) -> str:
    return next(one.status for one in report.outcomes if one.rule.id == rule)


@real
def test_a_package_of_xcode_is_judged_for_the_phone_it_is_meant_for(bench: Bench) -> None:
    data = (REAL / "iphone.ipa").read_bytes()
    publish(bench, read_info(data)).write_bytes(data)
    plain = checked(bench)
    assert ids(plain) == {"OTA505"}
    assert {"OTA506", "OTA511"} <= notes(plain)
    assert status(plain, "OTA507") == "not-applicable"
    assert len(devices(plain)) == 100

    known = checked(bench, udid=devices(plain)[41].upper(), ios="18.1")
    assert ids(known) == {"OTA505"}
    assert (status(known, "OTA507"), status(known, "OTA509")) == ("passed", "passed")

    strange = checked(bench, udid=UNLISTED, ios="4.0")
    assert ids(strange) == {"OTA505", "OTA507", "OTA509"}
    (found,) = [one for one in strange.findings if one.rule.id == "OTA507"]
    assert f"{UNLISTED} is not among the 100" in found.message


@real
def test_an_in_house_package_with_an_extension_is_for_every_phone(bench: Bench) -> None:
    data = (REAL / "embedded.ipa").read_bytes()
    publish(bench, read_info(data)).write_bytes(data)
    report = checked(bench, udid=UNLISTED)
    assert ids(report) - {"OTA111"} == {"OTA505"}
    assert "OTA511" in notes(report)
    assert status(report, "OTA507") == "passed"
    assert len(app_of(report).extensions) == 1


def test_a_made_package_is_judged_for_the_phones_of_its_profile(bench: Bench) -> None:
    """What the real packages show, wherever they are not at hand; only the expired certificates of those are missing."""
    data = rebuilt(
        {PROFILE: profile(ProvisionedDevices=[DEVICE, *(f"00008101-{number:016X}" for number in range(99))])}
    )
    publish(bench, read_info(data)).write_bytes(data)
    known = checked(bench, udid=DEVICE, ios="18.1")
    assert ids(known) == set()
    assert (status(known, "OTA507"), status(known, "OTA509"), len(devices(known))) == ("passed", "passed", 100)

    unlisted = checked(bench, udid="00008101-0000000000FFFFFF", ios="4.0")
    assert ids(unlisted) == {"OTA507", "OTA509"}
    (found,) = [one for one in unlisted.findings if one.rule.id == "OTA507"]
    assert "00008101-0000000000FFFFFF is not among the 100" in found.message


def test_a_made_in_house_package_is_for_every_phone(bench: Bench) -> None:
    data = in_house()
    publish(bench, read_info(data)).write_bytes(data)
    report = checked(bench, udid=UNLISTED)
    assert ids(report) == set()
    assert status(report, "OTA507") == "passed"


def write(package: Sparse, path: Path) -> None:
    """Write a package that takes hardly any room on a disk."""
    with path.open("wb") as target:
        for offset, data in package.parts.items():
            target.seek(offset)
            target.write(data)
        target.truncate(package.size)


def test_a_package_of_four_gibibytes_is_judged_within_two_megabytes_of_traffic(bench: Bench) -> None:
    texts = {key: value for key, value in INFO.items() if isinstance(value, str)}
    app = AppInfo(
        texts["CFBundleIdentifier"],
        texts["CFBundleDisplayName"],
        texts["CFBundleShortVersionString"],
        texts["CFBundleVersion"],
        texts["MinimumOSVersion"],
        "iPhoneOS",
        "Demo",
        "Demo",
    )
    path = publish(bench, app)
    write(sparse_package(4 * GIB, files(), more=4000), path)
    assert path.stat().st_blocks * 512 < 16 << 20

    with counting(bench.ports["https"]) as relay:
        report = checked(bench, udid=DEVICE, ios="18.1", https=relay.port)
    assert ids(report) == set()
    assert status(report, "OTA507") == "passed"
    assert (app_of(report).bundle_id, app_of(report).entries) == ("com.example.demo", 4005)
    assert report.facts is not None
    assert report.facts.install is not None
    (package,) = report.facts.install.packages
    assert (package.size or 0) > 4 * GIB
    assert relay.received < 2_000_000
