"""Places in a stored file and changes of it: every encoding and line end, to the byte."""

from __future__ import annotations

import codecs

import pytest

from ota_proxy.servers.text import Edit, EditError, SourceText, Span, apply_edits, plain_source

UTF16 = codecs.BOM_UTF16_LE + "a: é\r\nb: 𝒳 end\r\n".encode("utf-16-le")


def found(source: SourceText, words: str) -> Span:
    at = source.text.index(words)
    return source.chars(at, at + len(words))


def utf16() -> SourceText:
    return SourceText("web.config", UTF16, UTF16[2:].decode("utf-16-le"), "utf-16-le", 2)


@pytest.mark.parametrize(
    ("data", "words", "line", "column", "start"),
    [
        (b"one\ntwo\n", "two", 2, 1, 4),
        (b"one\r\ntwo", "two", 2, 1, 5),
        (b"one\r\n\r\n two", "two", 3, 2, 8),
        (codecs.BOM_UTF8 + b"one two", "two", 1, 5, 7),
        (codecs.BOM_UTF8 + b"one", "one", 1, 1, 3),
        ("é\nüé two".encode(), "two", 2, 4, 8),
        ("é\nüé two".encode("latin-1"), "two", 2, 4, 5),
        (codecs.BOM_UTF16_BE + "é\n𝒳 two".encode("utf-16-be"), "two", 2, 3, 12),
    ],
)
def test_a_place_is_a_line_a_column_in_characters_and_a_byte(
    data: bytes, words: str, line: int, column: int, start: int
) -> None:
    source = plain_source(data, "nginx.conf")
    span = found(source, words)
    width = len(words.encode(source.codec))
    assert span == Span("nginx.conf", line, column, start, start + width, line, column + len(words))
    assert source.span(span.start, span.end) == span
    assert data[span.start : span.end].decode(source.codec) == words


@pytest.mark.parametrize(("lone_return", "line", "column"), [(True, 2, 1), (False, 1, 5)])
def test_a_carriage_return_by_itself_ends_a_line_where_the_grammar_says_so(
    lone_return: bool, line: int, column: int
) -> None:
    source = SourceText("f", b"one\rtwo", "one\rtwo", lone_return=lone_return)
    assert (found(source, "two").line, found(source, "two").column) == (line, column)


def test_a_span_over_lines_ends_behind_its_last_character() -> None:
    source = SourceText("f", b"one\r\ntwo\r\n", "one\r\ntwo\r\n")
    assert source.span(1, 8) == Span("f", 1, 2, 1, 8, 2, 4)


def test_the_end_of_a_file_with_and_without_a_final_line_end_has_a_place() -> None:
    assert plain_source(b"one\n", "f").span(4, 4).place == "f:2:1"
    assert plain_source(b"one", "f").span(3, 3).place == "f:1:4"
    assert plain_source(b"", "f").span(0, 0) == Span("f", 1, 1, 0, 0, 1, 1)


def test_lines_are_given_without_their_breaks() -> None:
    source = SourceText("f", b"", "one\r\n\r two \n\nlast\r")
    assert [source.line(number) for number in range(8)] == ["", "one", "", " two ", "", "last", "", ""]
    unix = SourceText("f", b"", "a\r\nb\rc", lone_return=False)
    assert [unix.line(1), unix.line(2)] == ["a", "b\rc"]


def test_the_span_of_a_line_is_its_text_and_a_line_that_is_not_there_has_no_bytes() -> None:
    source = plain_source(b"one\n two\n", "f")
    assert source.line_span(2) == Span("f", 2, 1, 4, 8, 2, 5)
    assert source.line_span(9) == Span("f", 9)
    assert not source.line_span(9).exact


@pytest.mark.parametrize(
    ("span", "place"), [(Span("f", 3, 4, 9), "f:3:4"), (Span("f", 3), "f:3"), (Span("f"), "f"), (Span(""), "")]
)
def test_a_place_is_written_as_compilers_do(span: Span, place: str) -> None:
    assert span.place == place


@pytest.mark.parametrize(
    ("data", "codec", "bom"),
    [
        (b"plain", "utf-8", 0),
        (codecs.BOM_UTF8 + b"x", "utf-8", 3),
        (b"\xe9", "iso8859-1", 0),
        (codecs.BOM_UTF8 + b"\xe9", "iso8859-1", 0),
        (codecs.BOM_UTF16_LE + b"x\0", "utf-16-le", 2),
    ],
)
def test_a_file_without_a_declaration_is_utf_8_or_every_byte_a_character(data: bytes, codec: str, bom: int) -> None:
    source = plain_source(data, "f")
    assert (source.codec, source.bom) == (codec, bom)
    assert data[source.bom :] == source.text.encode(source.codec)


def test_broken_utf_16_is_named_with_its_byte() -> None:
    with pytest.raises(ValueError, match=r"nginx\.conf: byte 4 is not utf-16-le"):
        plain_source(codecs.BOM_UTF16_LE + b"x\0y", "nginx.conf")


@pytest.mark.parametrize(
    ("data", "newline"), [(b"a\r\nb\n", "\r\n"), (b"a\nb\r\n", "\n"), (b"a", "\n"), (b"a\rb", "\n")]
)
def test_a_file_ends_its_lines_as_its_first_line_does(data: bytes, newline: str) -> None:
    assert plain_source(data, "f").newline == newline


def test_one_line_of_a_megabyte_is_looked_up_without_reading_it_again() -> None:
    text = "é" * 1_000_000
    source = plain_source(text.encode(), "f")
    spans = [source.chars(at, at + 1) for at in range(0, 1_000_000, 500)]
    assert [span.start for span in spans] == list(range(0, 2_000_000, 1000))
    assert source.index(1_999_999) == 999_999


# -- edits ---------------------------------------------------------------------------------------------------------------


def test_edits_change_their_bytes_and_no_others() -> None:
    source = plain_source(codecs.BOM_UTF8 + "a é;\r\nb c;".encode(), "f")
    edits = [Edit(found(source, "b"), "ü"), Edit(found(source, "é"), "")]
    assert apply_edits(source, edits) == codecs.BOM_UTF8 + "a ;\r\nü c;".encode()


def test_text_is_written_in_the_encoding_of_the_file_without_another_mark() -> None:
    source = utf16()
    assert apply_edits(source, [Edit(found(source, "𝒳"), "ö")]) == UTF16.replace(
        "𝒳".encode("utf-16-le"), "ö".encode("utf-16-le")
    )


def test_insertions_at_one_place_stand_as_given_and_before_what_is_replaced_there() -> None:
    source = plain_source(b"abc", "f")
    at, b = source.span(1, 1), source.span(1, 2)
    edits = [Edit(b, "B"), Edit(at, "1"), Edit(at, "2"), Edit(source.span(2, 2), "3")]
    assert apply_edits(source, edits) == b"a12B3c"


def test_replacements_may_touch() -> None:
    source = plain_source(b"abcd", "f")
    assert apply_edits(source, [Edit(source.span(2, 3), "C"), Edit(source.span(1, 2), "B")]) == b"aBCd"


def test_the_same_replacement_twice_counts_once() -> None:
    source = plain_source(b"abc", "f")
    assert apply_edits(source, [Edit(source.span(1, 2), "xy")] * 2) == b"axyc"


@pytest.mark.parametrize(
    ("first", "second"), [((0, 2), (1, 3)), ((0, 3), (1, 2)), ((0, 3), (1, 1)), ((0, 2), (0, 3)), ((0, 2), (0, 2))]
)
def test_overlapping_edits_are_refused_with_both_places(first: tuple[int, int], second: tuple[int, int]) -> None:
    source = plain_source(b"abcd", "f")
    with pytest.raises(EditError, match=r"two edits overlap: a change at f:1:1 \(bytes 0 to \d\) and a"):
        apply_edits(source, [Edit(source.span(*second), "y"), Edit(source.span(*first), "x")])


@pytest.mark.parametrize(
    ("span", "message"),
    [
        (Span("other", 1, 1, 0, 1), "is an edit of other, not of f"),
        (Span("f", 1), "only the line is known"),
        (Span("f", 1, 1, 0, 3), r"outside of the text: bytes 0 to 3"),
        (Span("f", 1, 1, 3, 99), r"outside of the text"),
        (Span("f", 1, 1, 5, 4), r"outside of the text"),
        (Span("f", 1, 1, 4, 5), r"inside a character, at byte 4"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(span: Span, message: str) -> None:
    source = plain_source(codecs.BOM_UTF8 + "éab".encode(), "f")
    with pytest.raises(EditError, match=message):
        apply_edits(source, [Edit(span, "")])


def test_a_character_that_the_encoding_lacks_is_named() -> None:
    source = plain_source(b"caf\xe9", "f")
    with pytest.raises(EditError, match=r"needs '€', which iso8859-1 does not have"):
        apply_edits(source, [Edit(source.span(0, 0), "1 €")])
