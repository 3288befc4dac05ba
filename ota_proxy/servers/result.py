"""What a renderer returns: files, and what has to be said about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["snippet", "site", "full"]
NoteKind = Literal["would-add", "cannot-enforce", "needs-parent", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence for the header and stderr: what naming a version would add, what it cannot enforce, what the parent must have, a warning."""

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
