from __future__ import annotations

import plistlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ota_proxy.apps.manifest import build_manifest, parse_manifest
from ota_proxy.apps.package import EXAMPLE_APP
from ota_proxy.errors import UsageError

URL = "https://ota.example.com/ota/App.ipa"
IMAGES = {"display-image": "https://ota.example.com/i.png", "full-size-image": "https://ota.example.com/l.png"}
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def document(inner: str) -> bytes:
    return HEAD + f'<plist version="1.0">\n{inner}\n</plist>'.encode()


def test_a_manifest_is_read_back_with_its_assets_in_order() -> None:
    parsed = parse_manifest(build_manifest(EXAMPLE_APP, URL, IMAGES))
    assert [(asset.kind, asset.url) for asset in parsed.assets] == [("software-package", URL), *IMAGES.items()]
    assert parsed.metadata["bundle-identifier"] == EXAMPLE_APP.bundle_id
    assert (parsed.error, parsed.unsafe, len(parsed.items)) == ("", "", 1)


def test_a_binary_manifest_reads_like_an_xml_one() -> None:
    body = build_manifest(EXAMPLE_APP, URL, IMAGES)
    binary = plistlib.dumps(plistlib.loads(body), fmt=plistlib.FMT_BINARY)
    assert parse_manifest(binary) == parse_manifest(body)


def test_a_title_with_markup_survives() -> None:
    from dataclasses import replace  # noqa: PLC0415 - next to its only use

    app = replace(EXAMPLE_APP, title="Müller & <Söhne>")
    assert parse_manifest(build_manifest(app, URL)).metadata["title"] == app.title


def test_of_both_hashes_only_sha256_counts() -> None:
    body = plistlib.loads(build_manifest(EXAMPLE_APP, URL, sha256s=["aa", "bb"], chunk_size=10_485_760))
    body["items"][0]["assets"][0] |= {"md5s": ["cc"], "md5-size": 5}
    asset = parse_manifest(plistlib.dumps(body)).assets[0]
    assert (asset.hash_name, asset.hashes, asset.chunk_size) == ("sha256", ("aa", "bb"), 10_485_760)


@pytest.mark.parametrize("url", ["http://ota.example.com/a.ipa", "a.ipa", "https:///a.ipa", "https://h/my app.ipa"])
def test_a_url_that_devices_refuse_is_not_written(url: str) -> None:
    with pytest.raises(UsageError, match="cannot be used in a manifest"):
        build_manifest(EXAMPLE_APP, url)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<!DOCTYPE html><html>Log in</html>", "HTML page"),
        (HEAD + b"<html/>", "line 2, column 1: the root element is <html>"),
        (document("<dict><key>title</key><string>A & B</string></dict>"), "line 3, column 34: not well-formed"),
        (document("<dict><kid>x</kid></dict>"), "line 3, column 7: <kid> is not an element"),
        (document("<dict><string>x</string></dict>"), "line 3, column 7: a <key> is missing"),
        (document("<dict><key>a</key></dict>"), "no value"),
        (document("<dict><key>a</key><key>b</key></dict>"), "a <value> is missing"),
        (document("<array>loose</array>"), "'loose' is between elements"),
        (document("<array/>"), "root is an array"),
        (document("<string>x</string>"), "root is a string"),
        (document("<dict><key>a</key><integer>x</integer></dict>"), "no property list"),
        (document("<dict><key>a</key><string>x<string>y</string></string></dict>"), "inside <string>"),
        (b"\x00\x01\x02", "line 1, column 1"),
        (b"bplist00nonsense", "no property list"),
        (HEAD[:30], "line 1"),
        (b'<?xml version="1.0" encoding="klingon"?><plist/>', "unknown encoding: klingon"),
    ],
)
def test_a_body_that_is_no_manifest_says_where_and_why(body: bytes, words: str) -> None:
    parsed = parse_manifest(body)
    assert words in parsed.error
    assert (parsed.data, parsed.unsafe, parsed.items) == (None, "", ())


ENTITY = HEAD + b'<!DOCTYPE plist [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><plist><string>&b;</string></plist>'
EXTERNAL = HEAD + b'<!DOCTYPE plist [<!ENTITY x SYSTEM "file:///etc/passwd">]><plist><string>&x;</string></plist>'
PARAMETER = HEAD + b'<!DOCTYPE plist [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]><plist><dict/></plist>'


@pytest.mark.parametrize("body", [ENTITY, EXTERNAL, PARAMETER])
def test_entities_are_refused_before_anything_is_expanded(body: bytes) -> None:
    assert "entity" in parse_manifest(body).unsafe


def test_apples_own_document_type_is_no_danger() -> None:
    assert b"<!DOCTYPE plist PUBLIC" in build_manifest(EXAMPLE_APP, URL)
    assert parse_manifest(build_manifest(EXAMPLE_APP, URL)).unsafe == ""


def test_a_body_over_one_mebibyte_is_refused() -> None:
    assert "larger than" in parse_manifest(b" " * (1024 * 1024 + 1)).unsafe


def test_deep_nesting_is_refused() -> None:
    assert "levels" in parse_manifest(document("<array>" * 5000 + "</array>" * 5000)).unsafe


def test_a_binary_list_that_unfolds_without_end_is_refused() -> None:
    level: list[Any] = ["lol"]
    for _ in range(30):
        level = [level] * 10
    body = plistlib.dumps({"items": level}, fmt=plistlib.FMT_BINARY)
    assert len(body) < 10_000
    assert "unfolds" in parse_manifest(body).unsafe


def test_a_binary_list_that_contains_itself_is_refused() -> None:
    objects = b"\xa1\x00"  # one array whose only element is itself
    trailer = bytes(6) + bytes((1, 1)) + (1).to_bytes(8, "big") + bytes(8) + (8 + len(objects)).to_bytes(8, "big")
    assert "levels" in parse_manifest(b"bplist00" + objects + b"\x08" + trailer).unsafe


def test_wrong_types_inside_are_left_out_and_not_tripped_over() -> None:
    item = {"assets": ["x", {"kind": 5, "url": ["u"], "sha256s": "no", "md5s": [1]}], "metadata": "text"}
    parsed = parse_manifest(plistlib.dumps({"items": ["x", item]}))
    assert (parsed.metadata, len(parsed.items)) == ({}, 1)
    assert (parsed.assets[0].kind, parsed.assets[0].url, parsed.assets[0].hash_name) == ("", "", "md5")


VALID = build_manifest(EXAMPLE_APP, URL, IMAGES)
BINARY = plistlib.dumps(plistlib.loads(VALID), fmt=plistlib.FMT_BINARY)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400) | st.binary(max_size=300).map(lambda tail: b"bplist00" + tail))
def test_no_bytes_make_the_reader_raise(body: bytes) -> None:
    parsed = parse_manifest(body)
    assert (parsed.data is None) == bool(parsed.error or parsed.unsafe)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([VALID, BINARY]), st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_a_damaged_manifest_never_makes_the_reader_raise(body: bytes, place: int, damage: bytes) -> None:
    at = place % len(body)
    parsed = parse_manifest(body[:at] + damage + body[at + len(damage) :])
    assert (parsed.data is None) == bool(parsed.error or parsed.unsafe)
