"""The Markdown of the rule pages as plain text for a terminal: wrapped prose, indented code, no signs that only Markdown needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ota_proxy.report.paint import Paint, Tone

_WIDEST = 80
_INDENT = "  "
_TONES: dict[str, Tone] = {"right": "good", "wrong": "error", "refused": "error"}
_NAMES = {"apache": "Apache", "html": "HTML", "js": "JavaScript", "powershell": "PowerShell"}
_WORDS = {
    "http": "at http level",
    "main": "at main level",
    "server": "at server level",
    "plist": "",
    "iis": "",
    "manifest": "",
}
_OWNERS = {"iis": "IIS", "manifest": "manifest", "plist": "property list"}
"""Whose XML a block is."""
_SPAN = re.compile(r"`([^`]+)`")


def as_text(body: str, paint: Paint) -> str:
    """Return a page's Markdown as text of at most 80 columns; code keeps its own lines."""
    narrow = replace(paint, width=min(_WIDEST, paint.width))
    lines = list(_lines(body, narrow))
    return "\n".join(line for line, before in zip(lines, ["", *lines], strict=False) if line or before).rstrip()


def _lines(body: str, paint: Paint) -> Iterator[str]:
    rows = iter(body.strip().splitlines())
    prose: list[str] = []
    for row in rows:
        if prose and (not row.strip() or row.startswith(("#", "- ", "```"))):
            yield from _prose(prose, paint)
            prose = []
        if row.startswith("```"):
            yield from _code(row[3:], rows, paint)
        elif row.startswith("#"):
            yield paint.bold(row.lstrip("# "))
        elif not row.strip():
            yield ""
        else:
            prose.append(row.strip())
    yield from _prose(prose, paint)


def _prose(rows: list[str], paint: Paint) -> list[str]:
    """Wrap first, then paint: what is painted has no width."""
    if not rows:
        return []
    text = " ".join(rows)
    item = text.startswith("- ")
    wrapped = paint.wrap(text, _INDENT * (2 if item else 1), _INDENT)
    if not paint.colour:
        return wrapped
    return _SPAN.sub(lambda span: paint.tint(span[1], "note"), "\n".join(wrapped)).splitlines()


def _code(info: str, rows: Iterator[str], paint: Paint) -> Iterator[str]:
    """Label and lines of a fenced block, up to its end."""
    language, *rest = info.split()
    label = _label(language, rest)
    yield ""
    yield _INDENT + paint.tint(label, next((_TONES[word] for word in rest if word in _TONES), "none"))
    for row in rows:
        if row.startswith("```"):
            break
        yield (_INDENT * 2 + row).rstrip()
    yield ""


def _label(language: str, rest: list[str]) -> str:
    """Say what a block is in the words of people: `nginx, right, from 1.25.1 on`."""
    owner = next((_OWNERS[word] for word in rest if word in _OWNERS), _NAMES.get(language, language))
    words = [f"from {word[6:]} on" if word.startswith("since=") else _WORDS.get(word, word) for word in rest]
    return ", ".join([owner, *filter(None, words)])
