"""The app of a package as a walk sees it: by ranges from a large one, from what was read of a small one, and why not."""

from __future__ import annotations

import asyncio
import hashlib
import io
import plistlib
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ota_proxy.apps.package import EXAMPLE_APP, build_package
from ota_proxy.device.walk import WalkOptions, walk
from ota_proxy.facts.install import InstallFacts, PackageFacts
from ota_proxy.rules.registry import Door, evaluate
from ota_proxy.rules.rule import Facts
from tests.support.apps import REAL, REAL_MISSING, Sparse, files, packed, sparse_package
from tests.support.device_servers import HOST, NOW, chain, server_context, serving

FULL = chain()
URL = f"https://{HOST}/app.ipa"
MANIFEST = f"https://{HOST}/manifest.plist"
GIB = 1 << 30
real = pytest.mark.skipif(not REAL.is_dir(), reason=REAL_MISSING)


@dataclass
class Server:
    """Serves one package of any size, and counts what it sends. `mangle` may change the head and the body of an answer to a range."""

    package: Sparse
    manifest: bytes = b""
    ranges: bool = True
    extra: str = ""
    mangle: Callable[[str, bytes], tuple[str, bytes]] = lambda head, body: (head, body)
    requests: list[str] = field(default_factory=list)
    sent: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        asked = next((line.partition(":")[2].strip() for line in lines if line.lower().startswith("range:")), "")
        self.requests.append(f"{method} {path} {asked}".strip())
        if path == "/manifest.plist":
            await self.send(writer, f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.manifest)}\r\n", self.manifest)
        elif path != "/app.ipa":
            await self.send(writer, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n", b"")
        elif asked and self.ranges:
            await self.part(writer, asked)
        else:
            await self.whole(writer, 0 if method == "HEAD" else self.package.size)

    async def whole(self, writer: asyncio.StreamWriter, count: int) -> None:
        head = f'HTTP/1.1 200 OK\r\nContent-Length: {self.package.size}\r\nETag: "1"\r\n{self.extra}'
        await self.send(writer, head, b"")
        for offset in range(0, count, 1 << 14):
            await self.send(writer, None, self.package.read(offset, 1 << 14))

    async def part(self, writer: asyncio.StreamWriter, asked: str) -> None:
        first, _, last = asked.removeprefix("bytes=").partition("-")
        size = self.package.size
        start = int(first) if first else size - int(last)
        end = min(int(last), size - 1) if first and last else size - 1
        head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{end}/{size}\r\n"
        if end - start >= 1 << 21:
            await self.send(writer, f"{head}Content-Length: {end + 1 - start}\r\n", b"")
            for offset in range(start, end + 1, 1 << 14):
                await self.send(writer, None, self.package.read(offset, min(1 << 14, end + 1 - offset)))
            return
        head, body = self.mangle(head, self.package.read(start, end + 1 - start))
        await self.send(writer, f'{head}Content-Length: {len(body)}\r\nETag: "1"\r\n{self.extra}', body)

    async def send(self, writer: asyncio.StreamWriter, head: str | None, body: bytes) -> None:
        data = (b"" if head is None else f"{head}\r\n".encode()) + body
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0)  # or the loop never hears that the other side has hung up
        if writer.transport.is_closing():
            raise ConnectionResetError
        self.sent += len(data)


def bytes_of(data: bytes) -> Sparse:
    target = Sparse()
    target.append(data)
    return target


def walked(tmp_path: Path, server: Server, start: str = URL, **options: object) -> InstallFacts:
    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper)

    async def scene() -> InstallFacts:
        async with serving(server.handle, context) as port:
            route = {(HOST, 443): ("127.0.0.1", port)}
            usual = {"ca_pem": FULL.root.pem, "resolve": route, "probe_tls": False, "now": NOW, "closed": True}
            return await walk(start, WalkOptions(**{**usual, **options}))  # type: ignore[arg-type]

    return asyncio.run(scene())


def padded(data: bytes) -> bytes:
    """The archive with so much noise in it that a walk does not read it all just to compare a range."""
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("noise", hashlib.shake_256(b"noise").digest(400_000))
    return buffer.getvalue()


def package(facts: InstallFacts) -> PackageFacts:
    assert len(facts.packages) == 1
    return facts.packages[0]


def contents(facts: InstallFacts) -> list[str]:
    """What was asked for beside the visits that every package gets."""
    return [hop.step for hop in facts.exchanges() if hop.step == "package contents"]


def test_a_package_of_four_gibibytes_costs_less_than_two_megabytes(tmp_path: Path) -> None:
    server = Server(sparse_package(4 * GIB, files(), more=4000))
    begun = time.monotonic()
    facts = walked(tmp_path, server)
    taken = time.monotonic() - begun
    found = package(facts)
    assert found.size is not None
    assert found.size > 4 * GIB
    assert found.app is not None, found.app_unread
    assert (found.app.bundle_id, found.app.version, found.app.entries) == ("com.example.demo", "1.2", 4005)
    assert found.app.app is not None
    assert found.app.app.profile_state == "read"
    received = sum(hop.response.received for hop in facts.exchanges() if hop.response)
    assert received < 2_000_000
    assert server.sent < 2_000_000
    assert taken < 10
    assert contents(facts)


def test_a_small_package_is_looked_at_in_what_was_read_anyway(tmp_path: Path) -> None:
    server = Server(bytes_of(build_package(size=300_000)), ranges=False)
    facts = walked(tmp_path, server)
    found = package(facts)
    assert found.app is not None, found.app_unread
    assert found.app.bundle_id == EXAMPLE_APP.bundle_id
    assert found.app_visits == ()
    assert contents(facts) == []


def test_a_package_larger_than_memory_is_kept_in_a_file_while_it_is_looked_at(tmp_path: Path) -> None:
    server = Server(bytes_of(build_package(size=6 << 20)), ranges=False)
    found = package(walked(tmp_path, server))
    assert found.app is not None, found.app_unread
    assert found.app.title == EXAMPLE_APP.title


def test_the_same_app_is_found_by_ranges_and_in_the_copy(tmp_path: Path) -> None:
    data = padded(packed({**files(), "PlugIns/Share.appex/Info.plist": b"x"}))
    by_copy = package(walked(tmp_path, Server(bytes_of(data))))
    by_range = package(walked(tmp_path, Server(bytes_of(data)), package_limit=1000))
    assert by_copy.app is not None, by_copy.app_unread
    assert by_copy.app == by_range.app
    assert by_range.app_visits


UNREAD: dict[str, tuple[dict[str, object], str]] = {
    "no ranges": ({"ranges": False}, "its end cannot be asked for by a range (status 200)"),
    "encoded": ({"extra": "Content-Encoding: gzip\r\n"}, "its end cannot be asked for by a range (status 206)"),
    "another part": (
        {"mangle": lambda head, body: (head.replace("bytes ", "bytes 1"), body)},
        "cannot be asked for by a range",
    ),
    "no place": (
        {"mangle": lambda _, body: ("HTTP/1.1 206 Partial Content\r\n", body)},
        "cannot be asked for by a range",
    ),
    "too little": ({"mangle": lambda head, body: (head, body[:-1])}, "cannot be asked for by a range"),
    "other bytes": ({"mangle": lambda head, body: (head, bytes(len(body)))}, "it has no end record"),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_large_package_that_cannot_be_looked_into_says_why(tmp_path: Path, name: str) -> None:
    fields, words = UNREAD[name]
    server = Server(sparse_package(1 << 20, files()), **fields)  # type: ignore[arg-type]
    found = package(walked(tmp_path, server, package_limit=1000))
    assert found.app is None
    assert words in found.app_unread


def test_a_server_that_lies_about_one_range_costs_that_part_only(tmp_path: Path) -> None:
    """The profile lies behind the hole, within the end that was asked for; the Info.plist before it."""
    archive = sparse_package(1 << 20, files())

    def mangle(head: str, body: bytes) -> tuple[str, bytes]:
        return ("HTTP/1.1 200 OK\r\n", body) if body.startswith(b"PK\x03\x04") else (head, body)

    found = package(walked(tmp_path, Server(archive, mangle=mangle), package_limit=1000))
    assert found.app is None
    assert found.app_unread == "the server does not answer the range that was asked for (status 200)"


def test_traffic_has_a_budget_that_a_huge_directory_does_not_break(tmp_path: Path) -> None:
    server = Server(sparse_package(1 << 20, files(), more=20_000))
    found = package(walked(tmp_path, server, package_limit=1000))
    assert found.app is None
    assert "786432 bytes of traffic; check --full" in found.app_unread
    assert contents(walked(tmp_path, Server(server.package), package_limit=1 << 50)) == []


def test_a_missing_package_is_not_looked_into(tmp_path: Path) -> None:
    facts = walked(tmp_path, Server(bytes_of(b"")), start=f"https://{HOST}/other.ipa")
    assert package(facts).app_unread == "the package was not delivered"
    assert contents(facts) == []


# -- hashes -----------------------------------------------------------------------------------------------------------


def manifest(hashes: dict[str, object]) -> bytes:
    assets = [{"kind": "software-package", "url": URL, **hashes}]
    metadata = {
        "kind": "software",
        "title": EXAMPLE_APP.title,
        "bundle-identifier": EXAMPLE_APP.bundle_id,
        "bundle-version": EXAMPLE_APP.version,
    }
    return plistlib.dumps({"items": [{"assets": assets, "metadata": metadata}]})


def digests(data: bytes, chunk: int, name: str = "sha256") -> list[str]:
    return [hashlib.new(name, data[at : at + chunk]).hexdigest() for at in range(0, len(data), chunk)]


PACKAGE = build_package(size=300_000)
HASHES: dict[str, tuple[dict[str, object], str]] = {
    "whole": ({"sha256s": digests(PACKAGE, 1 << 30)}, "passed"),
    "one hash with a size": ({"sha256s": digests(PACKAGE, 1 << 30), "sha256-size": 1000}, "passed"),
    "chunks": ({"sha256s": digests(PACKAGE, 100_000), "sha256-size": 100_000}, "passed"),
    "MD5": ({"md5s": digests(PACKAGE, 70_000, "md5"), "md5-size": 70_000}, "passed"),
    "SHA-256 counts where both are there": ({"sha256s": digests(PACKAGE, 1 << 30), "md5s": ["0" * 32]}, "passed"),
    "stale": ({"sha256s": ["0" * 64]}, "failed"),
    "another size": ({"sha256s": digests(PACKAGE, 100_000), "sha256-size": 100_001}, "failed"),
    "the last is missing": ({"sha256s": digests(PACKAGE, 100_000)[:-1], "sha256-size": 100_000}, "failed"),
    "a chunk of one byte": ({"sha256s": ["0" * 64] * 3, "sha256-size": 1}, "failed"),
    "no size": ({"sha256s": ["0" * 64] * 3}, "not-applicable"),
    "no hashes": ({}, "not-applicable"),
}


@pytest.mark.parametrize("name", HASHES)
def test_hashes_of_the_manifest_are_recomputed_while_the_package_passes(tmp_path: Path, name: str) -> None:
    hashes, status = HASHES[name]
    facts = walked(tmp_path, Server(bytes_of(PACKAGE), manifest(hashes)), start=MANIFEST)
    found = [one for one in evaluate(Facts(install=facts), URL, "c") if one.rule.id == "OTA317"]
    assert [one.status for one in found] == [status]


def test_hashes_of_a_package_too_large_to_be_read_are_no_verdict(tmp_path: Path) -> None:
    server = Server(bytes_of(PACKAGE), manifest({"sha256s": ["0" * 64]}))
    facts = walked(tmp_path, server, start=MANIFEST, package_limit=1000)
    found = [one for one in evaluate(Facts(install=facts), URL, "c") if one.rule.id == "OTA317"]
    assert [one.status for one in found] == ["no-verdict"]


# -- from walk to verdict ---------------------------------------------------------------------------------------------


def findings(facts: InstallFacts, door: Door, udid: str = "", ios: str = "") -> set[str]:
    outcomes = evaluate(Facts(install=facts, udid=udid, ios_version=ios), URL, door)
    failed = [one for one in outcomes if one.status == "failed" and one.rule.id >= "OTA5" and one.rule.id < "OTA6"]
    return {f"{one.rule.id} {one.severity}" for one in failed}


def test_the_example_package_has_nothing_above_a_note(tmp_path: Path) -> None:
    facts = walked(tmp_path, Server(bytes_of(PACKAGE), manifest({})), start=MANIFEST)
    for door in ("c", "v"):
        assert findings(facts, door) == {"OTA511 note"}
    found = [one for one in evaluate(Facts(install=facts), URL, "c") if one.rule.id.startswith("OTA5")]
    assert "no-verdict" not in {one.status for one in found}


LISTED = "18cf53cddee60c52f9c97b1521e7cbf8342628da"


@real
@pytest.mark.parametrize("limit", [1000, 64 << 20])
@pytest.mark.parametrize(
    ("name", "phone", "expected"),
    [
        ("iphone.ipa", ("", ""), {"OTA505 error", "OTA506 note", "OTA511 note"}),
        ("iphone.ipa", (LISTED, "9.3"), {"OTA505 error", "OTA506 note"}),
        ("iphone.ipa", ("0" * 40, "9.2"), {"OTA505 error", "OTA506 note", "OTA507 error", "OTA509 error"}),
        ("embedded.ipa", ("0" * 40, "18.1"), {"OTA505 error", "OTA511 note"}),
    ],
)
def test_packages_that_xcode_built_are_judged_by_ranges_and_in_full(
    tmp_path: Path, name: str, phone: tuple[str, str], expected: set[str], limit: int
) -> None:
    facts = walked(tmp_path, Server(bytes_of(padded((REAL / name).read_bytes()))), package_limit=limit)
    assert bool(contents(facts)) == (limit == 1000)
    assert findings(facts, "c", *phone) == expected
    assert findings(facts, "v", *phone) == {f"{one[:6]} note" for one in expected}
