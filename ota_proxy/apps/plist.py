"""Reads an untrusted property list: XML or binary, bounded, without entities, with line and column of the first error.

`trimmed` takes away what Apple's own reader of XML passes over and an XML parser does not: white space ahead, anything behind the end.
"""

from __future__ import annotations

import plistlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any
from xml.parsers import expat

from ota_proxy import limits

LARGEST = limits.PLIST
"""Bytes of a property list we read at most."""
_DEEPEST = limits.PLIST_LEVELS
_MOST_NODES = limits.PLIST_VALUES
_WIDEST = 128
"""Bits of a number; property lists of Apple's have 64, binary ones can write 128."""
_HOLDERS = frozenset({"plist", "dict", "array"})
_LEAVES = frozenset({"string", "integer", "real", "date", "data", "true", "false", "key"})


class PlistProblem(Exception):  # noqa: N818 - a fact about a body, told to people as it is
    """Why a body was not read; `unsafe` when it was refused rather than wrong."""

    def __init__(self, message: str, *, unsafe: bool = False) -> None:
        super().__init__(message)
        self.unsafe = unsafe


def load_plist(body: bytes) -> Any:  # noqa: ANN401 - a property list's root may be any of its types
    """Return the root of an XML or binary property list; PlistProblem, and nothing else, when there is none to be had."""
    if len(body) > LARGEST:
        raise PlistProblem(f"the body is larger than {LARGEST} bytes", unsafe=True)
    if not body.strip():
        raise PlistProblem("the body is empty")
    if not body.startswith(b"bplist"):
        _check_xml(body)
    try:
        data = plistlib.loads(body)
    except Exception as error:  # noqa: BLE001 - plistlib raises nearly anything on hostile bytes
        raise PlistProblem(f"no property list: {error or type(error).__name__}") from None
    _bounded(data)
    return data


def _bounded(root: object) -> None:
    """Refuse a list whose shared or circular references unfold into more than one walk should meet.

    The walk is deep first and keeps no more than a place for each level: what it costs is the limits below, whatever the list refers to.
    """
    work = _Work()
    work.take(root)
    levels = [_children(root)]
    while levels:
        value = next(levels[-1], _END_OF_LEVEL)
        if value is _END_OF_LEVEL:
            levels.pop()
            continue
        work.take(value)
        if isinstance(value, (dict, list)):
            levels.append(_children(value))
        if len(levels) > _DEEPEST:
            raise PlistProblem(f"it is nested deeper than {_DEEPEST} levels", unsafe=True)


_END_OF_LEVEL = object()


@dataclass(slots=True)
class _Work:
    """What was met so far: values, and bytes of texts and data."""

    values: int = 0
    size: int = 0

    def take(self, value: object) -> None:
        """Count a value; PlistProblem where that is one too many."""
        self.values += 1
        self.size += len(value) if isinstance(value, (str, bytes)) else 0
        if self.values > _MOST_NODES:
            raise PlistProblem(f"it unfolds into more than {_MOST_NODES} values", unsafe=True)
        if self.size > limits.PLIST_UNFOLDED:
            raise PlistProblem(f"its texts unfold into more than {limits.PLIST_UNFOLDED} bytes", unsafe=True)
        if isinstance(value, int) and value.bit_length() > _WIDEST:
            raise PlistProblem(f"it has a number of more than {_WIDEST} bits", unsafe=True)


def _children(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        return chain.from_iterable(value.items())
    return iter(value) if isinstance(value, list) else iter(())


def _check_xml(body: bytes) -> None:
    if body.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        raise PlistProblem("the body is an HTML page, not a property list")
    grammar = _Grammar()
    try:
        grammar.parser.Parse(body, True)
    except expat.ExpatError as error:
        raise PlistProblem(f"line {error.lineno}, column {error.offset + 1}: {expat.ErrorString(error.code)}") from None
    except (ValueError, LookupError) as error:  # an encoding nobody knows
        raise PlistProblem(f"the XML cannot be read: {error}") from None


class _Grammar:
    """Follows expat through a property list and stops at the first thing that is out of place or out of bounds."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity
        self.parser.ExternalEntityRefHandler = self._external
        self.open: list[str] = []
        self.keyed: list[bool] = []
        self.nodes = 0

    def _fail(self, message: str, *, unsafe: bool = False) -> None:
        place = f"line {self.parser.CurrentLineNumber}, column {self.parser.CurrentColumnNumber + 1}"
        raise PlistProblem(f"{place}: {message}", unsafe=unsafe)

    def _entity(self, name: str, *_: object) -> None:
        self._fail(f"the entity '{name[:40]}' is declared; a manifest has none", unsafe=True)

    def _external(self, *_: object) -> int:
        self._fail("an external entity is used; nothing is fetched for a manifest", unsafe=True)
        return 0

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self.nodes += 1
        if self.nodes > _MOST_NODES or len(self.open) >= _DEEPEST:
            self._fail(f"more than {_DEEPEST} levels or {_MOST_NODES} elements", unsafe=True)
        if not self.open and name != "plist":
            self._fail(f"the root element is <{name[:40]}>, not <plist>")
        if name not in _HOLDERS | _LEAVES:
            self._fail(f"<{name[:40]}> is not an element of a property list")
        self._place(name)
        self.open.append(name)
        self.keyed.append(False)

    def _place(self, name: str) -> None:
        parent = self.open[-1] if self.open else ""
        if parent in _LEAVES:
            self._fail(f"<{name}> is inside <{parent}>")
        if parent == "dict":
            if (name == "key") == self.keyed[-1]:
                self._fail(f"a <{'value' if self.keyed[-1] else 'key'}> is missing before <{name}>")
            self.keyed[-1] = name == "key"
        elif name == "key":
            self._fail("a <key> is outside a <dict>")

    def _end(self, name: str) -> None:
        self.open.pop()
        if self.keyed.pop() and name == "dict":
            self._fail("the last <key> of this <dict> has no value")

    def _text(self, text: str) -> None:
        if self.open and self.open[-1] in _HOLDERS and text.strip():
            self._fail(f"the text '{text.strip()[:40]}' is between elements")


_AHEAD = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]+(?=<)")
_BEGIN, _END = b"<plist", b"</plist>"
_MARKS = (b"\xff\xfe", b"\xfe\xff")


def trimmed(body: bytes) -> tuple[bytes, str]:
    """Return an XML property list without what is passed over, and what that was; a binary one, or one in UTF-16, as it is."""
    if body.startswith((b"bplist", *_MARKS)):
        return body, ""
    passed = []
    ahead = _AHEAD.match(body)
    if ahead and body.startswith(b"<?xml", ahead.end()):
        passed.append("white space before the XML declaration")
        body = body[ahead.end() :]
    end = body.find(_END, max(0, body.find(_BEGIN)))
    behind = body[end + len(_END) :].strip(b" \t\r\n") if end >= 0 else b""
    if behind:
        body = body[: end + len(_END)]
        shown = behind.strip(b"\0")[:40].decode("utf-8", "replace")
        passed.append(f"'{shown}' after </plist>" if shown else "zero bytes after </plist>")
    return body, " and ".join(passed)
