"""The judge: the one way from facts to a verdict, for `lint`, `verify`, `check` and the pytest plugin alike.

`judge` turns what a report saw into outcomes, `settle` marks what a person suppressed. Whether that is a verdict says `TargetReport.judged`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ota_proxy.report.report import Report, TargetReport
from ota_proxy.report.suppress import Standing, Suppression, standings, suppress
from ota_proxy.rules.registry import Door, evaluate
from ota_proxy.rules.rule import Facts, Outcome, Status
from ota_proxy.rules.server import without_consequences

_RANK: dict[Status, int] = {"failed": 0, "no-verdict": 1, "passed": 2, "not-applicable": 3}


def _always() -> bool:
    return True


def judge(report: TargetReport, door: Door, alive: Callable[[], bool] = _always) -> TargetReport:
    """Return the report with one outcome for each finding of its facts, and one for each other rule of the door.

    Every walk counts: that of `facts`, those it has beside it (`named`), and those of `further`. Once `alive` says no, the rules that are left have no
    verdict. A report that has its reason why nothing can be said gets no outcome.
    """
    if report.reason:
        return report
    known = [one for one in (report.facts, *report.further) if one is not None]
    walks = [_seen(walk, report.target, door, alive) for one in known for walk in _walks(one)]
    return replace(report, outcomes=without_consequences(_merged(walks)))


def _walks(facts: Facts) -> Iterator[Facts]:
    """Yield the facts, and for each further walk of the same server its own; the host is looked at once."""
    yield facts
    yield from (replace(facts, install=walk, host=None) for walk in facts.named if walk is not facts.install)


def _seen(facts: Facts, target: str, door: Door, alive: Callable[[], bool]) -> tuple[Outcome, ...]:
    """Judge one walk; what a server of `verify` shows of its host is judged as `audit` does."""
    seen = evaluate(facts, target, door, alive)
    if door != "v" or facts.host is None:
        return seen
    known = {one.rule.id for one in seen}
    return (*seen, *(one for one in evaluate(facts, target, "a", alive) if one.rule.id not in known))


def _merged(walks: Sequence[Iterable[Outcome]]) -> tuple[Outcome, ...]:
    """Return each finding once, and for every rule without one its strongest word.

    "No verdict" of the first walk (the whole one) stands; of a later, partial walk it gives way to what an earlier one said.
    """
    by_rule: dict[str, list[Outcome]] = {}
    for index, outcomes in enumerate(walks):
        for outcome in outcomes:
            known = by_rule.setdefault(outcome.rule.id, [])
            if index and known and outcome.status == "no-verdict":
                continue
            known.append(outcome)
    return tuple(outcome for _, known in sorted(by_rule.items()) for outcome in _strongest(known))


def _strongest(outcomes: list[Outcome]) -> list[Outcome]:
    """Return the findings, each once: a finding is what is said of a subject, and in a file also where."""
    failed = {_finding(one): one for one in reversed(outcomes) if one.status == "failed"}
    return list(reversed(failed.values())) or [min(outcomes, key=lambda one: _RANK[one.status])]


def _finding(outcome: Outcome) -> tuple[object, ...]:
    return outcome.subject, outcome.message, outcome.span


@dataclass(frozen=True, slots=True)
class Settled:
    """A report with what is suppressed in it marked so, and what each suppression did."""

    report: Report
    standings: list[Standing]


def settle(targets: Sequence[TargetReport], ignored: Sequence[Suppression], root: Path) -> Settled:
    """Mark in judged targets what a person suppressed; `root` is what paths in globs are relative to."""
    report = Report(tuple(suppress(one, ignored, root) for one in targets))
    return Settled(report, standings(targets, ignored, root))
