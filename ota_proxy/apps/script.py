"""The strings of a script, each with what it is joined to: whether an install link stands there whole or a script makes it from pieces.

A tokenizer for JavaScript and JSON that knows comments, strings, templates and patterns; linear, bounded, never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

HOLE = "\ufffc"
"""Stands where a template puts something in."""
MOST_STRINGS = 20_000
_DEEPEST = 20
_TOKEN = re.compile(
    r"""
      (?P<run>[^"'`/{}]++)
    | (?P<comment>//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?)
    | (?P<string>"(?:[^"\\\n]++|\\.)*+"?|'(?:[^'\\\n]++|\\.)*+'?)
    | (?P<other>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_PATTERN = re.compile(r"/(?:[^/\\\n\[]++|\\[^\n]|\[(?:[^\]\\\n]++|\\[^\n])*+\]?)++/?")
"""A regular expression; its quotes open no string."""
_TEMPLATE = re.compile(r"(?:[^`\\$]++|\\.|\$(?!\{))*+", re.DOTALL)
_BEFORE_PATTERN = frozenset("(,=:[!&|?{};+-*%~^<>")
_WORDS_BEFORE_PATTERN = re.compile(r"(?:^|[^\w$.])(?:return|typeof|case|in|of|delete|void|throw|new|else|do)$")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|(.))", re.DOTALL)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}
_LAST = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Text:
    """A string as the script has it in memory, and the characters before and after it that are no blanks."""

    value: str
    before: str = ""
    after: str = ""

    @property
    def whole(self) -> bool:
        """Nothing is put in front of it, behind it or into it."""
        return self.before != "+" and self.after not in {"+", "."} and HOLE not in self.value


def strings(code: str) -> list[Text]:
    """Return the strings and templates of a script, as they end."""
    found: list[Text] = []
    for text in _Tokens(code).texts():
        found.append(text)
        if len(found) >= MOST_STRINGS:
            break
    return found


class _Tokens:
    """One pass over a script."""

    def __init__(self, code: str) -> None:
        self.code, self.at, self.last, self.words = code, 0, "", ""
        self.waiting: Text | None = None
        self.templates: list[tuple[str, str, int]] = []
        """Templates that code is put into: the text so far, what stood before, the braces that are open in the code."""

    def texts(self) -> Iterator[Text]:
        """Yield every string once what follows it is known."""
        while self.at < len(self.code):
            match = _TOKEN.match(self.code, self.at)
            if match is None:  # it takes any character
                break
            yield from self._token(match)
        yield from self._told("")

    def _token(self, match: re.Match[str]) -> Iterator[Text]:
        kind, raw = match.lastgroup, match[0]
        if kind == "other" and raw == "/" and self._pattern_here():
            match = _PATTERN.match(self.code, self.at) or match
            raw = match[0]
        self.at = match.end()
        if kind == "comment" or (kind == "run" and not raw.strip()):
            return
        yield from self._told(raw.lstrip()[:1])
        if kind == "string":
            self._begin(Text(unescaped(raw[1:].removesuffix(raw[0])), self.last))
        elif raw == "`":
            self._template("", self.last)
        elif raw in "{}" and self.templates:
            self._brace(raw)
        else:
            self.words = raw.rstrip()[-12:]
            self.last = self.words[-1:]

    def _told(self, after: str) -> Iterator[Text]:
        if self.waiting is not None:
            yield replace(self.waiting, after=after)
            self.waiting = None

    def _begin(self, text: Text) -> None:
        self.waiting, self.last, self.words = text, '"', '"'

    def _template(self, begun: str, before: str) -> None:
        match = _TEMPLATE.match(self.code, self.at)
        end = match.end() if match else self.at
        text = begun + self.code[self.at : end]
        if self.code.startswith("${", end) and len(self.templates) < _DEEPEST:
            self.templates.append((text + HOLE, before, 0))
            self.at, self.last, self.words = end + 2, "{", "{"
        else:
            self.at = end + 1
            self._begin(Text(unescaped(text), before))

    def _brace(self, brace: str) -> None:
        text, before, depth = self.templates[-1]
        if brace == "}" and not depth:
            self.templates.pop()
            self._template(text, before)
            return
        self.templates[-1] = (text, before, depth + (1 if brace == "{" else -1))
        self.last = self.words = brace

    def _pattern_here(self) -> bool:
        return not self.last or self.last in _BEFORE_PATTERN or bool(_WORDS_BEFORE_PATTERN.search(self.words))


def unescaped(text: str) -> str:
    """Undo the backslashes of a string; halves of characters that stand alone become U+FFFD."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_character, text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _character(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if digits:
        return chr(min(int(digits, 16), _LAST))
    return _SIMPLE.get(match[4], match[4])
