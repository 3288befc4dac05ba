"""The parts of a page that need a reader of their own: HTML within bounds, the URL of a refresh, and the strings of scripts.

`BoundedParser` is html.parser that an untrusted page can neither make raise nor keep busy; `refresh_url` follows WHATWG HTML's shared
declarative refresh steps; `strings` tokenizes JavaScript and JSON (comments, strings, templates, patterns) and says what each string is
joined to. All linear, bounded, and without exceptions.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from ota_proxy import limits

LARGEST = limits.PAGE
_MOST_ENDLESS = 5
"""Tags, comments and declarations without an end that are borne with; real pages have none or one."""
_HUGE = re.compile(r"&#(?:0*(\d{8,})|[xX]0*([0-9a-fA-F]{7,}));?")
"""A character reference beyond Unicode; Python refuses to make a number of very many digits."""

_TAG = re.compile(r"</?[A-Za-z]")

P = TypeVar("P", bound="BoundedParser")


def feed(parser: P, source: str) -> P:
    """Let a parser see 1 MiB; html.parser's answer to a broken declaration is an exception, and what was found stays."""
    text = _HUGE.sub("\ufffd", source[:LARGEST])
    with contextlib.suppress(AssertionError, ValueError):
        parser.feed(text)
        parser.cut_off()
        parser.close()
    return parser


class BoundedParser(HTMLParser):
    """Gives up a page with many tags that never end: html.parser then reads the rest of it once for each."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._endless = 0

    def cut_off(self) -> None:
        """Drop a tag that the end of the page cuts off, as browsers do (WHATWG HTML §13.2.5, eof-in-tag), and hand it to `handle_cut`."""
        if self.cdata_elem is None and _TAG.match(self.rawdata):
            rest, self.rawdata = self.rawdata, ""
            self.handle_cut(rest)

    def handle_cut(self, data: str) -> None:
        """Take in the beginning of a tag whose end is missing; nothing is done with it here."""

    def parse_starttag(self, i: int) -> int:
        """Read a tag, and count it where it has no end."""
        return self._whole(super().parse_starttag(i))

    def parse_endtag(self, i: int) -> int:
        """Likewise."""
        return self._whole(super().parse_endtag(i))

    def parse_comment(self, i: int, report: bool = True) -> int:
        """Likewise."""
        return self._whole(super().parse_comment(i, report))

    def parse_html_declaration(self, i: int) -> int:
        """Likewise."""
        return self._whole(super().parse_html_declaration(i))

    def parse_pi(self, i: int) -> int:
        """Likewise."""
        return self._whole(super().parse_pi(i))

    def _whole(self, end: int) -> int:
        self._endless += end < 0
        if self._endless > _MOST_ENDLESS:
            raise ValueError("too many tags without an end")
        return end


_REFRESH = re.compile(
    r"""\s*[\d.]+(?:\s*[;,]\s*|\s+)(?:url\s*=\s*)?(?:"(?P<double>[^"]*)|'(?P<single>[^']*)|(?P<bare>(?!url\s*=)[^"'].*))""",
    re.IGNORECASE | re.DOTALL,
)
"""The URL with its quotes; one that is quoted ends at the next such quote."""


def refresh_url(content: str) -> str:
    """Return the URL of a refresh as it stands there; empty if it only loads the page again."""
    found = _REFRESH.match(content)
    return next((value.strip() for value in found.groups() if value), "") if found else ""


def refresh_target(content: str, base: str) -> str:
    """Return the absolute http(s) URL that a refresh leads to, without fragment; empty if it leads to none."""
    raw = refresh_url(content)
    try:
        url = urljoin(base, raw).partition("#")[0] if raw else ""
        urlsplit(url)
    except ValueError:
        return ""
    return url if url.lower().startswith(("https:", "http:")) and len(url) <= limits.URL else ""


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
