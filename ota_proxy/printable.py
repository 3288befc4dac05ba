r"""Makes text from outside fit to be shown: for a terminal, for the log of a CI service, inside JSON, XML and HTML.

Outside is everything that a server, a file, an argument or an environment variable says. What is not a visible character becomes one
(`\x1b`), and what a CI service would take for a command gets a backslash, or in a machine format an escape that its readers undo.
"""

from __future__ import annotations

import re
import string
import unicodedata
from typing import Any, Final

from ota_proxy import limits

_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\uffa0\U0001d159\U000e0100-\U000e01ef\ufe00-\ufe0d]"
    "|(?<![\u2010-\ufdff\ufe10-\U0010ffff])[\ufe0e\ufe0f]"
)
"""What `str.isprintable` lets through and nobody sees (Unicode: Default_Ignorable_Code_Point, and blanks drawn as letters).

One selector of an emoji's form behind a symbol is let be.
"""
_COMMAND: Final = re.compile(r"(?m)^([^\S\n]*)(?=::)|##(?=\w{0,40}\[)")
r"""What services take for a command: `::name::` at a line's begin, after blanks too, and `##[name]` (GitHub: actions/runner, ActionCommand.cs),
`##vso[` (Azure: its agent's Command.cs) and `##teamcity[` (TeamCity, service messages) anywhere in a line.
"""
_HASHES: Final = re.compile("##")
_COLONS: Final = re.compile(r"(?m)^([^\S\n]*):(?=:)")
_REFERENCES: Final = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;"))
_WORD: Final = f"{string.ascii_letters}{string.digits}_-"
_MOST_MARKS: Final = 30
_MARK: Final = 60
"""Characters that a cut may leave over, for the words that say so."""


def printable(text: str) -> str:
    r"""Return one line without control, escape, direction-changing or invisible characters; each becomes a visible `\x1b`."""
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    kept = (char if char.isprintable() else _visible(char) for char in text)
    return _INVISIBLE.sub(lambda found: _escape(found[0]), "".join(kept))


def lines(text: str) -> str:
    """Return text of several lines, each of them printable."""
    return "\n".join(map(printable, text.split("\n")))


def inert(text: str) -> str:
    r"""Return text for a log in which nothing is a command: a backslash stands before `::` at a line's begin, and after `##` before `[`."""
    return _COMMAND.sub(lambda found: f"{found[1]}\\" if found[1] is not None else "##\\", text)


def shown(text: str) -> str:
    """Return text of several lines for a terminal or a log: printable, and no command."""
    return inert(lines(text))


def clipped(text: str, most: int = limits.LINE) -> str:
    """Return a text of at most `most` characters, and what is left out in words; it is not cut inside a word, where half a token would stay."""
    if len(text) <= most + _MARK:
        return text
    head = text[:most]
    head = head.rstrip(_WORD) or head
    return f"{head}… ({len(text) - len(head)} more characters)"


def stream_safe(text: str) -> str:
    """Return a text without marks beyond the thirtieth on one letter: sorting them takes time in the square of their number (UAX #15 §13)."""
    if text.isascii():
        return text
    kept, marks = [], 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def as_bytes(text: str) -> bytes:
    """Return UTF-8. File names get their own bytes back; any other half of a character, which UTF-8 has no bytes for, becomes an escape."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def as_json(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:  # noqa: ANN401 - any JSON value
    r"""Return a value as JSON whose readers get every character as it is, and in which nothing is a command or unseen: `##` is `#\u0023`."""
    import json  # noqa: PLC0415 - every command writes text, few write JSON

    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=separators)
    return "\n".join(map(_json_line, text.split("\n")))


def _json_line(line: str) -> str:
    """Escape within strings: outside of them JSON has neither `##` nor anything that is not printable."""
    line = _HASHES.sub(r"#\\u0023", line) if "##" in line else line
    if line.isprintable() and not _INVISIBLE.search(line):
        return line
    escaped = (char if char.isprintable() else _json_escape(char) for char in line)
    return _INVISIBLE.sub(lambda found: _json_escape(found[0]), "".join(escaped))


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def as_html(text: str) -> str:
    """Return text for an element or a quoted attribute of HTML or XML: escaped, and no command where the page is printed to a log."""
    for sign, name in _REFERENCES:
        text = text.replace(sign, name)
    return markup(text)


def markup(document: str) -> str:
    """Return HTML or XML with `##`, and `::` at a line's begin, as character references: its readers see the same."""
    return _COLONS.sub(r"\1&#58;", _HASHES.sub("#&#35;", document))


def _visible(char: str) -> str:
    if char == "\t" or unicodedata.category(char) == "Zs":
        return " "
    return _escape(char) if ord(char) < 0xD800 or ord(char) > 0xDFFF else "?"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
