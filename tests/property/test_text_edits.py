"""Edits of any text in any encoding: what they do not cover stays to the byte, and places agree however they are asked for."""

from __future__ import annotations

import codecs
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_proxy.servers.text import Edit, EditError, SourceText, apply_edits

MARKS = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
WORDS = st.text(st.sampled_from("ab\r\n{}é ÿ"), max_size=600)
WIDE = st.text(st.one_of(st.sampled_from("a\r\né€𝒳"), st.characters(exclude_categories=["Cs"])), max_size=600)


@st.composite
def sources(draw: st.DrawFn) -> SourceText:
    codec = draw(st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "iso8859-1", "cp1252", "gb18030"]))
    text = draw(WORDS if codec in {"iso8859-1", "cp1252"} else WIDE)
    mark = draw(st.sampled_from([b"", MARKS.get(codec, b"")]))
    data = mark + text.encode(codec)
    return SourceText("f", data, text, codec, len(mark), lone_return=draw(st.booleans()))


@st.composite
def edited(draw: st.DrawFn) -> tuple[SourceText, list[tuple[int, int, str]]]:
    """A text, and changes of it in its order, none of which overlap; each is (first index, index behind, new text)."""
    source = draw(sources())
    cuts = sorted(draw(st.lists(st.integers(0, len(source.text)), max_size=12)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return source, [(*pair, draw(st.sampled_from(["", "x", "y\r\n", "é", "\n"]))) for pair in dict.fromkeys(pairs)]


@given(edited(), st.randoms(use_true_random=False))
def test_edits_in_any_order_give_what_the_text_with_those_changes_is(
    case: tuple[SourceText, list[tuple[int, int, str]]], order: Random
) -> None:
    source, changes = case
    wanted, at = "", 0
    for start, end, new in changes:
        wanted += source.text[at:start] + new
        at = end
    wanted += source.text[at:]
    edits = [Edit(source.chars(start, end), new) for start, end, new in changes]
    order.shuffle(edits)
    assert apply_edits(source, edits) == source.data[: source.bom] + wanted.encode(source.codec)


@given(sources(), st.data())
def test_bytes_and_characters_lead_to_the_same_span(source: SourceText, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(source.text)))
    end = data.draw(st.integers(start, len(source.text)))
    span = source.chars(start, end)
    assert source.span(span.start, span.end) == span
    assert (source.index(span.start), source.index(span.end)) == (start, end)
    assert source.data[span.start : span.end].decode(source.codec) == source.text[start:end]


@given(sources(), st.data())
def test_line_and_column_lead_back_to_the_character(source: SourceText, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(source.text)))
    span = source.chars(at, at)
    assert source.line_starts[span.line - 1] + span.column - 1 == at
    before = source.text[:at].replace("\r\n", "\n") if source.lone_return else source.text[:at]
    split = source.text[at - 1 : at + 1] == "\r\n"  # between the two halves of one break: still in the line
    breaks = before.count("\n") + (before.count("\r") - split if source.lone_return else 0)
    assert span.line == breaks + 1


@given(sources())
def test_the_lines_and_their_breaks_are_the_text(source: SourceText) -> None:
    count = len(source.line_starts)
    rest = source.text
    for number in range(1, count + 1):
        line = source.line(number)
        assert rest.startswith(line)
        assert source.line_span(number).line == number
        rest = rest.removeprefix(line)
        ending = next((one for one in ("\r\n", "\n", "\r") if rest.startswith(one)), "")
        rest = rest.removeprefix(ending) if number < count else rest
    assert rest == ""


@given(sources(), st.data())
def test_two_changes_that_share_a_character_are_refused(source: SourceText, data: st.DataObject) -> None:
    if len(source.text) < 2:
        return
    shared = data.draw(st.integers(0, len(source.text) - 1))
    spans = [
        source.chars(data.draw(st.integers(0, shared)), data.draw(st.integers(shared + 1, len(source.text))))
        for _ in range(2)
    ]
    with pytest.raises(EditError, match="two edits overlap"):
        apply_edits(source, [Edit(span, f"{index}") for index, span in enumerate(spans)])
