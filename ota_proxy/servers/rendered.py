"""What a renderer returns: files, what has to be said about them, and the first lines of each. No date, no host name, byte-stable."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ota_proxy import __version__
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import Profile
from ota_proxy.servers.base import server_named

Scope = Literal["snippet", "site", "full"]
NoteKind = Literal["would-add", "cannot-enforce", "needs-enclosing", "warning", "info"]


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


_TITLES = {
    "would-add": "What naming your version would add (--server-version {example}, debian12 or auto; --tls-library):",
    "cannot-enforce": "What this version cannot enforce:",
    "needs-enclosing": "What this file needs around it:",
    "warning": "Warnings:",
    "info": "Good to know:",
}


def header_lines(caps: Capabilities, profile: Profile, scope: Scope, command: str, notes: Sequence[Note]) -> list[str]:
    """Return the header without comment signs. Every line is plain ASCII or has passed `comment_text`."""
    lines = [
        f"{MARK} {__version__}; change the site and render it again instead of editing this file.",
        f"For {server_named(caps.server).described(caps)}, scope {scope}, TLS guideline {profile.version} {profile.name}.",
        "Command: " + comment_text(command),
    ]
    for kind, title in _TITLES.items():
        chosen = [note.text for note in notes if note.kind == kind]
        if chosen:
            lines += [
                "",
                title.format(example=server_named(caps.server).example_version),
                *(line for text in chosen for line in _bullet(comment_text(text))),
            ]
    return lines


def comment_text(text: str) -> str:
    """Return text that is harmless inside any comment: printable ASCII, no `--` that could end an XML comment, no `#>`."""
    plain = "".join(char if " " <= char <= "~" else "?" for char in text)
    while "--" in plain and "-->" in plain:
        plain = plain.replace("-->", "->")
    return plain.replace("#>", "# >").rstrip("\\")


def _bullet(text: str) -> list[str]:
    return textwrap.wrap(
        text, 100, initial_indent="  - ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
