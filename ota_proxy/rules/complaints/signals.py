"""Codes and messages with one known meaning, `signals/*.toml`: error numbers, log lines, messages of browsers.

[[signal]]  words: any of these must be in the line, in lower case. find: and this pattern too, where given and the line is not just the word.
            says: what it means.
            rules: most likely first; none where it is known and no rule is behind it. plist, ipa, image, style: instead of `rules` where the line
            names such a file. weight: what it counts, of 1; less for what may stand in a complaint by chance.
            spoken: true for what says something in a complaint, and nothing in a log.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.complaints.words import plain

KINDS = {
    "ipa": re.compile(r"\.ipa\b"),
    "plist": re.compile(r"\.plist\b|manifest"),
    "image": re.compile(r"\.(?:png|jpe?g|ico|svg|webp)\b"),
    "style": re.compile(r"\.(?:css|js|mjs)\b"),
}
"""What a line names, by its file; the first counts."""
_LONGEST = 4_000
"""Characters of a line that are looked at."""
_NUMBER = re.compile(r"(?<![\w.])(?:-\d+|0x[\da-f]+|\d+(?:\.\d+)*)(?![\w]|\.\d)")


@dataclass(frozen=True, slots=True)
class Signal:
    """One of them; `rules` may be empty."""

    says: str
    rules: tuple[str, ...]
    words: tuple[str, ...]
    find: re.Pattern[str] | None
    files: dict[str, tuple[str, ...]]
    weight: float = 1.0
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A signal in a line, with the rules that there are; `about` is the kind of file that the line names, where that counts."""

    says: str
    rules: tuple[str, ...]
    weight: float = 1.0
    about: str | None = None


@cache
def signals() -> tuple[Signal, ...]:
    """Return every signal, file by file."""
    folder = Path(__file__).with_name("signals")
    rows = (row for path in sorted(folder.glob("*.toml")) for row in tomllib.loads(path.read_text("utf-8"))["signal"])
    return tuple(map(_signal, rows))


def _signal(row: dict[str, Any]) -> Signal:
    return Signal(
        says=row["says"],
        rules=tuple(row["rules"]),
        find=re.compile(row["find"]) if "find" in row else None,
        files={kind: tuple(row[kind]) for kind in KINDS if kind in row},
        weight=row.get("weight", 1.0),
        spoken=row.get("spoken", False),
        words=tuple(row["words"]),
    )


@cache
def _needles() -> tuple[dict[str, list[Signal]], dict[str, list[Signal]]]:
    """Return the signals by their words: numbers, which stand alone, and everything else, which may stand anywhere."""
    numbers: dict[str, list[Signal]] = {}
    texts: dict[str, list[Signal]] = {}
    for one in signals():
        for word in one.words:
            (numbers if _NUMBER.fullmatch(word) else texts).setdefault(word, []).append(one)
    return numbers, texts


def heard(line: str, *, spoken: bool = True) -> tuple[Heard, ...]:
    """Return the signals in a line of text, in the order of the files; without `spoken` those that mean something in a log."""
    text = plain(line[:_LONGEST])
    numbers, texts = _needles()
    found = [one for word in set(_NUMBER.findall(text)) for one in numbers.get(word, ())]
    found += [one for word, named in texts.items() if word in text for one in named]
    alone = text.strip()
    told = {
        id(one)
        for one in found
        if (spoken or not one.spoken) and (one.find is None or alone in one.words or one.find.search(text))
    }
    return tuple(_heard(one, text) for one in signals() if id(one) in told) if told else ()


def _heard(signal: Signal, text: str) -> Heard:
    kind = next((name for name, pattern in KINDS.items() if name in signal.files and pattern.search(text)), "")
    rules = signal.files.get(kind, signal.rules)
    there = tuple(rule for rule in rules if rule in catalogue())
    return Heard(signal.says, there, signal.weight, kind if signal.files else None)
