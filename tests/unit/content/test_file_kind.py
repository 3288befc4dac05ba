"""What a file is that was taken for a package or a manifest, and what stands around a property list."""

from __future__ import annotations

import base64
import gzip
import io
import plistlib
import tarfile
import zipfile

import pytest

from ota_proxy.apps.archive import ends_whole, method_name
from ota_proxy.apps.file_kind import archive_kind, file_kind
from ota_proxy.apps.manifest import parse_manifest
from ota_proxy.apps.package import build_package
from ota_proxy.apps.plist import trimmed
from ota_proxy.device.bodies import Unpacker
from ota_proxy.rules.catalogue import causes

PLIST = plistlib.dumps({"items": []})
IPA = build_package(size=2048)


def tar() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("Payload"))
    return target.getvalue()


@pytest.mark.parametrize(
    ("head", "words", "cause"),
    [
        (b"xar!\0\x1c", "macOS (.pkg)", "mac"),
        (gzip.compress(b"x", mtime=0), "gzip", "archive"),
        (b"7z\xbc\xaf\x27\x1c\0", "7-Zip", "archive"),
        (b"Rar!\x1a\x07\x01\0", "RAR", "archive"),
        (tar(), "tar archive", "archive"),
        (b"\xcf\xfa\xed\xfe\x0c", "Mach-O", "binary"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "pointer"),
        (base64.b64encode(IPA[:300]), "base64", "base64"),
        (b"data:application/octet-stream;base64," + base64.b64encode(IPA[:300]), "base64", "base64"),
        (PLIST, "property list", "swapped"),
        (b'\n{"error": "no"}', "JSON", "answer"),
        (b"<?xml version='1.0'?><Error/>", "XML", "answer"),
        (b"Not found\n", "text", "answer"),
        (b"PK\x07\x08PK\x03\x04", "split", "parts"),
    ],
)
def test_a_file_is_named_by_its_first_bytes(head: bytes, words: str, cause: str) -> None:
    kind = file_kind(head)
    assert kind is not None
    assert (words in kind.words, kind.cause) == (True, cause), kind
    assert cause in causes()["OTA405"]


def test_a_disk_image_is_named_by_its_last_bytes_and_noise_by_nothing() -> None:
    kind = file_kind(b"\x78\xda\x01", b"koly" + bytes(508))
    assert kind is not None
    assert ".dmg" in kind.words
    assert file_kind(b"\x01\x02\x03\x80") is None


@pytest.mark.parametrize(
    ("names", "words", "cause"),
    [
        (["Release/Payload/A.app/Info.plist"], "'Release/Payload/A.app'", "deeper"),
        (["A.app/Info.plist"], "'A.app'", "deeper"),
        (["payload/A.app/Info.plist"], "'payload' instead of Payload", "deeper"),
        (["Payload\\A.app\\Info.plist"], "backslashes", "backslashes"),
        (["A.xcarchive/Products/Applications/A.app/Info.plist"], "not exported", "exported"),
        (["AndroidManifest.xml", "classes.dex"], "Android app", "android"),
        (["build/App.ipa"], "'build/App.ipa' in it", "wrapped"),
        (["word/document.xml", "[Content_Types].xml"], "office", "other"),
        (["a.txt"], "no folder Payload/NAME.app", "empty"),
        ([], "no folder Payload/NAME.app", "empty"),
        (["__MACOSX/Payload/A.app/x"], "no folder Payload", "empty"),
    ],
)
def test_an_archive_without_its_app_at_the_top_says_what_it_is(names: list[str], words: str, cause: str) -> None:
    kind = archive_kind(names)
    assert (words in kind.words, kind.cause) == (True, cause), kind
    assert cause in causes()["OTA503"]


@pytest.mark.parametrize(
    ("body", "passed"),
    [
        (PLIST, ""),
        (b"\n  " + PLIST, "white space before"),
        (b"\xef\xbb\xbf\n" + PLIST, "white space before"),
        (PLIST + b"<!-- 12 ms -->", "after </plist>"),
        (PLIST + b"\nWarning: something", "after </plist>"),
        (PLIST + PLIST, "after </plist>"),
        (PLIST + b"\0\0\0", "zero bytes"),
        (PLIST + b"\n\n", ""),
    ],
)
def test_what_stands_around_a_property_list_is_passed_over_and_named(body: bytes, passed: str) -> None:
    found = parse_manifest(body)
    assert found.data == {"items": []}, found.error
    assert passed in found.passed
    assert bool(found.passed) == bool(passed)


@pytest.mark.parametrize(
    "body", [b"x" + PLIST, b" <plist", b"</plist>x", b"", plistlib.dumps({}, fmt=plistlib.FMT_BINARY) + b"</plist>x"]
)
def test_nothing_else_is_forgiven(body: bytes) -> None:
    assert trimmed(body)[0][:1] == body[:1] or body == b" <plist"
    assert parse_manifest(b"x" + PLIST).data is None


def test_an_end_record_is_whole_with_its_comment_only() -> None:
    assert ends_whole(IPA)
    assert not any(ends_whole(IPA[:-cut]) for cut in (1, 5, 21))
    commented = IPA[:-2] + b"\5\0hello"
    assert ends_whole(commented)
    assert not ends_whole(commented[:-1])


@pytest.mark.parametrize(
    ("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2 (method 12)"), (zipfile.ZIP_LZMA, "LZMA (method 14)")]
)
def test_other_compression_than_deflate_stops_the_unpacking(method: int, name: str) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr("Payload/A.app/Info.plist", b"x" * 100)
    unpacker = Unpacker()
    unpacker.feed(target.getvalue())
    seen = unpacker.seen()
    assert (name in seen.problem, seen.cause, method_name(method)) == (True, "method", name)
    assert method_name(200) == "method 200"


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b'{"items": []}', "JSON"),
        (b" {\n}", "JSON"),
        (b"[1, 2]", "JSON"),
        (b"[null]", "JSON"),
        (b"{ items = ( ); }", "text"),
        (b"[error] nothing here", "text"),
    ],
)
def test_json_is_told_from_text_in_brackets(head: bytes, words: str) -> None:
    found = file_kind(head)
    assert found is not None
    assert found.words == words
