"""Reads a web.config or applicationHost.config into elements, attributes, texts and comments with their spans; refuses what is not XML, and any DTD.

Encoded is a file as its byte order mark says, then its XML declaration, else in UTF-8 (XML 1.0, appendix F). The standard library's expat does the parsing;
nothing is fetched, no entity is declared, and every walk here is a loop.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import Literal
from xml.parsers import expat

from ota_proxy.servers.iis.violations import malformed
from ota_proxy.servers.text import SourceText, Span

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BARE = ((b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be"))
_DECLARED = re.compile(r"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_CHARACTER_SETS = re.compile(r"utf-8|ascii|iso8859-\d+|cp\d+|koi8-[ru]|gb18030|gbk|gb2312|big5|shift_jis|euc_jp|euc_kr")
"""Those where `<` is one byte 0x3C; other codecs of Python are no character sets (rot13, unicode_escape)."""
_HEAD = 200


def decode(data: bytes) -> tuple[str, str, int]:
    """Return the text, Python's name of its encoding and the length of the byte order mark; ValueError with the reason."""
    codec, bom = _marked(data)
    head = data[bom : bom + _HEAD].decode(codec or "latin-1", "replace")
    declared = _codec(match[1]) if (match := _DECLARED.match(head)) else ""
    if codec.startswith("utf-16") != declared.startswith("utf-16") and declared:
        raise ValueError(f"the file says it is {declared}, its bytes are {codec or 'not'}")
    chosen = codec or declared or "utf-8"
    try:
        return data[bom:].decode(chosen), chosen, bom
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + bom} is not {chosen}") from None


def _marked(data: bytes) -> tuple[str, int]:
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec, len(mark)
    return next((codec for start, codec in _BARE if data.startswith(start)), ""), 0


def _codec(name: str) -> str:
    """Return Python's name; ValueError for what is no character set that XML files are written in."""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        found = ""
    if found.startswith("utf-16"):
        return "utf-16"
    if not _CHARACTER_SETS.fullmatch(found):
        raise ValueError(f"the encoding {name} is not known")
    return found


__all__ = ["Attribute", "Comment", "Document", "Element", "Text", "read"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. `value` is the text that XML means, `span` all of `name="value"`, `value_span` what stands between the quotes."""

    name: str
    value: str
    span: Span
    name_span: Span
    value_span: Span


@dataclass(frozen=True, slots=True)
class Text:
    """Character data between two marks, as XML means it; blanks alone are none."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Comment:
    """What stands between `<!--` and `-->`; the span has both marks."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """One element. `text` is its own character data without its children's; `span` is its start tag, `whole` goes to the end of its end tag."""

    name: str
    attributes: tuple[Attribute, ...]
    children: tuple[Element, ...] = field(repr=False)
    text: str
    span: Span
    whole: Span
    texts: tuple[Text, ...] = field(default=(), repr=False)

    def value(self, name: str) -> str | None:
        """Return an attribute's text, None if it is not set."""
        return next((one.value for one in self.attributes if one.name == name), None)


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One file: its root element, its comments in their order, and the text that all spans are of."""

    source: SourceText = field(repr=False)
    root: Element
    comments: tuple[Comment, ...] = field(default=(), repr=False)

    @property
    def file(self) -> str:
        """The name it is reported by."""
        return self.source.file

    @property
    def text(self) -> str:
        """All of it, decoded."""
        return self.source.text


class _Places:
    """Turns offsets of the UTF-8 copy that expat reads into spans of the file as it is stored."""

    def __init__(self, source: SourceText, copy: bytes) -> None:
        self._source = source
        self._copy = None if source.codec == "utf-8" else SourceText(source.file, copy, source.text)

    def span(self, start: int, end: int) -> Span:
        if self._copy is None:
            return self._source.span(self._source.bom + start, self._source.bom + end)
        return self._source.chars(self._copy.index(start), self._copy.index(end))


class _Open:
    """An element that is not closed yet; `start` and `end` are those of its start tag in the copy."""

    __slots__ = ("attributes", "children", "end", "name", "start", "texts")

    def __init__(self, name: str, attributes: tuple[Attribute, ...], start: int, end: int) -> None:
        self.name, self.attributes, self.start, self.end = name, attributes, start, end
        self.children: list[Element] = []
        self.texts: list[tuple[str, int, int]] = []


class _Builder:
    """Collects what expat reports."""

    def __init__(self, data: bytes, places: _Places) -> None:
        self._data, self._places = data, places
        self._open: list[_Open] = []
        self._behind = 0
        self._said: list[str] = []
        self.root: Element | None = None
        self.comments: list[Comment] = []
        self.parser = expat.ParserCreate("utf-8")
        self.parser.ordered_attributes = True
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._said.append
        self.parser.CommentHandler = self._comment
        self.parser.ProcessingInstructionHandler = self._instruction
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, pairs: list[str]) -> None:
        at = self.parser.CurrentByteIndex
        self._close_text(at)
        tag = _TAG_NAME.match(self._data, at)
        position = tag.end() if tag else at
        attributes = []
        for attribute, value in zip(pairs[::2], pairs[1::2], strict=True):  # expat keeps the order of the document
            match = _ATTRIBUTE.match(self._data, position)
            if match is None:
                break
            position = match.end()
            attributes.append(self._attribute(attribute, value, match))
        self._behind = self._data.find(b">", position) + 1
        self._open.append(_Open(name, tuple(attributes), at, self._behind))

    def _attribute(self, name: str, value: str, match: re.Match[bytes]) -> Attribute:
        quoted = match.span("value")
        whole, key = (match.start("name"), match.end()), match.span("name")
        inside = (quoted[0] + 1, quoted[1] - 1)
        return Attribute(name, value, *(self._places.span(*one) for one in (whole, key, inside)))

    def _end(self, _name: str) -> None:
        at = self.parser.CurrentByteIndex
        self._close_text(at)
        one = self._open.pop()
        end = one.end if self._data[one.end - 2 : one.end] == b"/>" else self._data.find(b">", at) + 1
        self._behind = end
        element = Element(
            one.name,
            one.attributes,
            tuple(one.children),
            "".join(text for text, _, _ in one.texts),
            self._places.span(one.start, one.end),
            self._places.span(one.start, end),
            tuple(Text(text, self._places.span(*at)) for text, *at in one.texts if text.strip()),
        )
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element

    def _close_text(self, at: int) -> None:
        """Give the element around it the text since the last mark; `at` is where the next mark begins."""
        if self._said and self._open:
            self._open[-1].texts.append(("".join(self._said), self._behind, at))
        self._said.clear()

    def _comment(self, text: str) -> None:
        at = self.parser.CurrentByteIndex
        self._close_text(at)
        self._behind = self._data.find(b"-->", at + len(b"<!--")) + len(b"-->")
        self.comments.append(Comment(text, self._places.span(at, self._behind)))

    def _instruction(self, *_: str) -> None:
        at = self.parser.CurrentByteIndex
        self._close_text(at)
        self._behind = self._data.find(b"?>", at) + len(b"?>")

    def _doctype(self, *_: object) -> None:
        begin = max(self._data.rfind(b"<!DOCTYPE", 0, self.parser.CurrentByteIndex + len(b"<!DOCTYPE")), 0)
        span = self._places.span(begin, begin + len(b"<!DOCTYPE"))
        raise malformed(span, "a DTD (<!DOCTYPE …>) is refused: IIS reads configuration without one")


_TAG_NAME = re.compile(rb"<[^\s/>]+")
_ATTRIBUTE = re.compile(rb"\s+(?P<name>[^\s=/>]+)\s*=\s*(?P<value>\"[^\"]*\"|'[^']*')")


def read(data: bytes, file: str) -> Document:
    """Return the document of a file's bytes; Violation where IIS would call it not well-formed. `file` is only a name for places."""
    try:
        text, codec, bom = decode(data)
    except ValueError as error:
        raise malformed(Span(file, 1, 1, 0, 0, 1, 1), str(error)) from None
    source = SourceText(file, data, text, codec, bom)
    copy = text.encode("utf-8")
    places = _Places(source, copy)
    builder = _Builder(copy, places)
    try:
        builder.parser.Parse(copy, True)
    except expat.ExpatError as error:
        at = min(max(builder.parser.ErrorByteIndex, 0), len(copy))
        raise malformed(places.span(at, at), expat.ErrorString(error.code)) from None
    if builder.root is None:  # expat reports an empty document itself; this is for the type checker and for us
        raise malformed(Span(file, 1, 1, 0, 0, 1, 1), "no element found")
    return Document(source, builder.root, tuple(builder.comments))


FileKind = Literal["web.config", "applicationHost.config"]
_SERVER = {"system.applicationHost", "webFarms"}


def kind_of(document: Document) -> FileKind:
    """Return what a file with a `configuration` root is: the server's has sites or pools, or registers the groups of IIS."""
    for child in document.root.children:
        if child.name in _SERVER:
            return "applicationHost.config"
        groups = {one.value("name") for one in child.children} if child.name == "configSections" else set()
        if groups & {"system.applicationHost", "system.webServer"}:
            return "applicationHost.config"
    return "web.config"
