"""The text of a configuration file as it is stored: places in it, and changes of it, to the byte.

A `Span` is where something stands, an `Edit` a span and the text to put there. Offsets are bytes of the stored file, a byte order mark counted.
Lines and columns count from 1. A column counts characters (Unicode code points) of the decoded line, the byte order mark not among them, and the
end column is that behind the last character: what SARIF calls `unicodeCodePoints` and what GitHub shows.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

_STEP: Final = 256
"""Characters between two of the places whose byte offset is remembered."""
_ONE_BYTE = re.compile(r"ascii|iso8859-\d+|cp(?:125\d|437|85\d|86\d|874)|koi8-[ru]")
"""Encodings in which every character is one byte."""
_BREAKS = {True: re.compile(r"\r\n|\n|\r"), False: re.compile(r"\n")}
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where something stands in a file: the bytes from `start` to before `end`; lines and columns are derived from them.

    Where only the line is known, as a server's own message names it, `start` and `end` are -1 and the columns 0; line 0 is none at all.
    """

    file: str
    line: int = 0
    column: int = 0
    start: int = -1
    end: int = -1
    end_line: int = 0
    end_column: int = 0
    """The column behind the last character."""

    @property
    def exact(self) -> bool:
        """Say whether the bytes are known, so that an edit may stand here."""
        return self.start >= 0

    @property
    def place(self) -> str:
        """Return `file:line:column` as compilers write it, without what is not known."""
        return ":".join([self.file, *(str(one) for one in (self.line, self.column) if one)])


NOWHERE: Final = Span("")
"""No place at all."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: the bytes of `span` give way to `text`. An empty span inserts, an empty text deletes."""

    span: Span
    text: str


class EditError(ValueError):
    """Edits that cannot be applied; the message says which and why."""


@dataclass(frozen=True, eq=False)
class SourceText:
    """A file's bytes and the text they mean: `data[bom:]` decoded by `codec` is `text`.

    `lone_return`: a carriage return by itself ends a line too, as XML and editors have it; nginx and Apache count line feeds only.
    """

    file: str
    data: bytes
    text: str
    codec: str = "utf-8"
    bom: int = 0
    lone_return: bool = True

    def span(self, start: int, end: int) -> Span:
        """Return the span of two byte offsets of the stored file; one inside a character belongs to that character's begin."""
        return self._spanned(self._index(start), self._index(end), start, end)

    def chars(self, start: int, end: int) -> Span:
        """Return the span of two indices of `text`."""
        return self._spanned(start, end, self.offset(start), self.offset(end))

    def line_span(self, number: int) -> Span:
        """Return the span of a line's text without its break; for a line that the file does not have, one that names the line alone."""
        if not 1 <= number <= len(self.line_starts):
            return Span(self.file, number)
        start = self.line_starts[number - 1]
        return self.chars(start, start + len(self.line(number)))

    def line(self, number: int) -> str:
        """Return a line's text without its break, empty for one that the file does not have."""
        if not 1 <= number <= len(self.line_starts):
            return ""
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text)
        whole = self.text[self.line_starts[number - 1] : end]
        bare = whole.removesuffix("\n")
        return bare.removesuffix("\r") if self.lone_return or bare != whole else bare

    def offset(self, index: int) -> int:
        """Return the byte of the stored file at which a character begins."""
        if self._plain:
            return self.bom + index
        step = min(index // _STEP, len(self._steps) - 1)
        return self._steps[step] + len(self.text[step * _STEP : index].encode(self.codec))

    def index(self, offset: int) -> int:
        """Return the index in `text` of the character that a byte belongs to; ValueError outside of the file and inside of its mark."""
        if not self.bom <= offset <= len(self.data):
            raise ValueError(f"{self.file} has no text at byte {offset}")
        return self._index(offset)

    @cached_property
    def line_starts(self) -> list[int]:
        """Return the index in `text` of each line's first character; a break at the very end begins one more, empty line."""
        return [0, *(match.end() for match in _BREAKS[self.lone_return].finditer(self.text))]

    @property
    def newline(self) -> str:
        """Return how the file ends its lines: as its first line does, with a line feed if there is but one line."""
        found = re.search(r"\r\n|\n|\r", self.text)
        return found[0] if found and (self.lone_return or found[0] != "\r") else "\n"

    # -- between bytes and characters ------------------------------------------------------------------------------------

    @cached_property
    def _plain(self) -> bool:
        """Whether every character is one byte."""
        return (self.codec == "utf-8" and self.text.isascii()) or _ONE_BYTE.fullmatch(self.codec) is not None

    @cached_property
    def _steps(self) -> list[int]:
        """The byte offset of every 256th character, so that no look-up reads a whole file of one line."""
        found, at = [self.bom], self.bom
        for begin in range(0, len(self.text), _STEP):
            at += len(self.text[begin : begin + _STEP].encode(self.codec))
            found.append(at)
        return found

    def _index(self, offset: int) -> int:
        if self._plain:
            return min(max(offset - self.bom, 0), len(self.text))
        step = max(bisect_right(self._steps, offset) - 1, 0)
        inside = self.data[self._steps[step] : max(offset, self.bom)]
        return min(step * _STEP + len(inside.decode(self.codec, "ignore")), len(self.text))

    def _position(self, index: int) -> tuple[int, int]:
        line = bisect_right(self.line_starts, index)
        return line, index - self.line_starts[line - 1] + 1

    def _spanned(self, first: int, behind: int, start: int, end: int) -> Span:
        line, column = self._position(first)
        return Span(self.file, line, column, start, end, *self._position(behind))


def plain_source(data: bytes, file: str) -> SourceText:
    """Return the text of a file that does not say how it is encoded: by its mark, else UTF-8, else Latin-1, in which every byte is a character.

    Lines end with a line feed, as nginx and Apache count them. ValueError for UTF-16 that is broken.
    """
    mark, codec = next(((mark, codec) for mark, codec in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    body = data[len(mark) :]
    try:
        return SourceText(file, data, body.decode(codec), codec, len(mark), lone_return=False)
    except UnicodeDecodeError as error:
        if codec != "utf-8":
            raise ValueError(f"{file}: byte {error.start + len(mark)} is not {codec}") from None
    if mark:  # it says UTF-8 and is not: the mark is three characters like any other
        mark, body = b"", data
    return SourceText(file, data, body.decode("latin-1"), "iso8859-1", len(mark), lone_return=False)


def apply_edits(source: SourceText, edits: Iterable[Edit]) -> bytes:
    """Return the file's bytes with the edits made; whatever no edit covers stays as it is, to the byte.

    Texts are written in the file's encoding, without a mark of their own. Insertions at one place stand in the order given, before what replaces the
    text behind them. The same replacement given twice counts once. EditError for an edit of another file, one whose bytes are not known or lie outside
    of the text or inside a character, two that overlap, and a text that the encoding cannot hold.
    """
    parts, at = [], 0
    last: Edit | None = None
    for edit in _in_order(source, edits):
        if edit.span.start < at:
            if edit == last:
                continue
            raise EditError(f"two edits overlap: {_shown(last)} and {_shown(edit)}")
        parts += [source.data[at : edit.span.start], _encoded(source, edit)]
        at, last = edit.span.end, edit
    return b"".join([*parts, source.data[at:]])


def _in_order(source: SourceText, edits: Iterable[Edit]) -> list[Edit]:
    known = list(edits)
    for edit in known:
        _check(source, edit)
    return sorted(known, key=lambda one: (one.span.start, one.span.end))


def _check(source: SourceText, edit: Edit) -> None:
    span = edit.span
    if span.file != source.file:
        raise EditError(f"{_shown(edit)} is an edit of {span.file}, not of {source.file}")
    if not span.exact:
        raise EditError(f"{_shown(edit)} cannot be made: only the line is known")
    if not source.bom <= span.start <= span.end <= len(source.data):
        raise EditError(f"{_shown(edit)} lies outside of the text: bytes {span.start} to {span.end}")
    for offset in (span.start, span.end):
        if source.offset(source.index(offset)) != offset:
            raise EditError(f"{_shown(edit)} begins or ends inside a character, at byte {offset}")


def _encoded(source: SourceText, edit: Edit) -> bytes:
    try:
        return edit.text.encode(source.codec)
    except UnicodeEncodeError as error:
        sign = edit.text[error.start]
        raise EditError(f"{_shown(edit)} needs {sign!r}, which {source.codec} does not have") from None


def _shown(edit: Edit | None) -> str:
    if edit is None:
        return "nothing"
    span = edit.span
    what = f"an insertion at {span.place}" if span.start == span.end else f"a change at {span.place}"
    return f"{what} (bytes {span.start} to {span.end})"
