"""Reading XML: places that are exact to the byte, encodings, and what is refused."""

from __future__ import annotations

import time

import pytest

from ota_proxy.servers.iis.syntax import Document, Element, read
from ota_proxy.servers.iis.violations import Violation
from ota_proxy.servers.text import Edit, Span, apply_edits

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


def shown(document: Document, span: Span) -> str:
    """Return what stands at a span in the file as it is stored."""
    return document.source.data[span.start : span.end].decode(document.source.codec)


@pytest.mark.parametrize("name", ENCODINGS)
def test_places_are_exact_in_every_encoding(name: str) -> None:
    data = encoded(name)
    document = read(data, "web.config")
    (inner,) = document.root.children
    first, second = inner.attributes
    assert (inner.text, first.value, second.value) == ("t&u", "ö", "2")
    assert [(one.span.line, one.span.column) for one in (inner, first, second)] == [(3, 14), (3, 18), (3, 24)]
    assert [shown(document, one.span) for one in (inner, first, second)] == ["<a  x='ö' y = \"2\">", "x='ö'", 'y = "2"']
    assert shown(document, inner.whole) == "<a  x='ö' y = \"2\">t&amp;u</a>"
    assert [shown(document, one.value_span) for one in (first, second)] == ["ö", "2"]
    assert [shown(document, one.name_span) for one in (first, second)] == ["x", "y"]
    assert [(one.text, shown(document, one.span)) for one in inner.texts] == [("t&u", "t&amp;u")]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_break_counts_once(newline: str) -> None:
    root = read(newline.join(["<a>", "<b", 'c="1"/>', "", "<d/></a>"]).encode(), "x").root
    assert [one.span.line for one in root.children] == [2, 5]
    assert root.children[0].attributes[0].span.line == 3


def test_a_value_is_what_xml_means_and_its_place_where_it_stands() -> None:
    (attribute,) = read(b'<a b="&lt;1&#x32;&quot;\n3"/>', "x").root.attributes
    assert (attribute.value, attribute.span.column) == ('<12" 3', 4)


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
    assert (refused.value.span.file, refused.value.span.line) == ("web.config", line)


def test_a_document_type_is_refused_where_it_begins() -> None:
    with pytest.raises(Violation) as refused:
        read(b"<!-- x -->\n <!DOCTYPE a [ ]>\n<a/>", "x")
    assert (refused.value.span.line, refused.value.span.column, refused.value.span.start) == (2, 2, 12)


MIXED = """<?xml version="1.0"?>
<!-- first -->
<a b=">"><?pi one?>text<!-- é --> more<c
  d='/>' /><![CDATA[<raw>]]><e></e></a><!-- last -->
"""


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_mark_of_a_file_has_its_span(codec: str, newline: str) -> None:
    document = read(MIXED.replace("\n", newline).encode(codec), "x")
    a = document.root
    assert [(one.text, shown(document, one.span)) for one in document.comments] == [
        (" first ", "<!-- first -->"),
        (" é ", "<!-- é -->"),
        (" last ", "<!-- last -->"),
    ]
    assert shown(document, a.span) == '<a b=">">'
    assert shown(document, a.whole).endswith("</a>")
    assert [(one.text, shown(document, one.span)) for one in a.texts] == [
        ("text", "text"),
        (" more", " more"),
        ("<raw>", "<![CDATA[<raw>]]>"),
    ]
    assert a.text == "text more<raw>"
    c, e = a.children
    assert shown(document, c.span) == shown(document, c.whole) == f"<c{newline}  d='/>' />"
    assert (c.span.line, c.span.end_line, c.span.end_column) == (3, 4, 12)
    assert (shown(document, e.span), shown(document, e.whole)) == ("<e>", "<e></e>")


def test_an_edit_at_a_value_changes_the_value_alone() -> None:
    data = b"\xef\xbb\xbf<a>\r\n<b c='1' d=\"\xc3\xa9\"/></a>"
    document = read(data, "web.config")
    _, d = document.root.children[0].attributes
    assert apply_edits(document.source, [Edit(d.value_span, "ü")]) == data.replace("é".encode(), "ü".encode())


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
