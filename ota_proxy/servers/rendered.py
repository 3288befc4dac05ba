"""What a renderer returns: files, what has to be said about them, and the first lines of each. No date, no host name, byte-stable."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Scope = Literal["snippet", "site", "full"]
NoteKind = Literal["would-add", "cannot-enforce", "needs-parent", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence for the header and stderr: what naming a version would add, what it cannot enforce, what the enclosing configuration must have, a warning."""

    kind: NoteKind
    text: str


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file: its `name` inside `-o DIR` (such as `web.config`) and its whole text, newline at the end."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """All files of one rendering; the first is the one that goes to stdout. `notes` in the order of the header."""

    server: str
    scope: Scope
    files: tuple[RenderedFile, ...]
    notes: tuple[Note, ...]


MARK = "Made by ota-proxy"
"""Begins the comment on the first line of every file ota-proxy writes; `-o` refuses to overwrite a file without it."""
_PROLOGUE = re.compile(r"\ufeff?(?:<\?xml[^\n]*?\?>\s*|<!doctype html>\s*)?", re.IGNORECASE)
_FIRST_LINE = re.compile(rf"{_PROLOGUE.pattern}(?:#|<!--)[ \t]*{MARK}\b", re.IGNORECASE)
"""The first line of a file of ours; XML has its declaration, and HTML its doctype, before it."""


def made_by_us(text: str) -> bool:
    """Say whether ota-proxy made a file: its mark opens the comment on the first line. The words anywhere else say nothing."""
    return _FIRST_LINE.match(text) is not None


def with_mark(text: str) -> str:
    """Return XML or HTML with the mark on its first line, behind the declaration or doctype that has to come first."""
    first = _PROLOGUE.match(text)
    end = first.end() if first else 0
    return f"{text[:end]}<!-- {MARK} -->\n{text[end:]}"


def comment_text(text: str) -> str:
    """Return text that is harmless inside any comment: printable ASCII, no `--` that could end an XML comment, no `#>`."""
    plain = "".join(char if " " <= char <= "~" else "?" for char in text)
    while "--" in plain and "-->" in plain:
        plain = plain.replace("-->", "->")
    return plain.replace("#>", "# >").rstrip("\\")
