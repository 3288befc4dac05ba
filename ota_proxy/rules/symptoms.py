"""What people say is wrong, matched against `symptoms.toml`: the rules that can be behind it, and a command that would confirm each.

Matching is fuzzy word by word: words that few symptoms share count more, misspelt ones count as much as they are alike.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ota_proxy.rules.doors import checked_by
from ota_proxy.rules.model import Rule

_ALIKE = 0.75
"""From here on two words are the same one, misspelt or inflected."""
_ENOUGH = 0.5
"""A sentence that scores as much describes a symptom."""
_FAINT = 0.4
_ALONE = 0.8
"""So does one with two words of it that scores as much as `_FAINT`, where the next symptom has at most this share of that."""
_CLOSE = 0.9
"""A second symptom is named beside the first when its score is at least this share of the first's."""
_HOST = re.compile(
    r"(?i)\b(?:https?://\S+|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b(?<!\.ipa)(?<!\.plist)(?<!\.config)\S*)"
)


@dataclass(frozen=True, slots=True)
class Symptom:
    """One complaint: `rules` are ids, most likely first; `letter` is the catalogue's, or empty for a narrower complaint."""

    title: str
    phrases: tuple[str, ...]
    rules: tuple[str, ...]
    reason: str
    letter: str = ""


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("symptoms.toml").read_text(encoding="utf-8"))


@cache
def symptoms() -> tuple[Symptom, ...]:
    """Return every symptom, in the order of the file."""
    return tuple(
        Symptom(**row | {"phrases": tuple(row["phrases"]), "rules": tuple(row["rules"])}) for row in _data()["symptom"]
    )


def by_letter(letter: str) -> Symptom | None:
    """Return the symptom of a letter of the catalogue, in either case."""
    return next((one for one in symptoms() if one.letter == letter.upper() != ""), None)


def matching(sentence: str) -> tuple[Symptom, ...]:
    """Return the symptom that a sentence describes, with those it describes about as well; () for none."""
    (best, first), (second, _), *_ = ranked = _ranked(sentence)
    if best < _ENOUGH:
        alone = best >= _FAINT and second <= best * _ALONE and _shared(sentence, first) > 1
        return (first,) if alone else ()
    return tuple(one for score, one in ranked if score >= max(_ENOUGH, best * _CLOSE))


def nearest(sentence: str, count: int = 3) -> tuple[Symptom, ...]:
    """Return the symptoms nearest to a sentence that describes none."""
    return tuple(one for score, one in _ranked(sentence)[:count] if score > 0)


def confirmation(rule: Rule, commands: Collection[str]) -> str:
    """Return the one command that would confirm a rule: ours where it is among `commands` and has a check behind it.

    `lint` reads files of IIS only, so what can happen on every server has the command for the others in brackets.
    """
    row = next(row for row in _data()["confirm"] if rule.id in row["rules"])
    command: str = row["command"]
    otherwise: str = row["otherwise"]
    if command.split()[1] not in checked_by(rule, commands):
        return otherwise
    every = command.startswith("ota-proxy lint ") and not rule.name.startswith("iis-")
    return f"{command}   (IIS; else {otherwise})" if every else command


def _ranked(sentence: str) -> list[tuple[float, Symptom]]:
    said = words(sentence)
    scores = [(max(_score(said, words(phrase)) for phrase in (*one.phrases, one.title)), one) for one in symptoms()]
    return sorted(scores, key=lambda pair: -pair[0])


def _shared(sentence: str, symptom: Symptom) -> int:
    """Return how many words of a sentence a symptom has."""
    known = {word for phrase in (*symptom.phrases, symptom.title) for word in words(phrase)}
    return sum(any(_likeness(word, other) for other in known) for word in words(sentence))


def words(text: str) -> tuple[str, ...]:
    """Return the words that count: lower case, without those that every sentence has; any host name or URL is the word `host`."""
    text = _HOST.sub(" host ", text.lower().replace("’", "'")).replace("'", "")
    silent = {"", *_data()["silent"]}
    found = (word.strip(".") for word in re.findall(r"[a-z0-9.]+", text))
    return tuple(dict.fromkeys(word for word in found if word not in silent))


@cache
def _weights() -> dict[str, float]:
    """Every known word by how few symptoms have it."""
    groups = [{word for phrase in (*one.phrases, one.title) for word in words(phrase)} for one in symptoms()]
    known = set().union(*groups)
    return {word: math.log(1 + len(groups) / sum(word in group for group in groups)) for word in known}


def _score(said: tuple[str, ...], phrase: tuple[str, ...]) -> float:
    """Twice what both share, by weight, of what both have: 1 for the same words, 0 for none."""
    weights = _weights()
    stranger = math.log(2)
    shared = sum(weights[word] * max((_likeness(word, other) for other in said), default=0.0) for word in phrase)
    spoken = sum(weights.get(word, stranger) for word in said)
    return 2 * shared / (spoken + sum(weights[word] for word in phrase) or 1)


@cache
def _likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    ratio = difflib.SequenceMatcher(None, one, other).ratio() if min(len(one), len(other)) > 2 else 0.0
    return ratio if ratio >= _ALIKE else 0.0
