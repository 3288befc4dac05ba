"""What cannot be known is tried both ways: the answer is computed for every outcome, and what is the same in all of them is known.

A question is asked by its words ("whether /srv/ota/app.ipa is there"); asked again in the same world, it has the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ota_proxy.servers.text import Span

MOST: Final = 64
"""Worlds that are tried; six open questions that all matter leave nothing that is known."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """What is not known, and the line that asks."""

    words: str
    """After "whether": `/srv/ota/app.ipa is there`."""
    span: Span | None = None


class TooManyWorldsError(Exception):
    """More questions stand open than can be tried both ways; `questions` are those of the last world."""

    def __init__(self, questions: tuple[Question, ...]) -> None:
        super().__init__("too many worlds")
        self.questions = questions


@dataclass(slots=True)
class World:
    """One outcome for every question, decided when it is asked: first yes, in a later world no."""

    decided: list[bool] = field(default_factory=list)
    asked: dict[str, tuple[Question, bool]] = field(default_factory=dict)

    def ask(self, words: str, span: Span | None = None) -> bool:
        """Return this world's answer to a question."""
        if words in self.asked:
            return self.asked[words][1]
        position = len(self.asked)
        if position == len(self.decided):
            self.decided.append(True)
        self.asked[words] = (Question(words, span), self.decided[position])
        return self.decided[position]

    @property
    def questions(self) -> tuple[Question, ...]:
        """Return what was asked, in order."""
        return tuple(question for question, _ in self.asked.values())

    def told(self, question: Question) -> bool:
        """Return the answer that a question had here."""
        return self.asked[question.words][1]


def every_world(outcome: Callable[[World], T]) -> Iterator[tuple[World, T]]:
    """Yield each world that differs, with what comes out in it; TooManyWorldsError where they do not end."""
    decided: list[bool] = []
    for _ in range(MOST):
        world = World(list(decided))
        yield world, outcome(world)
        decided = world.decided[: len(world.asked)]
        while decided and not decided[-1]:
            decided.pop()
        if not decided:
            return
        decided[-1] = False
    raise TooManyWorldsError(world.questions)
