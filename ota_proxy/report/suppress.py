"""Findings that somebody suppresses: which those are, and which decisions were about nothing.

A suppressed finding stays in its report with the reason, and counts for nothing. Everything here is a pure function.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import starmap
from pathlib import Path

from ota_proxy.printable import printable
from ota_proxy.report.report import FailOn, TargetReport
from ota_proxy.report.results import relative
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.rule import Outcome
from ota_proxy.rules.support.evidence import safe


@dataclass(frozen=True, slots=True)
class Suppression:
    """One decision: the id of a rule, the reason, and `place`, where it stands.

    `subject` is a glob, empty for everything. A comment in a configuration has its `file`, and the lines `first` to `last` it is about.
    `once` says that it was given for this run alone, and not for whatever a project runs.
    """

    rule: str
    reason: str
    place: str
    subject: str = ""
    once: bool = False
    file: str = ""
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class Judging:
    """How findings count: the least severity that makes the exit code 1, and what is suppressed."""

    fail_on: FailOn = "error"
    ignored: tuple[Suppression, ...] = ()


class Standing(IntEnum):
    """What a suppression did in a run; the highest of all targets counts."""

    SILENT = 0
    """Nothing can be said: its rule has no verdict, or what it is about was not looked at."""
    UNUSED = 1
    """What it is about was looked at, and nothing was found."""
    USED = 2


def matches(glob: str, text: str) -> bool:
    """Say whether a glob is the whole text: `*` is any text, `/` and nothing included, `?` one character, all else itself.

    Takes len(glob) x len(text) steps at most, whatever the two are.
    """
    at = seen = mark = 0
    star = -1
    while seen < len(text):
        sign = glob[at : at + 1]
        if sign == "*":
            star, mark = at, seen
            at += 1
        elif sign in ("?", text[seen]):
            at, seen = at + 1, seen + 1
        elif star >= 0:
            mark += 1
            at, seen = star + 1, mark
        else:
            return False
    return not glob[at:].strip("*")


def suppress(target: TargetReport, ignored: Sequence[Suppression], root: Path) -> TargetReport:
    """Return the report with every finding that is ignored marked so; the first decision that is about it gives the reason.

    `root` is what paths in globs are relative to, beside the paths as the report has them.
    """
    outcomes = tuple(_marked(one, ignored, root) for one in target.outcomes) if ignored else target.outcomes
    return replace(target, outcomes=outcomes)


def _marked(outcome: Outcome, ignored: Iterable[Suppression], root: Path) -> Outcome:
    found = next((one for one in ignored if _about(one, outcome, root)), None)
    if found is None or outcome.suppressed:
        return outcome
    return replace(outcome, suppressed=found.reason, in_source=bool(found.file))


def _about(one: Suppression, outcome: Outcome, root: Path) -> bool:
    if outcome.status != "failed" or outcome.rule.id != one.rule:
        return False
    if one.file:
        return outcome.file == one.file and one.first <= outcome.line <= one.last
    return not one.subject or any(matches(one.subject, name) for name in _names(outcome, root))


def _names(outcome: Outcome, root: Path) -> tuple[str, ...]:
    """Return what a glob may name, each as reports show it."""
    file = outcome.file
    return safe(outcome.subject), safe(outcome.target), printable(file), printable(relative(file, root))


def standings(targets: Iterable[TargetReport], ignored: Sequence[Suppression], root: Path) -> list[Standing]:
    """Return for each suppression what it did in a run."""
    rows = [[_standing(one, target, root) for one in ignored] for target in targets]
    return highest([[Standing.SILENT] * len(ignored), *rows])


def highest(rows: Iterable[Sequence[int]]) -> list[Standing]:
    """Return the highest standing of each suppression; every row has one for each."""
    return list(map(Standing, starmap(max, ((0, *column) for column in zip(*rows, strict=True)))))


def _standing(one: Suppression, target: TargetReport, root: Path) -> Standing:
    mine = [outcome for outcome in target.outcomes if outcome.rule.id == one.rule]
    if any(_about(one, outcome, root) for outcome in mine):
        return Standing.USED
    statuses = {outcome.status for outcome in mine}
    if one.file or one.once:  # said for just this, so also where nobody looks for its rule here
        looked = target.judged and "no-verdict" not in statuses and (not one.file or one.file in target.config)
    else:
        looked = bool(statuses & {"passed", "failed"}) and _reaches(one.subject, target.target)
    return Standing.UNUSED if looked else Standing.SILENT


def _reaches(glob: str, target: str) -> bool:
    """Say whether a target could have what a glob names: a glob of a URL is about its host only."""
    return "://" not in glob or matches(_host(glob), _host(safe(target)))


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def unused(ignored: Iterable[Suppression], standing: Iterable[int]) -> list[str]:
    """Return a sentence for each suppression that matched nothing."""
    return [_unused(one) for one, how in zip(ignored, standing, strict=True) if how == Standing.UNUSED]


def _unused(one: Suppression) -> str:
    at = f" at {printable(one.subject)}" if one.subject else ""
    rule = f"{one.rule} {catalogue()[one.rule].name}"
    return f"{printable(one.place)}: the suppression of {rule}{at} matched nothing: leave it out"
