"""How a report looks in a terminal: marks, colours, line breaks. Without colour the marks and words still say everything."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from dataclasses import dataclass
from typing import Literal, TextIO

Tone = Literal["good", "error", "warning", "note", "unknown", "none"]

_COLOURS: dict[Tone, str] = {
    "good": "32",
    "error": "1;31",
    "warning": "33",
    "note": "36",
    "unknown": "35",
    "none": "2",
}
_MARKS: dict[Tone, str] = {"good": "✓", "error": "✗", "warning": "!", "note": "i", "unknown": "?", "none": "–"}
_ASCII: dict[Tone, str] = {**_MARKS, "good": "+", "error": "x", "none": "-"}
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_WIDEST = 120
_NARROWEST = 40
_NO_TERMINAL = 100


@dataclass(frozen=True, slots=True)
class Paint:
    """A way to paint: columns, colour or not, only ASCII signs or not."""

    width: int = _NO_TERMINAL
    colour: bool = False
    ascii_only: bool = False

    def mark(self, tone: Tone) -> str:
        """Return the sign of a tone."""
        return self.tint((_ASCII if self.ascii_only else _MARKS)[tone], tone)

    def tint(self, text: str, tone: Tone) -> str:
        """Return the text in the colour of a tone."""
        return f"\x1b[{_COLOURS[tone]}m{text}\x1b[0m" if self.colour else text

    def bold(self, text: str) -> str:
        """Return the text in bold."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def sign(self, text: str, plain: str) -> str:
        """Return a sign, or its plain form where only ASCII is understood."""
        return plain if self.ascii_only else text

    def wrap(self, text: str, indent: str, first: str | None = None) -> list[str]:
        """Break text into lines of at most `width` columns; words (URLs) stay whole, also where they are longer.

        `first` begins the first line instead of `indent`; it may be painted, for colours take no columns.
        """
        lines: list[str] = []
        for line in text.split("\n"):
            begin = first if first is not None and not lines else indent
            bare = _COLOUR.sub("", begin)
            found = textwrap.wrap(
                line,
                self.width,
                initial_indent=bare,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            ) or [bare.rstrip()]
            lines += [(begin + found[0][len(bare) :]).rstrip(), *found[1:]]
        return lines


def paint_for(stream: TextIO | None) -> Paint:
    """Return how to paint on a stream; None is a file, which never has colours."""
    if stream is None:
        return Paint()
    terminal = stream.isatty()
    columns = shutil.get_terminal_size((_NO_TERMINAL, 24)).columns if terminal else _NO_TERMINAL
    return Paint(max(_NARROWEST, min(_WIDEST, columns)), _colours(terminal=terminal), _needs_ascii(stream))


def _colours(*, terminal: bool) -> bool:
    """Say whether to use colours: NO_COLOR (no-color.org) wins, then the variables that force them, then CLICOLOR=0 and a dumb terminal."""
    given = os.environ.get
    if given("NO_COLOR"):
        return False
    if any(given(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return terminal and given("CLICOLOR") != "0" and given("TERM") != "dumb"


def _needs_ascii(stream: TextIO) -> bool:
    try:
        "✓✗–…→│›".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False
