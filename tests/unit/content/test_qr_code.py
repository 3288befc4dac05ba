"""The QR code in an image: photographs, transparent and inverted ones, several, none, broken files, and the missing extra."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
import segno
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ota_proxy.apps.install_link import install_link, read_link
from ota_proxy.apps.qr_code import is_image, read_qr
from ota_proxy.errors import UsageError

PIL = pytest.importorskip("PIL.Image", reason="the extra `qr` is not installed")
pytest.importorskip("zxingcpp", reason="the extra `qr` is not installed")

LINK = install_link("https://ota.example.com/ota/my%20app.plist?build=1")


def drawn(path: Path, text: str = LINK, **how: Any) -> Path:  # noqa: ANN401 - options of segno
    segno.make(text, micro=False).save(str(path), **{"scale": 4, **how})
    return path


def test_the_text_of_a_code_comes_back_to_the_letter(tmp_path: Path) -> None:
    assert read_qr(drawn(tmp_path / "code.png")) == LINK


def test_a_landing_page_with_other_letters_comes_back_too(tmp_path: Path) -> None:
    assert (
        read_qr(drawn(tmp_path / "code.png", "https://ota.example.com/安装?a=1&b=ü"))
        == "https://ota.example.com/安装?a=1&b=ü"
    )


@pytest.mark.parametrize(
    "how", [{"light": None}, {"dark": "white", "light": "black"}, {"border": 0}, {"scale": 1}], ids=str
)
def test_transparent_inverted_and_bare_codes_are_read(tmp_path: Path, how: dict[str, Any]) -> None:
    assert read_qr(drawn(tmp_path / "code.png", **how)) == LINK


def test_a_turned_photograph_is_read(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    with PIL.open(drawn(tmp_path / "code.png")) as image:
        image.convert("RGB").rotate(17, expand=True, fillcolor="white").save(photo, quality=40)
    assert read_qr(photo) == LINK


def side_by_side(folder: Path, *texts: str) -> Path:
    images = [PIL.open(drawn(folder / f"{index}.png", text)).convert("L") for index, text in enumerate(texts)]
    sheet = PIL.new("L", (sum(one.width for one in images), max(one.height for one in images)), "white")
    left = 0
    for one in images:
        sheet.paste(one, (left, 0))
        left += one.width
    sheet.save(folder / "sheet.png")
    return folder / "sheet.png"


def test_several_different_codes_are_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"2 different QR codes .*https://a\.example"):
        read_qr(side_by_side(tmp_path, "https://a.example/", "https://b.example/"))


def test_the_same_code_twice_is_one(tmp_path: Path) -> None:
    assert read_qr(side_by_side(tmp_path, LINK, LINK)) == LINK


def test_an_image_without_a_code_says_so(tmp_path: Path) -> None:
    PIL.new("L", (200, 200), "white").save(tmp_path / "white.png")
    with pytest.raises(UsageError, match="there is no QR code"):
        read_qr(tmp_path / "white.png")


def test_a_code_with_an_html_separator_is_read_as_it_stands_and_judged_as_a_qr_code(tmp_path: Path) -> None:
    text = read_qr(drawn(tmp_path / "code.png", LINK.replace("&", "&amp;")))
    assert "amp-outside-html" in read_link(text, "qr").problems


def bomb(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [7000, 100_000])
def test_an_image_bomb_is_not_unpacked(tmp_path: Path, side: int) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb(side))
    with pytest.raises(UsageError, match=r"pixels,? (more than is|than are) looked at"):
        read_qr(tmp_path / "bomb.png")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as huge:
        huge.truncate(1 << 40)
    with pytest.raises(UsageError, match="larger than 32 MiB"):
        read_qr(tmp_path / "huge.png")


@pytest.mark.parametrize("name", ["missing.png", "."])
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"this file cannot be read: (No such file|it is a folder)"):
        read_qr(tmp_path / name)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_broken_file_crashes(tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(drawn(tmp_path / "code.png").read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
        whole[place] = data.draw(st.integers(0, 255))
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    (tmp_path / "broken.png").write_bytes(data.draw(st.sampled_from([bytes(whole), bytes(cut)])))
    try:
        text = read_qr(tmp_path / "broken.png")
    except UsageError as error:
        assert "broken.png" in str(error)  # noqa: PT017 - either end is right
    else:
        assert text == LINK


@pytest.mark.parametrize("module", ["PIL.Image", "zxingcpp"])
def test_without_the_extra_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=r"is not installed") as caught:
        read_qr(drawn(tmp_path / "code.png"))
    assert "ota-proxy[qr]" in str(caught.value)


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("code.png", True),
        ("./photos/IMG_1.JPEG", True),
        ("https://ota.example.com/code.png", False),
        ("itms-services://?action=download-manifest&url=https%3A%2F%2Fh%2Fa.png", False),
        ("ota.example.com", False),
    ],
)
def test_an_image_file_is_told_from_an_address(target: str, *, meant: bool) -> None:
    assert is_image(target) is meant
