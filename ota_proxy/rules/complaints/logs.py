"""A log as it comes, bytes of any kind: which lines say something, and the rules behind them, most likely first.

Consoles of devices and browsers, error and access logs of servers. What is read is bounded; nothing of it is trusted.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.complaints.access import fields_of, meaning, request_of
from ota_proxy.rules.complaints.signals import Heard, heard

MOST_BYTES = 8 * 2**20
MOST_LINES = 100_000
_KEPT = 3
"""Lines of a group that are shown."""
_LONGEST = 4_000
"""Characters of a line that are looked at."""
_PROBED = 4096
_ODD = 0.05
"""So many characters of a text may be none, for terminals' codes and what was cut or mangled."""
_CLEAR = 0.85
"""Of several things that a line says those count that weigh at least this share of the weightiest."""
_REMEMBERED = 20_000
_MOMENT = re.compile(r"\d[\d:T./,+Z-]{7,}|\b\d{5,}\b|\[\d+\]|#\d+")
"""Times, addresses and process numbers: lines that differ in these only say the same."""
_NOISE = re.compile(r"(?i)favicon|apple-touch-icon|robots\.txt|wp-login|\.env\b|phpmyadmin|\.well-known")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that says something: its number from 1, and its text."""

    number: int
    text: str


@dataclass(slots=True)
class Group:
    """Lines that lead to the same rules: what they say, how many there are, and the first of them."""

    rules: tuple[str, ...]
    says: list[str] = field(default_factory=list)
    count: int = 0
    weight: float = 0.0
    lines: list[Line] = field(default_factory=list)
    last: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a log says: groups, most likely first; what is known and no rule is behind; how many lines were read, and whether all were."""

    groups: tuple[Group, ...]
    asides: tuple[Group, ...]
    lines: int
    whole: bool


def is_text(data: bytes) -> bool:
    """Tell whether bytes can be a log in some encoding: hardly a control character, in UTF-8, UTF-16 or an 8-bit one."""
    head = decoded(data[:_PROBED])
    odd = sum((sign < " " and sign not in "\t\n\r\f\x1b\0") or sign == "\ufffd" for sign in head)
    return odd <= len(head) * _ODD


def decoded(data: bytes) -> str:
    """Return bytes as text, whatever their encoding: marks first, then UTF-16 without one, UTF-8, and Windows' western one for the rest."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    head = data[:_PROBED]
    if head.count(0) > len(head) // 4:
        return data.decode("utf-16-be" if head[:1] == b"\0" else "utf-16-le", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = error.start >= len(data) - 4
        return data.decode("utf-8", "ignore") if cut else data.decode("cp1252", "replace")


def read(data: bytes) -> Reading:
    """Return what a log says; of a larger one the first `MOST_BYTES` and `MOST_LINES`."""
    text = decoded(data[:MOST_BYTES])
    lines = re.split(r"\r\n|\n|\r", text, maxsplit=MOST_LINES + 1)
    lines = lines if lines[-1] else lines[:-1]
    whole = len(data) <= MOST_BYTES and len(lines) <= MOST_LINES
    lines = lines[:MOST_LINES]
    groups: dict[tuple[str, ...], Group] = {}
    for number, line, one in _told(lines):
        _note(groups, one, Line(number, line))
    ranked = sorted(groups.values(), key=lambda group: (-_rank(group), group.lines[0].number))
    known = tuple(group for group in ranked if group.rules and group.rules[0] in catalogue())
    return Reading(known, tuple(group for group in ranked if not group.rules), len(lines), whole)


def _told(lines: list[str]) -> Iterator[tuple[int, str, Heard]]:
    """Yield every line that says something, with what it says."""
    fields: tuple[str, ...] = ()
    remembered: dict[str, tuple[Heard, ...]] = {}
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            fields = fields_of(line) or fields
            continue
        request = request_of(line[:_LONGEST], fields)
        if request is not None:
            one = meaning(request)
            if one is not None:
                yield number, line, one
            continue
        key = _MOMENT.sub("", line[:_LONGEST])
        if key not in remembered:
            if len(remembered) >= _REMEMBERED:
                remembered.clear()
            remembered[key] = _of_ours(line, heard(line, spoken=False))
        yield from ((number, line, one) for one in remembered[key])


def _of_ours(line: str, found: tuple[Heard, ...]) -> tuple[Heard, ...]:
    """Return what a line says of an install: a file that is missing or forbidden counts where it is one of ours, and the clearest words count alone."""
    ours = [one for one in found if one.about is None or (one.about and not _NOISE.search(line)) or "/" not in line]
    clear = max((one.weight for one in ours if one.rules), default=0.0) * _CLEAR
    return tuple(one for one in ours if one.weight >= clear)


def _note(groups: dict[tuple[str, ...], Group], one: Heard, line: Line) -> None:
    key = one.rules[:1] or (one.says,)
    group = groups.setdefault(key, Group(one.rules))
    group.rules = tuple(dict.fromkeys((*group.rules, *one.rules)))
    group.weight = max(group.weight, one.weight)
    if one.says not in group.says:
        group.says.append(one.says)
    if group.last == line.number:
        return
    group.last = line.number
    group.count += 1
    if len(group.lines) < _KEPT:
        group.lines.append(line)


def _rank(group: Group) -> float:
    """Return how much a group counts: what its lines say first, then, slowly, how many there are."""
    rules = catalogue()
    severe = {"error": 1.0, "warning": 0.6, "note": 0.3}
    worst = severe[rules[group.rules[0]].severity] if group.rules and group.rules[0] in rules else 0.3
    return group.weight * worst * (1 + 0.1 * math.log2(group.count or 1))
