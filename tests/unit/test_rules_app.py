# ruff: noqa: ANN401 - builders pass changed fields of dataclasses on
"""OTA317 and OTA501 to OTA511: each broken app reports exactly its rules, through `check` in full and through `verify` as notes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ota_proxy.facts.app import AppFacts, Bundle, HashFacts
from ota_proxy.facts.install import Asset, InstallFacts
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.registry import Door, evaluate
from ota_proxy.rules.rule import Facts, Outcome
from tests.support.apps import DEVICE, FOLDER, app, bundle, certificate, extension, profile
from tests.support.facts import (
    BASE,
    IPA,
    NOW,
    PACKAGE_URL,
    answered,
    healthy,
    manifest,
    manifest_data,
    package,
    with_data,
    with_package,
)

AGO = NOW - timedelta(days=3)
GOOD = app(app=bundle(kind="in-house", provisions_all=True, devices=()))
"""With nothing to find but the steps by hand."""


def direct(**changes: Any) -> InstallFacts:
    """The healthy walk from the manifest on: what a page has to say about a build is not looked at here."""
    return healthy(**{"page": None, "link": None, "start": "manifest", **changes})


def walked(found: AppFacts | None, install: InstallFacts | None = None, **more: Any) -> InstallFacts:
    base = install or direct()
    return replace(base, packages=(replace(base.packages[0], app=found, **more),))


def judged(install: InstallFacts, *, udid: str = "", ios_version: str = "") -> dict[str, Outcome]:
    """The outcomes of this module's rules; the first of each rule."""
    found = evaluate(Facts(install=install, udid=udid, ios_version=ios_version), BASE, "c")
    kept = [one for one in found if one.rule.id == "OTA317" or one.rule.id.startswith("OTA5")]
    return {one.rule.id: one for one in reversed(kept)}


def reported(install: InstallFacts, door: Door = "c", *, udid: str = "", ios_version: str = "") -> set[str]:
    """`OTA505 error` of every finding, also of rules beside these; the steps by hand are left out."""
    found = evaluate(Facts(install=install, udid=udid, ios_version=ios_version), BASE, door)
    failed = [one for one in found if one.status == "failed" and one.rule.id != "OTA511"]
    return {f"{one.rule.id} {one.severity}" for one in failed}


def with_bundle(**changes: Any) -> AppFacts:
    return replace(GOOD, app=bundle(**{"kind": "in-house", "provisions_all": True, **changes}))


EXPIRED = {"expires": AGO}
BROKEN: dict[str, tuple[AppFacts, set[str]]] = {
    "healthy": (GOOD, set()),
    "an ad hoc build": (app(), set()),
    "another bundle": (replace(GOOD, bundle_id="com.example.other"), {"OTA501 error"}),
    "another case": (replace(GOOD, bundle_id="com.example.Demo"), {"OTA501 error"}),
    "no bundle id": (replace(GOOD, bundle_id=""), {"OTA501 error"}),
    "another version": (replace(GOOD, version="1.3"), {"OTA502 warning"}),
    "the build instead of the version": (replace(GOOD, version="9", build="1.2"), set()),
    "no folder": (AppFacts(problem="the archive has no folder Payload/NAME.app"), {"OTA503 error"}),
    "no Info.plist": (replace(GOOD, problem="the app has no Info.plist", bundle_id="", version=""), {"OTA503 error"}),
    "no profile": (replace(GOOD, app=Bundle(FOLDER, signed=True)), {"OTA504 error"}),
    "no real profile": (
        replace(GOOD, app=Bundle(FOLDER, signed=True, profile_state="broken", profile_problem="it is cut off")),
        {"OTA504 error"},
    ),
    "an extension without one": (
        replace(GOOD, extensions=(Bundle(f"{FOLDER}/PlugIns/A.appex", signed=True),)),
        {"OTA504 warning"},
    ),
    "expired": (with_bundle(**EXPIRED), {"OTA505 error"}),
    "expired to the second": (with_bundle(expires=NOW), {"OTA505 error"}),
    "expires in a second": (with_bundle(expires=NOW + timedelta(seconds=1)), set()),
    "certificates expired": (with_bundle(certificates=(certificate(AGO), certificate(AGO))), {"OTA505 error"}),
    "one certificate left": (with_bundle(certificates=(certificate(AGO), certificate())), set()),
    "a certificate unread": (with_bundle(certificates=(certificate(AGO),), unread_certificates=1), set()),
    "an extension expired": (replace(GOOD, extensions=(extension(**EXPIRED),)), {"OTA505 error"}),
    "for the store": (app(app=bundle(kind="app-store", devices=())), {"OTA506 error"}),
    "an extension for the store": (replace(GOOD, extensions=(extension(kind="app-store"),)), {"OTA506 error"}),
    "for development": (app(app=bundle(kind="development")), {"OTA506 note"}),
    "for the simulator": (replace(GOOD, platforms=("iPhoneSimulator",)), {"OTA508 error"}),
    "for Apple TV": (replace(GOOD, platforms=("AppleTVOS",)), {"OTA508 error"}),
    "for Mac": (replace(GOOD, platforms=("MacOSX",)), {"OTA508 error"}),
    "platform in lower case": (replace(GOOD, platforms=("iphoneos",)), set()),
    "profile of Apple TV": (with_bundle(platforms=("tvOS",)), {"OTA508 error"}),
    "profile for several": (with_bundle(platforms=("iOS", "xrOS", "visionOS")), set()),
    "not signed": (replace(GOOD, app=bundle(signed=False, kind="in-house")), {"OTA510 error"}),
    "an extension not signed": (replace(GOOD, extensions=(extension(signed=False),)), {"OTA510 error"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_app_is_reported_by_exactly_its_rules(name: str) -> None:
    found, ids = BROKEN[name]
    assert reported(walked(found)) == ids


@pytest.mark.parametrize("name", BROKEN)
def test_verify_proves_the_server_so_what_is_wrong_with_the_app_alone_is_a_note(name: str) -> None:
    found, ids = BROKEN[name]
    expected = {id_ if id_[:6] in {"OTA501", "OTA502", "OTA503"} else f"{id_[:6]} note" for id_ in ids}
    assert reported(walked(found), "v") == expected


def test_the_catalogue_says_through_which_door_a_finding_is_a_note() -> None:
    assert {id_ for id_, rule in catalogue().items() if "v" in rule.note_doors} == {
        f"OTA{number}" for number in range(504, 511)
    }
    assert all(set(rule.note_doors) <= set(rule.doors) for rule in catalogue().values())


# -- on this phone ----------------------------------------------------------------------------------------------------

PHONES: dict[str, tuple[AppFacts, dict[str, Any], set[str]]] = {
    "listed": (app(), {"udid": DEVICE}, set()),
    "listed, in lower case and without the hyphen": (app(), {"udid": DEVICE.lower().replace("-", "")}, set()),
    "not listed": (app(), {"udid": "0" * 40}, {"OTA507 error"}),
    "in-house": (GOOD, {"udid": "0" * 40}, set()),
    "not in the extension's": (
        app(extensions=(extension(devices=("f" * 40,)),)),
        {"udid": DEVICE},
        {"OTA507 error"},
    ),
    "old system": (app(), {"ios_version": "14.8"}, {"OTA509 error"}),
    "just enough": (app(), {"ios_version": "15"}, set()),
    "newer by number, not by letter": (replace(app(), minimum_os="9.3"), {"ios_version": "15.0"}, set()),
    "both": (app(), {"udid": "0" * 40, "ios_version": "12.5.7"}, {"OTA507 error", "OTA509 error"}),
}


@pytest.mark.parametrize("name", PHONES)
def test_a_given_phone_is_held_against_profile_and_system(name: str) -> None:
    found, phone, ids = PHONES[name]
    assert reported(walked(found), **phone) == ids


def test_without_a_phone_its_rules_do_not_apply() -> None:
    found = judged(walked(app()))
    assert {found["OTA507"].status, found["OTA509"].status} == {"not-applicable"}


def test_the_finding_names_the_profile_the_device_and_the_likewise_affected() -> None:
    other = extension(name="Share ad hoc", devices=())
    found = judged(walked(app(extensions=(other,))), udid="11111111-2222222222222222")["OTA507"]
    assert "'Demo ad hoc' of Demo.app; likewise Share.appex" in found.message
    assert "PlugIns/Share.appex: the device" in found.evidence


STEPS: dict[str, tuple[AppFacts, str, tuple[str, ...]]] = {
    "in-house": (GOOD, "", ("trusts the developer", "restarts the device from iOS 18", "revoked")),
    "in-house before 18": (GOOD, "17.7", ("trusts the developer", "revoked")),
    "ad hoc": (app(), "", ("Developer Mode", "ad hoc")),
    "development": (app(app=bundle(kind="development")), "26", ("Developer Mode", "for development")),
}


@pytest.mark.parametrize("name", STEPS)
def test_the_steps_by_hand_are_a_note_by_profile_and_system(name: str) -> None:
    found, ios, words = STEPS[name]
    outcome = judged(walked(found), ios_version=ios)["OTA511"]
    assert (outcome.status, outcome.severity) == ("failed", "note")
    assert [word for word in words if word not in outcome.message] == []
    assert ("restarts" in outcome.message) == any("restarts" in word for word in words)


@pytest.mark.parametrize(
    ("found", "ios"), [(app(), "15.8"), (app(app=bundle(kind="app-store")), ""), (app(app=bundle(kind="unknown")), "")]
)
def test_where_no_step_is_needed_none_is_named(found: AppFacts, ios: str) -> None:
    assert judged(walked(found), ios_version=ios)["OTA511"].status == "passed"


# -- no verdict -------------------------------------------------------------------------------------------------------

UNSEEN = Bundle(FOLDER, signed=True, profile_state="unseen", profile_problem="that would take too much")
SILENT: dict[str, tuple[InstallFacts, set[str]]] = {
    "not looked into": (
        walked(None, app_unread="it has no end record"),
        {"OTA501", "OTA502", "OTA503", "OTA504", "OTA505", "OTA506", "OTA507", "OTA508", "OTA509", "OTA510", "OTA511"},
    ),
    "profile unseen": (walked(replace(GOOD, app=UNSEEN)), {"OTA504", "OTA505", "OTA506", "OTA507", "OTA511"}),
    "extension unseen": (
        walked(replace(GOOD, extensions=(replace(UNSEEN, folder=f"{FOLDER}/PlugIns/A.appex"),))),
        {"OTA505", "OTA506", "OTA507"},
    ),
    "too many extensions": (walked(replace(GOOD, unread_extensions=3)), {"OTA505", "OTA506", "OTA507"}),
    "no date": (walked(with_bundle(expires=None)), {"OTA505"}),
    "no platform": (walked(replace(with_bundle(platforms=()), platforms=())), {"OTA508"}),
    "no lowest system": (walked(replace(GOOD, minimum_os="")), {"OTA509"}),
    "no Info.plist": (walked(replace(GOOD, problem="the app has no Info.plist")), {"OTA501", "OTA502", "OTA509"}),
    "no app": (
        walked(AppFacts(problem="no folder")),
        {"OTA501", "OTA502", "OTA504", "OTA505", "OTA506", "OTA507", "OTA508", "OTA509", "OTA510", "OTA511"},
    ),
    "a store profile and a phone": (walked(app(app=bundle(kind="app-store"))), {"OTA507"}),
}


@pytest.mark.parametrize("name", SILENT)
def test_what_was_not_seen_is_no_verdict_with_a_reason(name: str) -> None:
    install, ids = SILENT[name]
    found = judged(install, udid=DEVICE, ios_version="18")
    assert {id_ for id_, one in found.items() if one.status == "no-verdict"} == ids
    assert all(found[id_].message for id_ in ids)


def test_a_manifest_without_id_or_version_has_rules_of_its_own() -> None:
    install = with_data(manifest_data(bundle_identifier=None, bundle_version=None))
    found = judged(walked(GOOD, install))
    assert (found["OTA501"].status, found["OTA502"].status) == ("no-verdict", "not-applicable")


def test_a_walk_from_the_package_has_no_promise_to_hold_it_against() -> None:
    install = walked(GOOD, direct(start="package", manifest=None))
    found = judged(install)
    assert {found[id_].status for id_ in ("OTA317", "OTA501", "OTA502")} == {"not-applicable"}
    assert found["OTA503"].status == "passed"


def test_each_package_is_held_against_the_item_that_names_it() -> None:
    other = f"{BASE}/ota/watch.ipa"
    data = manifest_data()
    second = {
        "assets": [{"kind": "software-package", "url": other}],
        "metadata": {**data["items"][0]["metadata"], "bundle-identifier": "com.example.second"},
    }
    data["items"].append(second)
    builds = (
        replace(package(), app=GOOD),
        replace(package(url=other), app=replace(GOOD, bundle_id="com.example.second")),
    )
    install = direct(manifest=manifest(data), packages=builds)
    assert judged(install)["OTA501"].status == "passed"
    swapped = direct(manifest=manifest(data), packages=(replace(builds[0], app=builds[1].app), builds[1]))
    assert reported(swapped) == {"OTA501 error"}


# -- hashes -----------------------------------------------------------------------------------------------------------

HALF = len(IPA) // 2 + 1
HALVES = tuple(hashlib.sha256(part).hexdigest() for part in (IPA[:HALF], IPA[HALF:]))
WHOLE = (hashlib.sha256(IPA).hexdigest(),)


def hashed(wanted: tuple[str, ...], chunk: int, found: tuple[str, ...] | None) -> InstallFacts:
    """The healthy walk with these hashes in the manifest and those of the package."""
    base = direct()
    assert base.manifest is not None
    asset = Asset("software-package", PACKAGE_URL, wanted, "sha256", chunk or None)
    facts = HashFacts("sha256", chunk, wanted, found) if found is not None else None
    one = replace(package(), app=GOOD, hashed=facts)
    return replace(base, manifest=replace(base.manifest, assets=(asset,)), packages=(one,))


HASHES: dict[str, tuple[tuple[str, ...], int, tuple[str, ...], str]] = {
    "whole": (WHOLE, 0, WHOLE, ""),
    "whole, upper case": ((WHOLE[0].upper(),), 0, WHOLE, ""),
    "halves": (HALVES, HALF, HALVES, ""),
    "stale": (("0" * 64,), 0, WHOLE, "its SHA-256 differs"),
    "second chunk": ((HALVES[0], "0" * 64), HALF, HALVES, f"chunk 2 differs (from byte {HALF}"),
    "too few": (HALVES[:2], HALF, (*HALVES, WHOLE[0]), "it is longer than 2 chunks"),
    "too many": ((*HALVES, WHOLE[0]), HALF, HALVES, f"it has 2 chunks of {HALF} bytes, the manifest 3"),
}


@pytest.mark.parametrize("name", HASHES)
def test_the_manifest_s_hashes_are_those_of_the_package(name: str) -> None:
    wanted, chunk, found, words = HASHES[name]
    install = hashed(wanted, chunk, found)
    assert reported(install) == ({"OTA317 error"} if words else set())
    assert words in judged(install)["OTA317"].message
    assert reported(install, "v") == reported(install)


def test_hashes_of_a_package_that_was_not_read_in_full_are_no_verdict() -> None:
    found = judged(hashed(WHOLE, 0, None))["OTA317"]
    assert (found.status, "--full" in found.message) == ("no-verdict", True)


def test_hashes_of_a_package_that_came_encoded_are_no_verdict() -> None:
    base = hashed(WHOLE, 0, None)
    one = replace(base.packages[0], get=answered(base.packages[0].get, content_encoding="gzip"))
    found = judged(replace(base, packages=(one,)))["OTA317"]
    assert (found.status, found.message) == ("no-verdict", "the package was sent encoded")


def test_several_hashes_without_a_chunk_size_are_ignored_by_the_device_and_here() -> None:
    found = judged(hashed(HALVES, 0, None))["OTA317"]
    assert found.status == "not-applicable"


def test_a_package_that_is_no_archive_is_not_called_an_app_without_profile() -> None:
    broken = with_package(get=answered(package().get, 200, b"<html>sold out</html>"), app_unread="it has no end record")
    assert "OTA503 error" not in reported(broken)
    assert judged(broken)["OTA503"].status == "no-verdict"


def test_profile_words_are_harmless_to_print() -> None:
    nasty = with_bundle(name="\x1b[31mevil\u202e", expires=AGO)
    found = judged(walked(nasty))["OTA505"]
    assert "\x1b" not in found.message + found.evidence
    assert "\u202e" not in found.message + found.evidence
    assert profile().has_device(DEVICE)
