"""A template's holes in an nginx file: `{{ x }}`, `{% … %}`, `<%= x %>`, `@@X@@`, `${PORT}` of a shell. What they will hold is not known."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from ota_proxy.servers.nginx.syntax import Comment, Document, Problem, walk

_HOLE: Final = re.compile(
    rb"\{\{[^\n{}]*\}\}|\{%[^\n]*?%\}|\{#[^\n]*?#\}|<%[^\n]*?%>|@@\w+@@|%%\w+%%"
    rb"|(?<![\w$])\$\{?(?P<shell>[A-Z][A-Z0-9_]+)\b\}?",
)
_CAPTURE: Final = re.compile(r"\(\?P?<(\w+)>")
_DEFINING: Final = {
    "set": 0,
    "map": -1,
    "geo": -1,
    "split_clients": -1,
    "auth_request_set": 0,
    "perl_set": 0,
    "js_set": 0,
    "js_var": 0,
}
"""Directive → which of its arguments is the variable."""
_KNOWN_CAPITALS: Final = frozenset({"HOST", "URI", "SCHEME"})
"""Variables of nginx, whose names know no case, that people do write in capitals."""


def first_placeholder(document: Document, defined: set[str]) -> Problem | None:
    """Return the first hole of a template outside of comments, or None; `defined` are the variables that the tree defines."""
    data = document.source.data
    silent = sorted(_comments(document))
    starts = [one.start for one in silent]
    for found in _HOLE.finditer(data):
        name = found["shell"]
        if name and (name.decode().lower() in defined or name.decode() in _KNOWN_CAPITALS):
            continue
        before = bisect_right(starts, found.start())
        if (before and found.start() < silent[before - 1].end) or _behind_sharp(data, found.start()):
            continue
        shown = found[0].decode("utf-8", "replace")
        place = document.source.span(found.start(), found.end())
        return Problem(
            place,
            f"{shown} is a template's placeholder: what it will hold is not known; render the template, and name the result",
        )
    for directive in walk(document.items):
        if directive.name in {"listen", "server_name"}:
            for word in directive.words[1:]:
                if "${" in word.text:
                    return Problem(
                        document.span(word),
                        f"{word.text} is a template's placeholder: `{directive.name}` takes no variables",
                    )
    return None


def _comments(document: Document) -> Iterator[Comment]:
    yield from (item for item in document.items if isinstance(item, Comment))
    for directive in walk(document.items):
        yield from directive.comments
        if directive.block:
            yield from (item for item in directive.block.items if isinstance(item, Comment))


def _behind_sharp(data: bytes, at: int) -> bool:
    """Say whether a line begins with a comment, also where the reading ended before it."""
    return data[data.rfind(b"\n", 0, at) + 1 : at].lstrip(b" \t").startswith(b"#")


def defined_variables(document: Document) -> set[str]:
    """Return the variables that a file itself defines, in lower case."""
    names: set[str] = set()
    for directive in walk(document.items):
        position = _DEFINING.get(directive.name)
        if position is not None and directive.args:
            names.add(directive.args[position].lstrip("$").lower())
        names |= {name.lower() for word in directive.words for name in _CAPTURE.findall(word.text)}
    return names
