"""Profiles: what is read from the signed property list, which kind it is, and that hostile bytes end in a sentence."""

from __future__ import annotations

import plistlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from ota_proxy.apps.profile import DerProblem, read_profile, signed_content
from ota_proxy.facts.app import Profile
from tests.support.apps import REAL, REAL_MISSING, example_profile
from tests.support.device_servers import issue

real = pytest.mark.skipif(not REAL.is_dir(), reason=REAL_MISSING)


def signed(content: bytes, *options: PKCS7Options) -> bytes:
    one = issue("iPhone Developer: Somebody")
    assert not isinstance(one.key, rsa.RSAPrivateKey)
    builder = PKCS7SignatureBuilder().set_data(content).add_signer(one.certificate, one.key, hashes.SHA256())
    return builder.sign(Encoding.DER, [PKCS7Options.Binary, *options])


def listed(**keys: object) -> bytes:
    return plistlib.dumps({name: value for name, value in keys.items() if value is not None})


def read(data: bytes) -> Profile:
    found = read_profile(data)
    assert isinstance(found, Profile), found
    return found


@pytest.mark.parametrize("options", [(), (PKCS7Options.NoAttributes,), (PKCS7Options.NoCerts,)])
def test_the_content_of_a_signed_message_is_found_whatever_else_is_in_it(options: tuple[PKCS7Options, ...]) -> None:
    assert signed_content(signed(b"hello", *options)) == b"hello"


def test_a_signature_without_its_content_is_told() -> None:
    with pytest.raises(DerProblem, match="comes without"):
        signed_content(signed(b"hello", PKCS7Options.DetachedSignature))


def test_the_example_package_has_an_ad_hoc_profile_for_one_device() -> None:
    found = read(example_profile())
    assert (found.kind, found.team, found.provisions_all) == ("ad-hoc", "EXAMPLE123", False)
    assert found.devices == ("00008101-000000000000001E",)
    assert found.app_id == "EXAMPLE123.com.example.ota-proxy.demo"
    assert found.expires == datetime(2049, 12, 31, tzinfo=UTC)
    assert [one.not_after.year for one in found.certificates] == [2049]


ENTITLED = {"application-identifier": "T.a.b", "get-task-allow": False}
KINDS: dict[str, tuple[dict[str, object], str]] = {
    "devices": ({"Entitlements": ENTITLED, "ProvisionedDevices": ["a"]}, "ad-hoc"),
    "devices and a debugger": (
        {"Entitlements": {**ENTITLED, "get-task-allow": True}, "ProvisionedDevices": ["a"]},
        "development",
    ),
    "all devices": ({"Entitlements": ENTITLED, "ProvisionsAllDevices": True}, "in-house"),
    "no devices": ({"Entitlements": ENTITLED}, "app-store"),
    "no entitlements": ({"ProvisionedDevices": ["a"]}, "unknown"),
    "nothing": ({}, "unknown"),
    "all devices, said in another type": ({"Entitlements": ENTITLED, "ProvisionsAllDevices": "yes"}, "app-store"),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_kind_follows_from_devices_and_debugger(name: str) -> None:
    keys, kind = KINDS[name]
    assert read(signed(listed(**keys))).kind == kind


def test_keys_of_another_type_are_as_good_as_missing() -> None:
    odd = {"Name": 7, "UUID": ["x"], "TeamIdentifier": "T", "ExpirationDate": "soon", "ProvisionedDevices": {"a": 1}}
    more = {"Entitlements": ["x"], "Platform": [1, "iOS"], "DeveloperCertificates": ["text", b"no certificate"]}
    expected = Profile(kind="unknown", platforms=("iOS",), unread_certificates=2)
    assert read(signed(listed(**odd, **more))) == expected


def test_a_device_is_found_by_its_letters_and_digits() -> None:
    profile = Profile(kind="ad-hoc", devices=("00008101-000A1B2C3D4E001E", "f" * 40))
    assert profile.has_device("00008101000a1b2c3d4e001e")
    assert profile.has_device("F" * 40)
    assert not profile.has_device("e" * 40)
    assert not profile.has_device("00008101")
    assert replace(profile, devices=(), provisions_all=True).has_device("e" * 40)


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "cut off"),
    "text": (b"<?xml version='1.0'?><plist/>", "0x3c is found instead of 0x30 should"),
    "cut off": (example_profile()[:500], "cut off"),
    "another CMS message": (b"0\x0b\x06\x09" + bytes.fromhex("2a864886f70d010703"), "not signed data"),
    "indefinite length": (b"0\x80\x06\x09", "no length that DER allows"),
    "a length of five bytes": (b"0\x85\x01\x01\x01\x01\x01", "no length that DER allows"),
    "no property list": (signed(b"hello"), "not a property list"),
    "an array": (signed(plistlib.dumps([1])), "not a dictionary"),
    "too large": (bytes(3 << 20), "larger than"),
    "entities": (signed(b"<?xml version='1.0'?><!DOCTYPE plist [<!ENTITY a 'b'>]><plist><dict/></plist>"), "entity"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_profile_is_told_in_a_sentence(name: str) -> None:
    data, words = BAD[name]
    found = read_profile(data)
    assert isinstance(found, str)
    assert words in found


@real
@pytest.mark.parametrize(
    ("name", "kind", "devices", "certificates"), [("ios_adhoc", "ad-hoc", 1, 1), ("ios_appstore", "app-store", 0, 1)]
)
def test_profiles_that_apple_signed_are_read(name: str, kind: str, devices: int, certificates: int) -> None:
    found = read((REAL / f"{name}.mobileprovision").read_bytes())
    assert (found.kind, len(found.devices), len(found.certificates)) == (kind, devices, certificates)
    assert found.platforms == ("iOS",)
    assert found.team == "WKR87TTKML"
    assert found.expires == datetime(2020, 10, 24, 8, 40, 28, tzinfo=UTC)
