"""From a complaint to the rules that can be behind it, most likely first: known codes and messages, then words, then what the alert text leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ota_proxy.rules.complaints.index import coverage, known, scores
from ota_proxy.rules.complaints.signals import Heard, heard
from ota_proxy.rules.complaints.words import tokens
from ota_proxy.rules.symptoms import Symptom, by_letter, symptoms

CODE = 14.0
"""What a known code or message counts, beside words that are worth some 1 to 20."""
_NEXT_CODE = 0.92
"""What the next rule behind the same code counts, of the one before it."""
PHONE = 5.0
"""What the alert text counts for each of its rules."""
_NEXT_PHONE = 0.94
_SAID = 0.62
"""So much of a symptom's phrase must be said."""
ENOUGH = 10.0
"""From here on the answer is worth believing."""
MOST = 12
"""So many rules an answer names where words alone lead to them."""
_OWN = 0.35
"""What a word of the alert text counts for the rules."""
_FAR = 0.3
"""A rule that fits less than this share of the best is none to name."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A rule, how well it fits, and what known code or message speaks for it."""

    rule: str
    score: float
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What can be behind a complaint: guesses, the symptoms that it names, and what it says that no rule is behind."""

    guesses: tuple[Guess, ...]
    fits: bool
    symptoms: tuple[Symptom, ...] = ()
    asides: tuple[str, ...] = ()


def diagnose(complaint: str) -> Answer:
    """Return the answer to a complaint; one without guesses where not a word of it is known."""
    codes = [one for line in complaint.splitlines() for one in heard(line)]
    words = known(tokens(complaint))
    named = symptoms_of(words)
    total = scores(_beside(words, named))
    for rule, weight in _by_code(codes).items():
        total[rule] = total.get(rule, 0) + weight
    for rule, weight in _by_phone(named).items():
        total[rule] = total.get(rule, 0) + weight
    ranked = sorted(total, key=lambda rule: (-total[rule], rule))
    kept = [rule for rule in ranked if total[rule] >= _FAR * total[ranked[0]]][:MOST]
    rest = [rule for symptom, _ in named[:1] for rule in symptom.rules if rule not in kept]
    guesses = tuple(Guess(rule, total[rule], _because(rule, codes)) for rule in [*kept, *rest])
    asides = tuple(dict.fromkeys(one.says for one in codes if not one.rules))
    fits = bool(codes or named or (ranked and total[ranked[0]] >= ENOUGH))
    return Answer(guesses, fits, tuple(one for one, _ in named), asides)


def of_letter(letter: str) -> Answer | None:
    """Return the answer to a letter of the catalogue: every rule under it; None for another letter."""
    symptom = by_letter(letter)
    if symptom is None:
        return None
    return Answer(
        tuple(Guess(rule, PHONE * _NEXT_PHONE**place) for place, rule in enumerate(symptom.rules)), True, (symptom,)
    )


def _beside(words: dict[str, float], named: list[tuple[Symptom, float]]) -> dict[str, float]:
    """Return the words with those of the alert text counting less: it says where an install stops, the others say why.

    Where there are no others the symptom's order is all that there is to go by.
    """
    own = frozenset[str]().union(*(_best_phrase(one, words)[0] for one, _ in named))
    if own.issuperset(words):
        return {}
    return {word: sure * (_OWN if word in own else 1) for word, sure in words.items()}


def _by_code(codes: list[Heard]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for one in codes:
        for place, rule in enumerate(one.rules):
            weights[rule] = max(weights.get(rule, 0), CODE * one.weight * _NEXT_CODE**place)
    return weights


def _because(rule: str, codes: list[Heard]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.says for one in codes if rule in one.rules))


def _by_phone(named: list[tuple[Symptom, float]]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for symptom, said in named:
        for place, rule in enumerate(symptom.rules):
            weights[rule] = max(weights.get(rule, 0), said * PHONE * _NEXT_PHONE**place)
    return weights


def symptoms_of(said: dict[str, float]) -> list[tuple[Symptom, float]]:
    """Return the symptoms that words name, with how much of one of their phrases is said; the one that says most first.

    One whose words are among another's is none: who cannot install because of the integrity does not merely say "cannot install".
    """
    found = [(one, *_best_phrase(one, said)) for one in symptoms()]
    named = [(one, phrase & said.keys(), share, weight) for one, phrase, share, weight in found if share >= _SAID]
    alone = [row for row in named if not any(row[1] < other[1] for other in named)]
    return [(one, share) for one, _, share, _ in sorted(alone, key=lambda row: -row[2] * row[3])]


def _best_phrase(symptom: Symptom, said: dict[str, float]) -> tuple[frozenset[str], float, float]:
    """Return the phrase of a symptom that is said best, its share that is said and the weight of that; one word of several says nothing."""
    rows = [(phrase, *coverage(phrase, said)) for phrase in _phrases(symptom.title)]
    many = [row for row in rows if sum(word in said for word in row[0]) >= min(2, len(row[0]))]
    return max(many, key=lambda row: (row[1] >= _SAID, row[1] * row[2]), default=(frozenset(), 0.0, 0.0))


@cache
def _phrases(title: str) -> tuple[frozenset[str], ...]:
    (symptom,) = (one for one in symptoms() if one.title == title)
    return tuple(frozenset(tokens(phrase)) for phrase in (*symptom.phrases, symptom.title))
