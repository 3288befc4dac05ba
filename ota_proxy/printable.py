r"""Makes text from outside fit to be shown: for a terminal, for the log of a CI service, inside JSON, XML and HTML.

Outside is everything that a server, a file, an argument or an environment variable says. What is not a visible character becomes one
(`\x1b`), and what a CI service would take for a command gets a backslash, or in a machine format an escape that its readers undo.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable
from typing import Any, Final

from ota_proxy import limits

_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\uffa0\U0001d159\U000e0100-\U000e01ef\ufe00-\ufe0d]"
    "|(?<![\u2010-\ufdff\ufe10-\U0010ffff])[\ufe0e\ufe0f]"
)
"""What `str.isprintable` lets through and nobody sees (Unicode: Default_Ignorable_Code_Point, and blanks drawn as letters).

One selector of an emoji's form behind a symbol is let be.
"""
_SIGN: Final = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff](?:\ufe0f|[\U0001f3fb-\U0001f3ff])?"
)
_EMOJI: Final = re.compile(
    f"({_SIGN}(?:\u200d{_SIGN}){{1,9}}|[0-9#*]\ufe0f\u20e3|\U0001f3f4\U000e0067\U000e0062"
    "(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f)"
)
"""Emoji of several characters, of which some are not seen by themselves (UTS #51 §1.4.9): signs joined by U+200D, keycaps, the three flags of tags."""
_COMMAND: Final = re.compile(r"(?m)^([^\S\n]*)(?=::)|##(?=\w{0,40}\[)")
r"""What services take for a command: `::name::` at a line's begin, after blanks too, and `##[name]` (GitHub: actions/runner, ActionCommand.cs),
`##vso[` (Azure: its agent's Command.cs) and `##teamcity[` (TeamCity, service messages) anywhere in a line.
"""
_JOINTS: Final = frozenset(map(chr, (0x200D, *range(0xE0061, 0xE0080))))
_HASHES: Final = re.compile("##")
_COLONS: Final = re.compile(r"(?m)^([^\S\n]*):(?=:)")
_REFERENCES: Final = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;"))
_WORD: Final = f"{string.ascii_letters}{string.digits}_-"
_MOST_MARKS: Final = 30
_MARK: Final = 60
"""Characters that a cut may leave over, for the words that say so."""


def printable(text: str) -> str:
    r"""Return one line without control, escape, direction-changing or invisible characters; each becomes a visible `\x1b`."""
    return _made_visible(text, _visible, _escape)


def _made_visible(text: str, control: Callable[[str], str], invisible: Callable[[str], str]) -> str:
    """Return text with every character that is not printable, and every one that nobody sees, replaced; whole emoji stay."""
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    if text.isascii():
        return "".join(char if char.isprintable() else control(char) for char in text)
    pieces = _EMOJI.split(text)  # what the group matched stands at the odd places
    for at, piece in enumerate(pieces):
        if at % 2 and all(char.isprintable() or char in _JOINTS for char in piece):
            continue
        kept = (char if char.isprintable() else control(char) for char in piece)
        pieces[at] = _INVISIBLE.sub(lambda found: "".join(map(invisible, found[0])), "".join(kept))
    return "".join(pieces)


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
    return _made_visible(line, _json_escape, _json_escape)


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


def as_document(document: str) -> str:
    """Return HTML or XML in which nothing is a command or unseen: its readers see the same, a terminal and a log see references."""
    return _made_visible(markup(document), lambda char: char if char in "\n\t" else _reference(char), _reference)


def _reference(char: str) -> str:
    return f"&#x{ord(char):x};"


def _visible(char: str) -> str:
    if char == "\t" or unicodedata.category(char) == "Zs":
        return " "
    return _escape(char) if ord(char) < 0xD800 or ord(char) > 0xDFFF else "?"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
