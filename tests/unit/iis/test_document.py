"""Reading XML: places that are exact to the byte, encodings, and what is refused."""

from __future__ import annotations

import time

import pytest

from ota_proxy.servers.iis.syntax import Element, read
from ota_proxy.servers.iis.violations import Violation

TEXT = "<?xml version='1.0' encoding='{0}'?>\r\n<configuration>\r\n  <!-- ü€ --><a  x='ö' y = \"2\">t&amp;u</a>\n</configuration>"
ENCODINGS = {
    "utf-8": ("utf-8", "utf-8"),
    "utf-8 with a mark": ("utf-8-sig", "utf-8"),
    "utf-16 with a mark": ("utf-16", "utf-16"),
    "utf-16 big endian with a mark": ("utf-16-be", "utf-16"),
    "utf-16 without a mark": ("utf-16-le", "utf-16"),
    "windows-1252": ("cp1252", "windows-1252"),
}


def encoded(name: str) -> bytes:
    codec, declared = ENCODINGS[name]
    mark = b"\xfe\xff" if name == "utf-16 big endian with a mark" else b""
    return mark + TEXT.format(declared).encode(codec)


@pytest.mark.parametrize("name", ENCODINGS)
def test_places_are_exact_in_every_encoding(name: str) -> None:
    data = encoded(name)
    document = read(data, "web.config")
    (inner,) = document.root.children
    first, second = inner.attributes
    assert (inner.text, first.value, second.value) == ("t&u", "ö", "2")
    assert [(one.place.line, one.place.column) for one in (inner, first, second)] == [(3, 14), (3, 18), (3, 24)]
    for place, sign in ((inner.place, "<a"), (first.place, "x="), (second.place, "y =")):
        assert data[place.offset :].decode(document.encoding).startswith(sign)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_break_counts_once(newline: str) -> None:
    root = read(newline.join(["<a>", "<b", 'c="1"/>', "", "<d/></a>"]).encode(), "x").root
    assert [one.place.line for one in root.children] == [2, 5]
    assert root.children[0].attributes[0].place.line == 3


def test_a_value_is_what_xml_means_and_its_place_where_it_stands() -> None:
    (attribute,) = read(b'<a b="&lt;1&#x32;&quot;\n3"/>', "x").root.attributes
    assert (attribute.value, attribute.place.column) == ('<12" 3', 4)


@pytest.mark.parametrize(
    ("data", "hint", "line"),
    [
        (b"", "no element found", 1),
        (b"<a>\n<b>\n</a>", "mismatched tag", 3),
        (b"<a x='1' x='2'/>", "duplicate attribute", 1),
        (b"<a/>\n<b/>", "junk after document element", 2),
        (b"<?xml version='1.0'?>\n<!DOCTYPE a>\n<a/>", "a DTD", 2),
        (b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>', "a DTD", 1),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "a DTD", 1),
        (b"<a>&b;</a>", "undefined entity", 1),
        (b"<?xml version='1.0' encoding='utf-16'?><a/>", "the file says it is utf-16", 1),
        ("<?xml version='1.0' encoding='utf-8'?><a/>".encode("utf-16"), "the file says it is utf-8", 1),
        (b"<?xml version='1.0' encoding='rot13'?><a/>", "the encoding rot13 is not known", 1),
        (b"<a>\xff</a>", "byte 3 is not utf-8", 1),
        (b"\xff\xfe<", "byte 2 is not utf-16-le", 1),
    ],
)
def test_what_is_no_xml_is_refused_with_its_place(data: bytes, hint: str, line: int) -> None:
    with pytest.raises(Violation, match="Configuration file is not well-formed XML") as refused:
        read(data, "web.config")
    assert hint in refused.value.hint
    assert (refused.value.hresult, refused.value.kind) == ("0x8007000d", "schema")
    assert (refused.value.place.file, refused.value.place.line) == ("web.config", line)


def test_a_document_type_is_refused_where_it_begins() -> None:
    with pytest.raises(Violation) as refused:
        read(b"<!-- x -->\n <!DOCTYPE a [ ]>\n<a/>", "x")
    assert (refused.value.place.line, refused.value.place.column, refused.value.place.offset) == (2, 2, 12)


def test_deep_nesting_is_read_without_recursion() -> None:
    depth = 50_000
    one: Element | None = read(b"<a>" * depth + b"</a>" * depth, "x").root
    count = 0
    while one is not None:
        count, one = count + 1, one.children[0] if one.children else None
    assert count == depth


def seconds(lines: int) -> float:
    data = b"<a>\n" + b"<b c='d' e='f'/>\n" * lines + b"</a>"
    before = time.process_time()
    read(data, "x")
    return time.process_time() - before


def test_fifty_thousand_lines_take_time_that_grows_with_the_lines_only() -> None:
    small = min(seconds(5_000) for _ in range(3))
    assert seconds(50_000) < 30 * small  # ten times the lines; a square would be a hundred times
