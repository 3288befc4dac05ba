"""How well `explain` finds the cause of a public complaint: right rule first, among the first three, or not named at all.

Usage: python benchmarks/explain.py [--misses]
Both halves of complaints.toml, against a plain overlap of keywords over the same rules' pages and phrases in the same run. `--misses` shows those of
the tuning half; nothing shows single answers of the scoring half, so that nobody tunes on them.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import hashlib
import re
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from ota_proxy.rules.catalogue import catalogue, page
from ota_proxy.rules.complaints.diagnosis import diagnose
from ota_proxy.rules.complaints.index import phrases

HALVES = ("tuning", "scoring")
Answerer = Callable[[str], list[str]]


@dataclass(frozen=True)
class Complaint:
    """What somebody said, and the rules that name its cause as established at the source."""

    source: str
    said: str
    rules: tuple[str, ...]

    @property
    def half(self) -> str:
        """Return the half that the complaint belongs to, for ever."""
        return HALVES[hashlib.sha256(self.source.encode()).digest()[-1] % 2]


@dataclass(frozen=True)
class Score:
    """Shares of so many complaints."""

    count: int
    first: float
    three: float
    unlisted: float


def complaints() -> list[Complaint]:
    """Return the corpus; an entry whose rules do not exist (yet) is left out."""
    rows = tomllib.loads(Path(__file__).with_name("complaints.toml").read_text(encoding="utf-8"))["complaint"]
    known = [Complaint(row["source"], row["said"], tuple(set(row["rules"]) & catalogue().keys())) for row in rows]
    return [one for one in known if one.rules]


def ours(said: str) -> list[str]:
    """Answer as `ota-proxy explain` does."""
    return [guess.rule for guess in diagnose(said).guesses]


@cache
def _keywords(*, with_phrases: bool) -> dict[str, frozenset[str]]:
    texts = {
        rule: [page(rule), *(phrases().get(rule, {}).get("phrases", []) if with_phrases else [])]
        for rule in catalogue()
    }
    return {rule: frozenset(re.findall(r"\w+", " ".join(parts).lower())) for rule, parts in texts.items()}


def overlap(said: str, *, with_phrases: bool = False) -> list[str]:
    """Answer with the dozen rules whose pages share most words with the complaint: the simple peer."""
    words = frozenset(re.findall(r"\w+", said.lower()))
    shared = {rule: len(words & known) for rule, known in _keywords(with_phrases=with_phrases).items()}
    return sorted((rule for rule in shared if shared[rule]), key=lambda rule: (-shared[rule], rule))[:12]


ANSWERERS: dict[str, Answerer] = {
    "explain": ours,
    "words of the pages": overlap,
    "and of the phrases": partial(overlap, with_phrases=True),
}


def score(half: str, answer: Answerer) -> Score:
    """Return how an answerer does on one half."""
    places = [_place(one, answer(one.said)) for one in complaints() if one.half == half]
    count = len(places)
    hits = [place for place in places if place is not None]
    return Score(count, hits.count(0) / count, sum(place < 3 for place in hits) / count, (count - len(hits)) / count)


def _place(complaint: Complaint, answered: list[str]) -> int | None:
    return next((place for place, rule in enumerate(answered) if rule in complaint.rules), None)


def misses() -> Iterator[str]:
    """Yield the complaints of the tuning half whose cause does not come first."""
    for one in complaints():
        answered = ours(one.said)
        if one.half == "tuning" and _place(one, answered) != 0:
            yield f"{' '.join(one.rules)} not {' '.join(answered[:3])}: {one.said} ({one.source})"


def main(*flags: str) -> None:
    """Print the scores."""
    lines = [f"{'half':<9}{'complaints':>11}  {'answerer':<20}{'first':>6}{'three':>7}{'unlisted':>10}{'ms each':>9}"]
    for half in HALVES:
        for name, answer in ANSWERERS.items():
            answer("warm up")
            begun = time.process_time()
            got = score(half, answer)
            each = (time.process_time() - begun) / got.count * 1000
            shares = f"{got.first:>6.0%}{got.three:>7.0%}{got.unlisted:>10.0%}"
            lines.append(f"{half:<9}{got.count:>11}  {name:<20}{shares}{each:>9.1f}")
    lines += misses() if "--misses" in flags else ()
    print(*lines, sep="\n")  # noqa: T201 - the result


if __name__ == "__main__":
    main(*sys.argv[1:])
