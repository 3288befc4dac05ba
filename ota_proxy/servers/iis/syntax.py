"""Reads a web.config or applicationHost.config into elements with exact places; refuses what is not XML, and any DTD.

The standard library's expat does the parsing; nothing is fetched, no entity is declared, and every walk here is a loop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from ota_proxy.servers.iis import encodings
from ota_proxy.servers.iis.places import Place
from ota_proxy.servers.iis.violations import malformed

__all__ = ["Attribute", "Document", "Element", "Place", "read"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute; `value` is the text that XML means, `place` its name's first character."""

    name: str
    value: str
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """One element; `place` is its `<`. `text` is its own character data without its children's."""

    name: str
    attributes: tuple[Attribute, ...]
    children: tuple[Element, ...] = field(repr=False)
    text: str
    place: Place

    def value(self, name: str) -> str | None:
        """Return an attribute's text, None where it is not set."""
        return next((one.value for one in self.attributes if one.name == name), None)


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One file: its root element, the name it is reported by, its text and how it is encoded."""

    file: str
    root: Element
    text: str = field(repr=False)
    encoding: str


class _Cursor:
    """Turns growing offsets of the UTF-8 copy into places of the file as it is stored; linear over a whole file."""

    def __init__(self, data: bytes, file: str, codec: str, bom: int) -> None:
        self._data, self._file, self._codec = data, file, codec
        self._at, self._line, self._column, self._offset = 0, 1, 1, bom

    def place(self, offset: int) -> Place:
        chunk = self._data[self._at : offset]
        self._at = offset
        if chunk.isascii() and self._codec == "utf-8":
            self._offset += len(chunk)
        else:
            self._offset += len(chunk.decode("utf-8", "replace").encode(self._codec, "replace"))
        breaks = chunk.count(b"\n") + (len(_LONE_RETURN.findall(chunk)) if b"\r" in chunk else 0)
        if breaks:
            self._line += breaks
            self._column = 1
            chunk = chunk[max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1 :]
        self._column += len(chunk) if chunk.isascii() else len(chunk.decode("utf-8", "replace"))
        return Place(self._file, self._line, self._column, self._offset)


class _Open:
    """An element that is not closed yet."""

    __slots__ = ("attributes", "children", "name", "place", "text")

    def __init__(self, name: str, attributes: tuple[Attribute, ...], place: Place) -> None:
        self.name, self.attributes, self.place = name, attributes, place
        self.children: list[Element] = []
        self.text: list[str] = []


class _Builder:
    """Collects what expat reports."""

    def __init__(self, data: bytes, cursor: _Cursor) -> None:
        self._data, self._cursor = data, cursor
        self._open: list[_Open] = []
        self.root: Element | None = None
        self.parser = expat.ParserCreate("utf-8")
        self.parser.ordered_attributes = True
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, pairs: list[str]) -> None:
        at = self.parser.CurrentByteIndex
        place = self._cursor.place(at)
        values = pairs[1::2]
        places = self._attribute_places(at) if values else ()
        attributes = tuple(
            Attribute(*one)
            for one in zip(pairs[::2], values, places, strict=True)  # order of the document in both
        )
        self._open.append(_Open(name, attributes, place))

    def _attribute_places(self, at: int) -> Iterator[Place]:
        tag = _TAG_NAME.match(self._data, at)
        position = tag.end() if tag else at
        while match := _ATTRIBUTE.match(self._data, position):
            yield self._cursor.place(match.start(1))
            position = match.end()

    def _end(self, _name: str) -> None:
        one = self._open.pop()
        element = Element(one.name, one.attributes, tuple(one.children), "".join(one.text), one.place)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].text.append(text)

    def _doctype(self, *_: object) -> None:
        begin = self._data.rfind(b"<!DOCTYPE", 0, self.parser.CurrentByteIndex + len(b"<!DOCTYPE"))
        place = self._cursor.place(max(begin, 0))
        raise malformed(place, "a DTD (<!DOCTYPE …>) is refused: IIS reads configuration without one")


_LONE_RETURN = re.compile(rb"\r(?!\n)")
"""A line break by itself: XML counts CR, LF and CR LF as one each."""
_TAG_NAME = re.compile(rb"<[^\s/>]+")
_ATTRIBUTE = re.compile(rb"\s+([^\s=/>]+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")


def read(data: bytes, file: str) -> Document:
    """Return the document of a file's bytes; Violation where IIS would call it not well-formed. `file` is only a name for places."""
    try:
        text, codec, bom = encodings.decode(data)
    except ValueError as error:
        raise malformed(Place(file, 1, 1, 0), str(error)) from None
    copy = text.encode("utf-8")
    builder = _Builder(copy, _Cursor(copy, file, codec, bom))
    try:
        builder.parser.Parse(copy, True)
    except expat.ExpatError as error:
        where = _Cursor(copy, file, codec, bom).place(max(builder.parser.ErrorByteIndex, 0))
        raise malformed(where, expat.ErrorString(error.code)) from None
    if builder.root is None:  # expat reports an empty document itself; this is for the type checker and for us
        raise malformed(Place(file, 1, 1, 0), "no element found")
    return Document(file, builder.root, text, codec)
