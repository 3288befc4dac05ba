"""Where a value came from: the line of a key in a TOML text, and a whole site with the origin of each of its values."""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ota_proxy.errors import Key, UsageError, dotted
from ota_proxy.settings.options import Options
from ota_proxy.site import Site

__all__ = ["DEFAULT", "Key", "Loaded", "Source", "at_its_place", "dotted", "key_lines", "nearest"]

_TOKEN = re.compile(
    r"""
      (?P<blank> [ \t\r]+ | \#[^\n]* )
    | (?P<newline> \n )
    | (?P<text> "{3}(?:\\.|[^\\])*?"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<mark> [\[\]{},=.] )
    | (?P<word> [^\s\[\]{},=."'\#]+ )
    """,
    re.DOTALL | re.VERBOSE,
)
"""The tokens of TOML 1.0; a text in three quotation marks may have two more of them at its end."""


@dataclass(frozen=True, slots=True)
class Source:
    """One origin of values: `name` is a flag, an environment variable, a file, or `default`; `line` only for files.

    `above` is the key of the table in which a site's own keys stand, where a file has several sites: `sites[1]`.
    """

    kind: Literal["flag", "environment", "file", "default", "assumed"]
    name: str
    line: int = 0
    above: Key = ()

    def __str__(self) -> str:
        """Write it as a place: `ota-proxy.toml:3`, `--domain`, `OTA_PROXY_DOMAINS`."""
        return f"{self.name}:{self.line}" if self.line else self.name

    def key(self, key: Key) -> str:
        """Write a key of the site as it stands in the file: `sites[1].locations[0].root`."""
        return dotted((*self.above, *key))


DEFAULT = Source("default", "default")


def nearest(sources: Mapping[Key, Source], key: Key) -> Source | None:
    """Return the source of the longest known key that `key` starts with, or None."""
    return next((sources[key[:length]] for length in range(len(key), -1, -1) if key[:length] in sources), None)


def key_lines(text: str, below: tuple[str, ...] = ()) -> dict[Key, int]:
    """Return key → line (from 1) of everything under the table `below` (`("tool", "ota-proxy")`): tables, values, entries of arrays.

    The text must be TOML: tomllib has read it.
    """
    reader = _Reader(text)
    reader.document()
    return {key[len(below) :]: line for key, line in reader.lines.items() if key[: len(below)] == below}


class _Reader:
    """Walks the tokens of a text that is TOML, and notes the line where each key first stands."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Key, int] = {}
        self._counts: dict[Key, int] = {}
        self._tokens = list(_tokens(text))
        self._at = 0

    def document(self) -> None:
        table: Key = ()
        while self._skip_lines():
            if self._next() == "[":
                table = self._header()
            else:
                self._pair(table)

    def _next(self) -> str:
        return self._tokens[self._at][0]

    def _line(self) -> int:
        return self._tokens[self._at][1]

    def _skip_lines(self) -> bool:
        """Go to the next token that is no line end; say whether there is one."""
        while self._next() == "\n":
            self._at += 1
        return self._next() != ""

    def _header(self) -> Key:
        line = self._line()
        self._at += 1
        many = self._next() == "["
        self._at += many
        names = self._names()
        self._at += 1 + many
        path: Key = ()
        for step in names[:-1]:
            path = (*path, step)
            path = (*path, self._counts[path]) if path in self._counts else path
        path = (*path, *names[-1:])
        self._note(path, line)
        if many:
            self._counts[path] = self._counts.get(path, -1) + 1
            path = (*path, self._counts[path])
            self._note(path, line)
        return path

    def _names(self) -> tuple[str, ...]:
        """Read a key: bare or quoted names with dots between."""
        names = [self._name()]
        while self._next() == ".":
            self._at += 1
            names.append(self._name())
        return tuple(names)

    def _name(self) -> str:
        name = self._next()
        self._at += 1
        return str(tomllib.loads(f"name = {name}")["name"]) if name[0] in "\"'" else name

    def _pair(self, above: Key) -> None:
        line, names = self._line(), self._names()
        self._at += 1  # the equals sign
        for length in range(1, len(names) + 1):
            self._note((*above, *names[:length]), line)
        self._value((*above, *names))

    def _value(self, key: Key) -> None:
        self._note(key, self._line())
        mark = self._next()
        if mark not in ("[", "{"):
            while self._next() not in (",", "]", "}", "\n", ""):
                self._at += 1
            return
        self._at += 1
        index = 0
        while self._skip_lines() and self._next() not in ("]", "}"):
            if mark == "{":
                self._pair(key)
            else:
                self._value((*key, index))
            index += 1
            self._skip_lines()
            self._at += self._next() == ","
        self._at += 1

    def _note(self, key: Key, line: int) -> None:
        self.lines.setdefault(key, line)


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Yield (token, its line), blanks and comments left out, an empty one at the end."""
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "blank":
            yield match[0], line
        line += match[0].count("\n")
    yield "", line


@dataclass(frozen=True, slots=True)
class Loaded:
    """A validated site with its origins. `assumed` are sentences for stderr, `file` the file it was read from."""

    site: Site
    options: Options
    sources: Mapping[Key, Source]
    file: Path | None
    example: bool
    assumed: tuple[str, ...]
    read: tuple[str, ...] = ()
    """Sentences for stderr and for the header of a rendered file: what certificate files of this machine decided."""
    chosen: Path | None = None
    """The file, or the folder of files, that --site names or that was found."""

    def source(self, key: Key) -> Source:
        """Return where the value of a key came from: its own source, else the nearest table's, else that of a part of it, else `default`."""
        inside = (source for known, source in self.sources.items() if known[: len(key)] == key)
        return nearest(self.sources, key) or next(inside, DEFAULT)

    def place(self, key: Key) -> str:
        """Say where a key was written: `ota-proxy.toml:4: locations[0].root`, `--root: …`; the key alone where nobody wrote it."""
        source = self.source(key)
        return f"{source}: {source.key(key)}" if source.kind in ("flag", "environment", "file") else dotted(key)

    @property
    def certificates_given(self) -> bool:
        """The certificate paths are the user's own words, not our assumption."""
        return self.source(("certificates",)).kind not in ("assumed", "default")


@contextlib.contextmanager
def at_its_place(loaded: Loaded, known: Mapping[str, Key] | None = None) -> Iterator[None]:
    """Put file and line, variable or flag before the key of a UsageError from inside; `known` has the keys behind other places."""
    try:
        yield
    except UsageError as error:
        key = (known or {}).get(error.place)
        if key and loaded.source(key).kind in ("flag", "environment", "file"):
            error.place = str(loaded.source(key))
        elif error.key:
            error.place, error.key = loaded.place(error.key), ()  # once: another site may be around this one
        raise
