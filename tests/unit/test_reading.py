"""Files that are no files: pipes, devices, sockets, links that lead out, and what is exchanged while somebody looks."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ota_proxy import reading
from ota_proxy.cli.main import main
from ota_proxy.errors import UsageError
from ota_proxy.harness.own_config import own_config
from ota_proxy.iis_emulator.site_folder import Mount, Tree, listing
from ota_proxy.iis_emulator.static_files import of_file
from ota_proxy.reading import is_below, open_below, read_below, read_file, read_stream
from ota_proxy.servers.iis.in_force import Configuration

SECRET = "a secret of this machine"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, devices and links of POSIX systems")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder to stand in; beside it lies what must not be read."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside/secret.txt").write_text(SECRET)
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.chdir(site)
    return site


def pipe(path: Path) -> None:
    os.mkfifo(path)


def zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


def deaf(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)  # relative: an absolute one may be longer than a socket's name can be


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 34)


KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a pipe": (pipe, "it is a pipe"),
    "a device": (zero, "it is a device"),
    "a circle of links": (loop, "symbolic links"),
    "a socket": (deaf, "it is a socket"),
    "16 GiB of nothing": (large, "it has more than"),
}


@pytest.mark.parametrize(("make", "words"), KINDS.values(), ids=KINDS)
def test_what_is_no_file_is_refused_with_its_name(place: Path, make: Callable[[Path], None], words: str) -> None:
    make(place / "x.config")
    with pytest.raises(OSError, match=words):
        read_file(place / "x.config")
    with pytest.raises(OSError, match=words):
        read_below(place / "x.config", Path("/"))


@pytest.mark.parametrize(("make", "words"), KINDS.values(), ids=KINDS)
def test_lint_says_that_it_cannot_be_read(
    place: Path, make: Callable[[Path], None], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make(place / "x.config")
    assert main(["lint", "x.config"]) == 3
    assert words in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("make", "words"),
    [*KINDS.values(), (lambda path: path.symlink_to("../secret"), "leads out of the folder")],
    ids=[*KINDS, "a way out"],
)
def test_a_configuration_inside_a_tree_may_be_none_of_these_either(
    place: Path, make: Callable[[Path], None], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make(place / "web.config")
    too_large_for_iis = words == "it has more than"  # that is OTA619, whoever reads it
    assert main(["lint", ".", "--format", "json"]) == (1 if too_large_for_iis else 3)
    said = capsys.readouterr()
    assert {"it is a device": "leads out of the folder", "it has more than": "it has more than"}.get(
        words, words
    ) in said.out
    assert SECRET not in said.out + said.err


def test_a_file_that_a_person_named_may_be_a_link_to_anywhere(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place.parent / "real.config").write_text("<configuration/>")
    (place / "web.config").symlink_to("../real.config")
    assert main(["lint", "web.config"]) in (0, 1)
    assert "leads out" not in capsys.readouterr().out


@pytest.mark.parametrize("codec", ["utf-32", "utf-32-le", "utf-7", "utf-16-be"])
def test_no_encoding_crashes_lint(place: Path, codec: str) -> None:
    (place / "web.config").write_bytes('<?xml version="1.0"?><configuration/>'.encode(codec))
    assert main(["lint", "web.config"]) in (0, 1, 3)
    assert main(["lint", "."]) in (0, 1, 3)


def test_names_that_are_not_utf_8_are_names(place: Path) -> None:
    (place / os.fsdecode(b"\xff\xfe.config")).write_text("<configuration/>")
    (place / os.fsdecode(b"App \xff.ipa")).write_bytes(b"")
    (place / "web.config").write_text("<configuration/>")
    for name in (".", os.fsdecode(b"\xff\xfe.config")):
        for form in ("text", "json", "sarif", "junit", "gitlab", "github", "html"):
            assert main(["lint", name, "--format", form]) in (0, 1)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 100_000, "domain = " + "9" * 5000, "#" * (5 << 20), "a" * 9 + ".b" * 50_000 + " = 1"]
)
def test_no_settings_file_crashes(place: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "site.toml").write_text(text)
    assert main(["render", "nginx", "--site", "site.toml"]) == 2
    assert "site.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("render", "nginx", "--site", "/dev/zero"),
        ("check", "https://ota.example.com/", "--ca", "/dev/zero"),
        ("manifest", "/dev/zero", "--base-url", "https://a.example"),
        ("manifest", "x.ipa", "--base-url", "https://[bad/"),
        ("page", "x.ipa", "--base-url", "https://[bad/"),
        ("link", "https://[bad/"),
        ("link", "https://a.example/" + "x" * 5000, "--for", "qr"),
        ("verify", "nginx", "--ipa", "/dev/zero"),
        ("verify", "nginx", "--config", "/dev/zero"),
        ("lint", ".", "--apphost", "/dev/zero"),
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_a_flag_with_such_a_file_or_address_is_a_sentence(
    place: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    from ota_proxy.apps.package import build_package  # noqa: PLC0415 - for two of the cases

    (place / "x.ipa").write_bytes(build_package(size=2000))
    (place / "web.config").write_text("<configuration/>")
    assert main(list(words)) == 2
    assert "ota-proxy: error: " in capsys.readouterr().err


def test_a_pipe_that_a_person_named_is_read(place: Path) -> None:
    """`--site <(command)` is a pipe."""
    pipe(place / "site")
    writer = threading.Thread(target=(place / "site").write_bytes, args=(b"x",), daemon=True)
    writer.start()
    assert read_stream(place / "site") == b"x"
    writer.join(10)
    with pytest.raises(OSError, match="it has more than 9 bytes"):
        read_stream(Path("/dev/zero"), 9)


def test_verify_takes_no_pipe_for_a_configuration(place: Path) -> None:
    pipe(place / "nginx.conf")
    with pytest.raises(UsageError, match="it is a pipe"):
        own_config(place / "nginx.conf", "nginx")


# -- the emulator -----------------------------------------------------------------------------------------------------


async def _all(pieces: object) -> bytes:
    return b"".join([piece async for piece in pieces])  # type: ignore[attr-defined]


@pytest.fixture
def tree(place: Path) -> Tree:
    (place / "own").mkdir()
    (place / "own/file.txt").write_text("ours")
    (place / "inside").symlink_to("own")
    (place / "inside.txt").symlink_to("own/file.txt")
    (place / "out.txt").symlink_to("../secret")
    (place / "absolute.txt").symlink_to(place.parent / "secret")
    (place / "out").symlink_to("../beside")
    (place / "chain").symlink_to("out")
    (place / "up").symlink_to("..")
    (place / "sitefake").mkdir()
    pipe(place / "pipe.txt")
    zero(place / "zero.txt")
    return Tree([Mount("", place)])


OUT = (
    "/out.txt",
    "/absolute.txt",
    "/out/secret.txt",
    "/chain/secret.txt",
    "/up/secret",
    "/UP/SECRET",
    "/Out.TXT",
    "/out",
    "/up",
)


@pytest.mark.parametrize("url", [*OUT, "/../secret", "/own/../../secret", "/pipe.txt", "/zero.txt"])
def test_no_url_of_an_emulated_site_leads_out_of_its_folder(tree: Tree, url: str) -> None:
    assert tree.find(url).kind == "missing"
    for test in ("IsFile", "IsDirectory"):
        assert not tree.exists(f"{tree.root}{url}", test)


@pytest.mark.parametrize("url", ["/own/file.txt", "/inside/file.txt", "/inside.txt", "/INSIDE/FILE.TXT"])
def test_links_inside_the_folder_are_followed(tree: Tree, url: str) -> None:
    found = tree.find(url)
    assert found.kind == "file"
    assert asyncio.run(_all(of_file(found, ((0, 4),)).chunks())) == b"ours"


def test_a_listing_names_no_way_out(tree: Tree) -> None:
    page = listing(tree.find("/"), "/", "host", frozenset({"Size", "Extension"})).decode()
    assert "inside.txt" in page
    assert not [name for name in ("out.txt", "absolute.txt", ">out<", ">up<", "chain") if name in page]


def test_what_is_exchanged_for_a_link_after_it_was_found_is_not_sent(tree: Tree, place: Path) -> None:
    found = tree.find("/own/file.txt")
    (place / "own/file.txt").unlink()
    (place / "own/file.txt").symlink_to("../../secret")
    with pytest.raises(OSError, match="leads out"):
        asyncio.run(_all(of_file(found, ((0, 4),)).chunks()))


def test_what_is_exchanged_between_the_look_and_the_opening_is_not_sent(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder on the way becomes a link after its path was looked at, so that the opening follows it out."""
    (place.parent / "beside/file.txt").write_text(SECRET)
    (place / "own").mkdir()
    (place / "own/file.txt").write_text("ours")
    opened = reading.opened

    def exchanging(path: str, flags: int) -> object:
        (place / "own").rename(place / "gone")
        (place / "own").symlink_to("../beside")
        return opened(path, flags)

    monkeypatch.setattr(reading, "opened", exchanging)
    with pytest.raises(OSError, match="leads out"):
        open_below(place / "own/file.txt", place)


def test_a_sibling_whose_name_begins_alike_is_outside(place: Path) -> None:
    (place.parent / "site2").mkdir()
    assert not is_below(place.parent / "site2", place)
    assert is_below(place, place)
    assert is_below(place / "not/there", place)


def test_a_virtual_directory_has_a_folder_of_its_own(place: Path) -> None:
    tree = Tree([Mount("", place), Mount("/v", place.parent / "beside")])
    assert tree.find("/v/secret.txt").kind == "file"
    assert Configuration.load(place).violation("/") is None
