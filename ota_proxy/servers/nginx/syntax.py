"""The text of an nginx file: directives, arguments, blocks and comments, each with its bytes, after `ngx_conf_read_token`.

It knows no directive by name, except that what follows `…_by_lua_block {` is Lua, which the Lua module reads by its own rules.
Every byte that stands in no token is a blank, so that the tokens and what lies between them are the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from ota_proxy.servers.text import SourceText, Span, plain_source

DEEPEST: Final = 100
"""Blocks inside each other; nginx has no use for more than seven."""
_BUFFER: Final = 4096
"""NGX_CONF_BUFFER: bytes of one argument or comment, the character behind it included (ngx_conf_file.c)."""
_TOKEN: Final = re.compile(
    rb"""[ \t\r\n]*(?:
         (\#[^\n]*)                                           # 1: a comment
       | ([;{}])                                              # 2
       | ("[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')  # 3: a quoted argument
       | ((?!["'])(?:[^\\$\x20\t\r\n;{]+|\\.|\$\{*)+)         # 4: a plain one; ${v} is no block
       )""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT, _SIGN, _QUOTED = 1, 2, 3
_BLANKS: Final = re.compile(rb"[ \t\r\n]*")
_BEHIND_QUOTE: Final = frozenset(b" \t\r\n;{)")
_ESCAPE: Final = re.compile(rb"\\([\"'\\trn])")
_MEANS: Final = {b"t": b"\t", b"r": b"\r", b"n": b"\n"}
_LUA: Final = re.compile(rb"""--\[(=*)\[|--[^\n]*|\[(=*)\[|["'{}]""")
_LUA_STRINGS: Final = {
    b'"': re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL),
    b"'": re.compile(rb"'(?:[^'\\]|\\.)*'", re.DOTALL),
}


class Word(NamedTuple):
    """A directive's name or an argument: what nginx takes it for, and its bytes with the quotes."""

    text: str
    """Without quotes and escapes; a byte that is not UTF-8 is a surrogate (`surrogateescape`)."""
    start: int
    end: int
    quote: str
    """`"`, `'` or nothing."""


class Comment(NamedTuple):
    """From `#` to before the line feed."""

    start: int
    end: int


class Block(NamedTuple):
    """From `{` to behind `}`."""

    items: tuple[Item, ...]
    start: int
    end: int


class Directive(NamedTuple):
    """From the name to behind `;` or `}`; comments between the arguments are its own."""

    words: tuple[Word, ...]
    block: Block | None
    comments: tuple[Comment, ...]
    start: int
    end: int

    @property
    def name(self) -> str:
        """Return the directive's name."""
        return self.words[0].text

    @property
    def args(self) -> tuple[str, ...]:
        """Return the arguments' values."""
        return tuple(word.text for word in self.words[1:])


Item: TypeAlias = Directive | Comment


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps nginx, or us, from reading on: the place and one sentence."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A file as it was read: everything up to the first thing that nginx refuses, and that."""

    source: SourceText
    items: tuple[Item, ...]
    problem: Problem | None = None

    def span(self, one: Word | Comment | Block | Directive) -> Span:
        """Return where something of this file stands."""
        return self.source.span(one.start, one.end)

    def head(self, directive: Directive) -> Span:
        """Return the span of a directive's name and arguments, without `;` and block."""
        return self.source.span(directive.start, directive.words[-1].end)

    def raw(self, one: Word | Comment | Block | Directive) -> bytes:
        """Return the bytes as they stand in the file."""
        return self.source.data[one.start : one.end]


class _RefusedError(Exception):
    """Bytes `start` to `end` are what nginx would refuse."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message, self.start, self.end = message, start, end


@dataclass(slots=True)
class _Open:
    """A block that is being read, and the directive that opened it; the file itself has no words."""

    words: tuple[Word, ...] = ()
    comments: tuple[Comment, ...] = ()
    start: int = 0
    items: list[Item] = field(default_factory=list)


def parse(data: bytes, file: str) -> Document:
    """Read a file's bytes as nginx does; what it refuses is the document's problem, and what stands before it is there."""
    try:
        source = plain_source(data, file)
    except ValueError as error:
        source = SourceText(file, data, data.decode("latin-1"), "iso8859-1", lone_return=False)
        return Document(source, (), Problem(source.span(0, 0), str(error)))
    if source.codec.startswith("utf-16"):
        return Document(
            source, (), Problem(source.line_span(1), "the file is UTF-16, and nginx reads bytes: save it as UTF-8")
        )
    reader = _Reader(source)
    try:
        reader.read()
    except _RefusedError as refused:
        return Document(source, reader.unfinished(), Problem(source.span(refused.start, refused.end), refused.message))
    return Document(source, tuple(reader.levels[0].items), _marked(source))


def walk(items: tuple[Item, ...]) -> Iterator[Directive]:
    """Yield the directives of a file or block with all that stand in them, in the order of the file."""
    for item in items:
        if isinstance(item, Directive):
            yield item
            if item.block:
                yield from walk(item.block.items)


def _marked(source: SourceText) -> Problem | None:
    if not source.bom:
        return None
    return Problem(
        source.line_span(1),
        "the file begins with a byte order mark, which nginx takes for part of the first directive's name: save it without",
    )


@dataclass(slots=True)
class _Reader:
    source: SourceText
    levels: list[_Open] = field(default_factory=lambda: [_Open()])
    words: list[Word] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)

    def read(self) -> None:
        """Read all tokens; _RefusedError at the first that nginx would refuse."""
        data, at = self.source.data, self.source.bom
        match = _TOKEN.match
        while token := match(data, at):
            kind = token.lastindex or 0
            start, at = token.span(kind)
            if kind == _SIGN:
                at = self._sign(data[start], start)
            elif kind == _COMMENT:
                self._measure(start, at, "comment")
                (self.comments if self.words else self.levels[-1].items).append(Comment(start, at))
            else:
                self._word(token[kind], start, at, quoted=kind == _QUOTED)
        at = _behind_blanks(data, at)
        if at < len(data):
            raise _torn(data, at)
        self._end(len(data))

    def unfinished(self) -> tuple[Item, ...]:
        """Return what was read, with the blocks that were not closed ended where the reading ended."""
        end = len(self.source.data)
        while len(self.levels) > 1:
            self._close(end)
        return tuple(self.levels[0].items)

    def _word(self, raw: bytes, start: int, end: int, *, quoted: bool) -> None:
        quote = ""
        if quoted:
            self._measure(start + 1, end, "argument")
            if end < len(self.source.data) and self.source.data[end] not in _BEHIND_QUOTE:
                shown = self.source.data[end : end + 1].decode("latin-1")
                raise _RefusedError(f'unexpected "{shown}" right behind a quoted argument', start, end + 1)
            quote, raw = raw[:1].decode(), raw[1:-1]
        else:
            self._measure(start, end, "argument")
        if b"\\" in raw:
            raw = _ESCAPE.sub(lambda found: _MEANS.get(found[1], found[1]), raw)
        self.words.append(Word(raw.decode("utf-8", "surrogateescape"), start, end, quote))

    def _measure(self, start: int, end: int, what: str) -> None:
        """Refuse what does not fit into nginx's buffer together with the character behind it."""
        separate = what == "argument" and self.source.data[end : end + 1] not in (b";", b"{")
        if end + separate - start >= _BUFFER and start + _BUFFER < len(self.source.data):
            raise _RefusedError(
                f"too long parameter: one {what} has {end - start} bytes, nginx reads {_BUFFER - 1}", start, end
            )

    def _sign(self, sign: int, at: int) -> int:
        """Take `;`, `{` or `}` and return where to read on."""
        if sign == ord("}"):
            if self.words or len(self.levels) == 1:
                raise _RefusedError('unexpected "}"', at, at + 1)
            self._close(at + 1)
            return at + 1
        if not self.words:
            raise _RefusedError(f'unexpected "{chr(sign)}"', at, at + 1)
        words, comments = tuple(self.words), tuple(self.comments)
        self.words.clear()
        self.comments.clear()
        if sign == ord(";"):
            self.levels[-1].items.append(Directive(words, None, comments, words[0].start, at + 1))
            return at + 1
        if words[0].text.endswith("_by_lua_block"):
            end = _behind_lua(self.source.data, at)
            self.levels[-1].items.append(Directive(words, Block((), at, end), comments, words[0].start, end))
            return end
        if len(self.levels) > DEEPEST:
            raise _RefusedError(f"more than {DEEPEST} blocks stand inside each other", at, at + 1)
        self.levels.append(_Open(words, comments, at))
        return at + 1

    def _close(self, end: int) -> None:
        level = self.levels.pop()
        block = Block(tuple(level.items), level.start, end)
        self.levels[-1].items.append(Directive(level.words, block, level.comments, level.words[0].start, end))

    def _end(self, end: int) -> None:
        if self.words:
            raise _RefusedError('unexpected end of file, expecting ";" or "}"', self.words[0].start, self.words[-1].end)
        if len(self.levels) > 1:
            level = self.levels[-1]
            line = self.source.span(level.start, level.start).line
            raise _RefusedError(
                f'unexpected end of file, expecting "}}": the block of line {line} is not closed',
                level.words[0].start,
                min(level.start + 1, end),
            )


def _behind_blanks(data: bytes, at: int) -> int:
    found = _BLANKS.match(data, at)
    return found.end() if found else at


def _torn(data: bytes, at: int) -> _RefusedError:
    """Return what is wrong where no token begins: a quote that is not closed, or a backslash that ends the file."""
    quote = data[at : at + 1].decode("latin-1")
    if quote in {'"', "'"}:
        if len(data) - at > _BUFFER:
            return _RefusedError(f"too long parameter, probably missing terminating {quote} character", at, at + 1)
        return _RefusedError(
            f'unexpected end of file, expecting ";" or "}}": the quote {quote} is not closed', at, at + 1
        )
    return _RefusedError('unexpected end of file, expecting ";" or "}"', at, len(data))


def _behind_lua(data: bytes, start: int) -> int:
    """Return the place behind the brace that closes a block of Lua: braces in its strings and comments do not count."""
    depth, at = 0, start
    while token := _LUA.search(data, at):
        at = token.end()
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if not depth:
                return at
        elif token[0] in _LUA_STRINGS:
            string = _LUA_STRINGS[token[0]].match(data, token.start())
            at = string.end() if string else len(data)
        elif not token[0].startswith(b"--") or token[1] is not None:
            closing = b"]" + (token[1] if token[1] is not None else token[2]) + b"]"
            end = data.find(closing, at)
            at = end + len(closing) if end >= 0 else len(data)
    raise _RefusedError("the block of Lua is not closed", start, start + 1)
