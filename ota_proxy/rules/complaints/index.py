"""The words of every rule (its phrases, title, page) as an index, and how well each rule fits the words of a complaint: Okapi BM25 over fields.

Written out here because it is forty lines: the packages for it (bm25s, rank-bm25) bring numpy, which would cost more than the whole program.
A misspelt word counts as the known word that it is most alike.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ota_proxy.rules.catalogue import catalogue, page
from ota_proxy.rules.complaints.words import tokens
from ota_proxy.rules.symptoms import symptoms

FIELDS = {"phrases": 3.0, "title": 2.0, "page": 0.4}
"""How much a word counts by where it stands."""
_K1, _B = 1.2, 0.6
"""Okapi's usual values: how soon more of a word says nothing new, how much long texts are discounted."""
_WHOLE = 1.0
"""What a phrase that is found as a whole counts beside single words."""
_ALIKE = dict.fromkeys(range(4, 6), 0.74)
"""How alike a misspelt word must be to the one that is meant: short words differ more by one wrong letter."""
_LONG_ALIKE = 0.8
_MISSPELT = range(4, 25)
"""Lengths of words that may be misspelt; shorter ones are too like each other, longer ones are no words."""
_MOST_WORDS = 150


@dataclass(frozen=True, slots=True)
class Entry:
    """The words of one rule: how often each by field and weight, and every phrase by itself."""

    weights: dict[str, float]
    phrases: tuple[frozenset[str], ...]
    length: float


@dataclass(frozen=True, slots=True)
class Index:
    """Every rule's words, and how telling each word is."""

    entries: dict[str, Entry]
    telling: dict[str, float]
    average: float
    by_start: dict[str, list[str]]
    by_letters: dict[str, str]


@cache
def phrases() -> dict[str, Any]:
    """Return `phrases.toml`: rule → look and phrases."""
    return tomllib.loads(Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8"))


def title(rule_id: str) -> str:
    """Return the heading of a rule's page."""
    return page(rule_id).partition("\n")[0].removeprefix("# ").replace("`", "")


@cache
def index() -> Index:
    """Return the index; made once a process, in a few hundredths of a second."""
    entries = {rule: _entry(rule) for rule in catalogue()}
    spread = Counter(word for entry in entries.values() for word in entry.weights)
    telling = {word: math.log(1 + (len(entries) - count + 0.5) / (count + 0.5)) for word, count in spread.items()}
    phone = {word for one in symptoms() for phrase in (*one.phrases, one.title) for word in tokens(phrase)}
    telling |= dict.fromkeys(phone - set(telling), math.log(len(entries)))
    letters = {"".join(sorted(word)): word for word in sorted(telling)}
    starts: dict[str, list[str]] = {}
    for word in telling:
        starts.setdefault(word[:1], []).append(word)
    return Index(entries, telling, sum(one.length for one in entries.values()) / len(entries), starts, letters)


def _entry(rule_id: str) -> Entry:
    rule, said = catalogue()[rule_id], phrases().get(rule_id, {})
    texts = {
        "phrases": said.get("phrases", []),
        "title": [title(rule_id), rule.name.replace("-", " "), rule.what, said.get("look", "")],
        "page": [_prose(page(rule_id))],
    }
    weights: dict[str, float] = {}
    for name, parts in texts.items():
        counts = Counter(word for part in parts for word in tokens(part))
        for word, count in counts.items():
            weights[word] = weights.get(word, 0.0) + FIELDS[name] * count
    whole = tuple(frozenset(tokens(phrase)) for phrase in [*said.get("phrases", []), title(rule_id)])
    return Entry(weights, whole, math.fsum(weights.values()))


def _prose(body: str) -> str:
    """Return a page without its code: directives of every server stand on many pages."""
    return " ".join(part for number, part in enumerate(body.split("```")) if number % 2 == 0)


def known(words: Iterable[str]) -> dict[str, float]:
    """Return the words of the index that are meant, each with how sure that is: 1 as written, less where misspelt."""
    meant: dict[str, float] = {}
    for word in list(words)[:_MOST_WORDS]:
        match, likeness = _meant(word)
        if match:
            meant[match] = max(meant.get(match, 0), likeness)
    return meant


@cache
def _meant(word: str) -> tuple[str, float]:
    there = index()
    if word in there.telling:
        return word, 1.0
    if len(word) not in _MISSPELT or not word.isalpha():
        return "", 0.0
    swapped = there.by_letters.get("".join(sorted(word)))
    if swapped:
        return swapped, 1.0
    near = difflib.get_close_matches(
        word, there.by_start.get(word[:1], []), n=1, cutoff=_ALIKE.get(len(word), _LONG_ALIKE)
    )
    return (near[0], difflib.SequenceMatcher(None, word, near[0]).ratio()) if near else ("", 0.0)


def scores(words: Iterable[str]) -> dict[str, float]:
    """Return how well each rule fits; only those that share a word."""
    said = known(words)
    found = {rule: _okapi(entry, said) + _WHOLE * _best(entry, said) for rule, entry in index().entries.items()}
    return {rule: score for rule, score in found.items() if score > 0}


def _okapi(entry: Entry, said: dict[str, float]) -> float:
    there = index()
    long = _K1 * (1 - _B + _B * entry.length / there.average)
    return math.fsum(
        sure * there.telling[word] * entry.weights[word] * (_K1 + 1) / (entry.weights[word] + long)
        for word, sure in said.items()
        if word in entry.weights
    )


def _best(entry: Entry, said: dict[str, float]) -> float:
    """Return the weight of the phrase that is said most, times how much of it is said."""
    return max((share * weight for share, weight in (coverage(phrase, said) for phrase in entry.phrases)), default=0.0)


def coverage(phrase: frozenset[str], said: dict[str, float]) -> tuple[float, float]:
    """Return which share of a phrase is said, by weight, and the weight of what is said."""
    telling = index().telling
    weight = math.fsum(said[word] * telling[word] for word in phrase if word in said)
    whole = math.fsum(telling.get(word, 1.0) for word in phrase)
    return (weight / whole if whole else 0.0), weight
