"""Archives over byte ranges: directory and entries as zipfile sees them, ZIP64, junk in front, and what is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import replace

import pytest

from ota_proxy.apps.archive import ArchiveProblem, Entry, read_directory, read_entry
from ota_proxy.apps.bundle import MOST_EXTENSIONS, read_app
from ota_proxy.facts.app import AppFacts
from tests.support.apps import FOLDER, REAL, REAL_MISSING, Sparse, drive, files, packed, sparse_package

LIMIT = 1 << 20
real = pytest.mark.skipif(not REAL.is_dir(), reason=REAL_MISSING)


def entries(data: bytes) -> dict[str, Entry]:
    return {entry.name: entry for entry in drive(read_directory(len(data)), data)}


def content(data: bytes, name: str, limit: int = LIMIT) -> bytes:
    return drive(read_entry(entries(data)[name], len(data), limit), data)


def app_of(data: bytes) -> AppFacts:
    return drive(read_app(len(data)), data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("before", [b"", b"junk before the first header"])
@pytest.mark.parametrize("comment", [b"", b"a comment" * 50])
def test_every_file_is_read_as_zipfile_reads_it(method: int, before: bytes, comment: bytes) -> None:
    members = {"Info.plist": b"x" * 5000, "été/名.txt": "ü".encode() * 99, "empty": b""}
    data = packed(members, method)
    if comment:
        buffer = io.BytesIO(data)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.comment = comment
        data = buffer.getvalue()
    data = before + data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert list(entries(data)) == archive.namelist()
        for name in archive.namelist():
            assert content(data, name) == archive.read(name)


def test_an_extra_field_longer_than_expected_is_asked_for_in_a_second_request() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("file")
        info.extra = struct.pack("<HH", 0xCAFE, 3000) + bytes(3000)
        archive.writestr(info, b"content")
    assert content(buffer.getvalue(), "file") == b"content"


def test_a_zip64_archive_is_read_beyond_four_gibibytes() -> None:
    archive = sparse_package(5 << 30, files(), more=3)
    size = archive.size
    reading, spans = read_app(size), 0
    try:
        span = next(reading)
        while True:
            spans += span.count
            span = reading.send(archive.read(span.offset, span.count))
    except StopIteration as end:
        found: AppFacts = end.value
    assert (found.bundle_id, found.version, found.icons) == ("com.example.demo", "1.2", ("AppIcon60x60@2x.png",))
    assert found.app is not None
    assert (found.app.signed, found.app.profile_state) == (True, "read")
    assert found.entries == len(files()) + 1 + 3
    assert spans < 200_000


def damaged(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


GOOD = packed(files())
END = GOOD.rindex(b"PK\x05\x06")
CENTRAL = GOOD.index(b"PK\x01\x02")
NAME = f"{FOLDER}/Info.plist"
BAD_DIRECTORIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no end record"),
    "no end record": (GOOD[:END], "no end record"),
    "cut end record": (GOOD[:-5], "no end record"),
    "a directory before the start": (damaged(GOOD, END + 12, struct.pack("<I", len(GOOD) * 2)), "outside"),
    "more entries than there are": (damaged(GOOD, END + 10, struct.pack("<H", 50)), "damaged"),
    "too many entries": (damaged(GOOD, END + 10, struct.pack("<H", 65535)), "damaged"),
    "no entry": (damaged(GOOD, CENTRAL, b"XX"), "damaged"),
    "a name beyond the directory": (damaged(GOOD, CENTRAL + 28, struct.pack("<H", 65000)), "cut off"),
}


@pytest.mark.parametrize("name", BAD_DIRECTORIES)
def test_a_directory_that_cannot_be_read_is_told(name: str) -> None:
    data, words = BAD_DIRECTORIES[name]
    with pytest.raises(ArchiveProblem, match=words):
        entries(data)


def test_a_zip64_record_that_is_not_there_is_told() -> None:
    archive = sparse_package(100, files())
    data = archive.read(0, archive.size)
    at = data.rindex(b"PK\x06\x06")
    with pytest.raises(ArchiveProblem, match="ZIP64"):
        entries(damaged(data, at, b"XXXX"))


def test_a_directory_larger_than_any_is_not_asked_for() -> None:
    archive = sparse_package(100, files())
    data = archive.read(0, archive.size)
    huge = damaged(data, data.rindex(b"PK\x06\x06") + 40, struct.pack("<Q", 1 << 40))
    with pytest.raises(ArchiveProblem, match="more than we read"):
        entries(huge)


def good_entry() -> Entry:
    return entries(GOOD)[NAME]


BAD_ENTRIES: dict[str, tuple[Entry, str]] = {
    "encrypted": (replace(good_entry(), encrypted=True), "encrypted"),
    "another method": (replace(good_entry(), method=14), "method 14"),
    "too large": (replace(good_entry(), size=LIMIT + 1), "larger than"),
    "packed too large": (replace(good_entry(), packed=LIMIT + 1), "larger than"),
    "before the archive": (replace(good_entry(), offset=-1), "outside"),
    "behind the archive": (replace(good_entry(), offset=1 << 60), "outside"),
    "no header": (replace(good_entry(), offset=good_entry().offset + 1), "no header"),
    "another checksum": (replace(good_entry(), crc=1), "checksum"),
    "cut data": (replace(good_entry(), packed=20), "checksum"),
    "stored by name only": (replace(good_entry(), method=0), "checksum"),
}


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_an_entry_that_cannot_be_read_is_told(name: str) -> None:
    entry, words = BAD_ENTRIES[name]
    with pytest.raises(ArchiveProblem, match=words):
        drive(read_entry(entry, len(GOOD), LIMIT), GOOD)


def test_a_bomb_is_unpacked_no_further_than_its_limit() -> None:
    data = packed({"Info.plist": bytes(50 << 20)})
    lying = replace(entries(data)[NAME], size=100)
    with pytest.raises(ArchiveProblem, match="unpacks to more than"):
        drive(read_entry(lying, len(data), LIMIT), data)


# -- the app in it ----------------------------------------------------------------------------------------------------


def test_an_app_with_extensions_and_an_app_clip_is_read_with_each_profile() -> None:
    inner = {
        f"{place}/{name}": data
        for place in ("PlugIns/Share.appex", "Extensions/Widget.appex", "AppClips/Clip.app")
        for name, data in files().items()
    }
    found = app_of(packed({**files(), **inner, "Frameworks/X.framework/Info.plist": b"", "PlugIns/readme": b""}))
    names = {"Demo.app", "Share.appex", "Widget.appex", "Clip.app"}
    assert {one.name for one in found.bundles} == names
    assert all(one.signed and one.profile_state == "read" for one in found.bundles)
    assert found.bundle_id == "com.example.demo"


def test_extensions_beyond_a_number_are_counted_not_read() -> None:
    inner = {f"PlugIns/{number}.appex/Info.plist": b"" for number in range(MOST_EXTENSIONS + 4)}
    found = app_of(packed({**files(), **inner}))
    assert (len(found.extensions), found.unread_extensions) == (MOST_EXTENSIONS, 4)


ODD_APPS: dict[str, tuple[bytes, str]] = {
    "no app": (packed({"file": b""}, folder="Demo"), "no folder Payload/NAME.app"),
    "a folder too deep": (packed(files(), folder="x/Payload/Demo.app"), "Payload not at its top"),
    "an empty archive": (packed({}), "no folder Payload/NAME.app"),
    "no Info.plist": (packed({"Demo": b"code"}), "has no Info.plist"),
    "an Info.plist in another case": (packed({"info.plist": b"x"}), "has no Info.plist"),
    "no property list": (packed({"Info.plist": b"hello"}), "not a property list"),
    "an array": (packed({"Info.plist": b"<plist><array/></plist>"}), "not a dictionary"),
}


@pytest.mark.parametrize("name", ODD_APPS)
def test_what_is_no_app_is_told(name: str) -> None:
    data, words = ODD_APPS[name]
    found = app_of(data)
    assert words in found.problem
    assert found.bundle_id == ""


def test_what_is_missing_from_an_app_is_seen() -> None:
    kept = {name: data for name, data in files().items() if name == "Info.plist"}
    found = app_of(packed(kept)).app
    assert found is not None
    assert (found.signed, found.profile_state) == (False, "missing")
    broken = app_of(packed({**files(), "embedded.mobileprovision": b"hello"})).app
    assert broken is not None
    assert broken.profile_state == "broken"


def test_an_info_plist_with_keys_of_other_types_has_empty_facts() -> None:
    odd = b"<plist><dict><key>CFBundleIdentifier</key><array/><key>CFBundleIcons</key><string>x</string></dict></plist>"
    found = app_of(packed({**files(), "Info.plist": odd}))
    assert (found.problem, found.bundle_id, found.platforms, found.icons) == ("", "", (), ())


@real
@pytest.mark.parametrize(
    ("name", "bundle", "version", "kinds"),
    [
        ("iphone.ipa", "com.icyleaf.AppInfoDemo", ("1.2.3", "5"), ["development"]),
        ("embedded.ipa", "com.icyleaf.test.Demo", ("1.0", "1"), ["in-house", "in-house"]),
    ],
)
def test_packages_that_xcode_built_are_read(name: str, bundle: str, version: tuple[str, str], kinds: list[str]) -> None:
    found = app_of((REAL / name).read_bytes())
    assert (found.bundle_id, (found.version, found.build), found.platforms) == (bundle, version, ("iPhoneOS",))
    assert [one.profile.kind if one.profile else "" for one in found.bundles] == kinds
    assert all(one.signed for one in found.bundles)


def test_a_sparse_archive_reads_as_the_bytes_that_were_put_in() -> None:
    archive = Sparse()
    archive.append(b"abc")
    archive.skip(4)
    archive.append(b"de")
    assert archive.read(0, 99) == b"abc\0\0\0\0de"
    assert archive.read(2, 3) == b"c\0\0"
