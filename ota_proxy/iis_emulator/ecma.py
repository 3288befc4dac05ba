r"""Matches the three pattern syntaxes of URL Rewrite, with a limit on steps, so that no pattern and no request can take forever.

ECMAScript 3 runs on a backtracking machine over a flat program: no recursion, one tuple of positions for the groups. Python's `re` differs in
`$`, `\d`, `\w`, back references to empty groups and groups inside repetitions, and it cannot be stopped; why no library stands here is told in
docs/explanation/own-code.md. Source: URL Rewrite configuration references (1.1 and 2.0). Wildcard: the whole input, `*` captures, `?` is one
character. Where several ways to divide the input among two `*` exist, the first takes as little as it can; no document says which IIS takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from ota_proxy.iis_emulator.ecma_parse import (
    WORD,
    Assertion,
    Back,
    Char,
    Choice,
    Group,
    Look,
    Node,
    Repeat,
    Sequence,
    Span,
    parse,
)
from ota_proxy.iis_emulator.modelled import UnmodelledError

STEPS = 400_000
"""Steps of one search, a fraction of a second; an ordinary match takes a few hundred."""
LARGEST_PROGRAM = 20_000
_LISTED = 2_000
"""Characters of a class that are listed to compare them without case; larger ones have both cases of a letter in them."""


class TooExpensiveError(Exception):
    """A match that was given up after `STEPS` steps."""


Groups = tuple[str | None, ...]
_Test = Callable[[str], bool]
_Op = tuple[Any, ...]
_CHAR, _SPLIT, _JUMP, _SAVE, _RESET, _MARK, _MOVED, _PLACE, _BACK, _LOOK, _END = range(11)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; `groups` is how many it captures."""

    text: str
    ignore_case: bool
    groups: int
    program: tuple[_Op, ...]
    slots: int

    def search(self, text: str) -> Groups | None:
        """Return the whole match and its groups (None for those not taken) at the leftmost place, or None.

        TooExpensiveError after `STEPS` steps.
        """
        budget = [STEPS]
        for start in range(len(text) + 1):
            found = _run(self, 0, text, start, (-1,) * self.slots, budget)
            if found is not None:
                end, slots = found
                return (text[start:end], *(_part(text, slots, number) for number in range(1, self.groups + 1)))
        return None


def _part(text: str, slots: tuple[int, ...], number: int) -> str | None:
    low, high = slots[2 * number - 2], slots[2 * number - 1]
    return None if low < 0 or high < 0 else text[low:high]


@cache
def compiled(pattern: str, *, ignore_case: bool) -> Pattern:
    """Compile; UnmodelledError for what is not ECMAScript 3."""
    node, groups = parse(pattern)
    maker = _Maker(pattern, ignore_case, groups)
    maker.emit(node)
    maker.program.append((_END,))
    return Pattern(pattern, ignore_case, groups, tuple(maker.program), maker.slots)


def _upper(char: str) -> str:
    """Canonicalize, ECMA-262 §15.10.2.8: one character stays one, and a non-ASCII one does not become ASCII."""
    changed = char.upper()
    return char if len(changed) != 1 or (ord(char) > 127 and ord(changed) < 128) else changed


class _Maker:
    """Turns a tree into a program."""

    def __init__(self, pattern: str, ignore_case: bool, groups: int) -> None:
        self.pattern, self.ignore_case, self.slots = pattern, ignore_case, 2 * groups
        self.program: list[_Op] = []

    def emit(self, node: Node) -> None:
        """Append the instructions of a node."""
        if len(self.program) > LARGEST_PROGRAM:
            raise UnmodelledError(f"the regular expression '{self.pattern}'", why="its repetitions are too large")
        makers: dict[type, Callable[..., None]] = {
            Char: self._char,
            Back: lambda back: self.program.append((_BACK, back.number)),
            Assertion: lambda place: self.program.append((_PLACE, place.kind)),
            Look: self._look,
            Group: self._group,
            Repeat: self._repeat,
            Sequence: self._sequence,
            Choice: self._choice,
        }
        makers[type(node)](node)

    def _char(self, char: Char) -> None:
        self.program.append((_CHAR, _tester(char.spans, char.negated, self.ignore_case)))

    def _sequence(self, sequence: Sequence) -> None:
        for node in sequence.nodes:
            self.emit(node)

    def _choice(self, choice: Choice) -> None:
        jumps = []
        for node in choice.nodes[:-1]:
            split = self._hole()
            self.emit(node)
            jumps.append(self._hole())
            self.program[split] = (_SPLIT, split + 1, len(self.program))
        self.emit(choice.nodes[-1])
        for jump in jumps:
            self.program[jump] = (_JUMP, len(self.program))

    def _hole(self) -> int:
        self.program.append((_END,))
        return len(self.program) - 1

    def _group(self, group: Group) -> None:
        self.program.append((_SAVE, 2 * group.number - 2))
        self.emit(group.node)
        self.program.append((_SAVE, 2 * group.number - 1))

    def _look(self, look: Look) -> None:
        hole = self._hole()
        self.emit(look.node)
        self.program.append((_END,))
        self.program[hole] = (_LOOK, look.negated, len(self.program))

    def _repeat(self, repeat: Repeat) -> None:
        for _ in range(repeat.low):
            self._once(repeat)
        if repeat.high is None:
            self._loop(repeat)
            return
        splits = []
        for _ in range(repeat.high - repeat.low):
            splits.append(self._hole())
            self._checked(repeat)
        for split in splits:
            self._split(split, repeat)

    def _split(self, hole: int, repeat: Repeat) -> None:
        inside, outside = hole + 1, len(self.program)
        self.program[hole] = (_SPLIT, inside, outside) if repeat.greedy else (_SPLIT, outside, inside)

    def _loop(self, repeat: Repeat) -> None:
        hole = self._hole()
        self._checked(repeat)
        self.program.append((_JUMP, hole))
        self._split(hole, repeat)

    def _checked(self, repeat: Repeat) -> None:
        """Emit one optional repetition, which fails when it matched nothing (§15.10.2.5, RepeatMatcher step 1)."""
        slot = self.slots
        self.slots += 1
        self.program.append((_MARK, slot))
        self._once(repeat)
        self.program.append((_MOVED, slot))

    def _once(self, repeat: Repeat) -> None:
        if repeat.last >= repeat.first:
            self.program.append((_RESET, 2 * repeat.first - 2, 2 * repeat.last))
        self.emit(repeat.node)


def _tester(spans: tuple[Span, ...], negated: bool, ignore_case: bool) -> _Test:
    def plain(char: str) -> bool:
        code = ord(char)
        return any(low <= code <= high for low, high in spans)

    size = sum(high - low + 1 for low, high in spans)
    uppers = {_upper(chr(code)) for low, high in spans for code in range(low, high + 1)} if size <= _LISTED else None

    def folded(char: str) -> bool:
        upper = _upper(char)
        if uppers is not None:
            return upper in uppers
        lower = char.lower()
        return plain(char) or plain(upper) or (len(lower) == 1 and _upper(lower) == upper and plain(lower))

    inside = cache(folded if ignore_case else plain)
    return (lambda char: not inside(char)) if negated else inside


_is_word = _tester(WORD, negated=False, ignore_case=False)


def _placed(kind: str, text: str, at: int) -> bool:
    if kind == "^":
        return at == 0
    if kind == "$":
        return at == len(text)
    before, after = at > 0 and _is_word(text[at - 1]), at < len(text) and _is_word(text[at])
    return (before != after) == (kind == "b")


def _run(  # noqa: C901, PLR0912, PLR0913, PLR0917 - one loop over all instructions: a call for each would cost more than its work
    pattern: Pattern, entry: int, text: str, start: int, slots: tuple[int, ...], budget: list[int]
) -> tuple[int, tuple[int, ...]] | None:
    program, end = pattern.program, len(text)
    waiting: list[tuple[int, int, tuple[int, ...]]] = []
    counter, at = entry, start
    while True:
        budget[0] -= 1
        if budget[0] < 0:
            raise TooExpensiveError(pattern.text)
        op = program[counter]
        kind, going = op[0], True
        counter += 1
        if kind == _CHAR:
            going = at < end and op[1](text[at])
            at += 1
        elif kind == _SPLIT:
            waiting.append((op[2], at, slots))
            counter = op[1]
        elif kind == _JUMP:
            counter = op[1]
        elif kind in (_SAVE, _MARK):
            slots = _with(slots, op[1], at)
        elif kind == _RESET:
            low, high = op[1], op[2]
            slots = slots[:low] + (-1,) * (high - low) + slots[high:]
        elif kind == _MOVED:
            going = slots[op[1]] != at
        elif kind == _PLACE:
            going = _placed(op[1], text, at)
        elif kind == _BACK:
            length = _referred(pattern, text, at, slots, op[1])
            going = length >= 0
            at += length
        elif kind == _LOOK:
            found = _run(pattern, counter, text, at, slots, budget)
            going = (found is None) == op[1]
            slots = found[1] if found and going else slots
            counter = op[2]
        else:
            return at, slots
        if not going:
            if not waiting:
                return None
            counter, at, slots = waiting.pop()


def _with(slots: tuple[int, ...], index: int, value: int) -> tuple[int, ...]:
    return (*slots[:index], value, *slots[index + 1 :])


def _referred(pattern: Pattern, text: str, at: int, slots: tuple[int, ...], number: int) -> int:
    """Return how many characters a back reference takes here, -1 where it does not fit."""
    wanted = _part(text, slots, number) or ""
    there = text[at : at + len(wanted)]
    if pattern.ignore_case:
        same = [_upper(char) for char in wanted] == [_upper(char) for char in there]
    else:
        same = wanted == there
    return len(wanted) if same else -1


Syntax = Literal["ECMAScript", "Wildcard", "ExactMatch"]
NO_GROUPS: Groups = ("",)


@dataclass(frozen=True, slots=True)
class Matcher:
    """A pattern ready to be used; `find` returns the groups of a match, number 0 first, or None."""

    pattern: str
    syntax: Syntax
    ignore_case: bool
    negate: bool
    find: Callable[[str], Groups | None]

    def holds(self, text: str) -> tuple[bool, Groups]:
        """Say whether the test is passed, and what it captured: nothing if it is passed because the pattern does not match."""
        found = self.find(text)
        if self.negate:
            return found is None, NO_GROUPS
        return found is not None, found or NO_GROUPS


def matcher(pattern: str, syntax: Syntax = "ECMAScript", *, ignore_case: bool = True, negate: bool = False) -> Matcher:
    """Prepare a pattern; UnmodelledError for a regular expression that is not ECMAScript 3."""
    if syntax == "ExactMatch":
        return Matcher(pattern, syntax, ignore_case, negate, _exactly(pattern, ignore_case=ignore_case))
    text = wildcard(pattern) if syntax == "Wildcard" else pattern
    return Matcher(pattern, syntax, ignore_case, negate, compiled(text, ignore_case=ignore_case).search)


def wildcard(pattern: str) -> str:
    """Return the regular expression that a wildcard pattern stands for."""
    parts = {"*": r"([\s\S]*?)", "?": r"[\s\S]"}
    return "^" + "".join(parts.get(char) or quoted(char) for char in pattern) + "$"


def quoted(text: str) -> str:
    """Return a regular expression for exactly `text`."""
    return "".join("\\" + char if char in r"\^$.*+?()[]{}|/" else char for char in text)


def _exactly(pattern: str, *, ignore_case: bool) -> Callable[[str], Groups | None]:
    def find(text: str) -> Groups | None:
        same = text.lower() == pattern.lower() if ignore_case else text == pattern
        return (text,) if same else None

    return find
