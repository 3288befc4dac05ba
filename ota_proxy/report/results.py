"""The findings of a report for machines: harmless texts, places relative to the project, the worst first. Every format shows these.

A finding that a person suppressed is among them, with the reason; it comes last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, zip_longest
from pathlib import Path

from ota_proxy.printable import printable
from ota_proxy.report.model import SEVERITIES, Report, TargetReport
from ota_proxy.report.places import fingerprints, relative
from ota_proxy.rules.evidence import safe
from ota_proxy.rules.model import STAGES, Outcome, Rule, Severity


@dataclass(frozen=True, slots=True)
class Result:
    """One finding. `path` is relative to the project, empty for a file outside and where there is none; Lines and columns are 0 where unknown."""

    rule: Rule
    severity: Severity
    target: str
    subject: str
    message: str
    evidence: str
    remedy: str
    sees: str
    file: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    """The column behind its last character."""
    fingerprint: str
    suppressed: str
    in_source: bool

    @property
    def place(self) -> str:
        """The file with its line, else the subject."""
        return f"{self.path or self.file}:{self.line or '?'}" if self.file else self.subject

    @property
    def title(self) -> str:
        """The rule's id and name."""
        return f"{self.rule.id} {self.rule.name}"


def results(report: Report, root: Path) -> list[Result]:
    """Return every failed outcome: what counts first, then errors before warnings before notes, then in the order of an install."""
    failed = [one for target in report.targets for one in target.outcomes if one.status == "failed"]
    made = [_result(*pair, root) for pair in zip(failed, fingerprints(failed, root), strict=True)]
    return sorted(made, key=_rank)


def _rank(one: Result) -> tuple[bool, int, int, str]:
    return bool(one.suppressed), SEVERITIES.index(one.severity), STAGES.index(one.rule.stage), one.rule.id


def _result(outcome: Outcome, fingerprint: str, root: Path) -> Result:
    return Result(
        rule=outcome.rule,
        severity=outcome.severity,
        target=safe(outcome.target),
        subject=safe(outcome.subject),
        message=safe(outcome.message),
        evidence=safe(outcome.evidence),
        remedy=safe(outcome.remedy),
        sees=safe(outcome.sees),
        file=printable(outcome.file),
        path=printable(relative(outcome.file, root)),
        line=max(0, outcome.line),
        column=max(0, outcome.span.column),
        end_line=max(0, outcome.span.end_line),
        end_column=max(0, outcome.span.end_column),
        fingerprint=fingerprint,
        suppressed=safe(outcome.suppressed),
        in_source=outcome.in_source,
    )


def spread(found: list[Result]) -> list[Result]:
    """Return results of one severity so that every rule's first comes before any rule's second: a short list then names them all."""
    by_rule = [list(group) for _, group in groupby(sorted(found, key=lambda one: one.rule.id), lambda one: one.rule.id)]
    by_rule.sort(key=lambda group: _rank(group[0]))
    return [one for row in zip_longest(*by_rule) for one in row if one is not None]


def unjudged(report: Report) -> Iterator[tuple[TargetReport, str]]:
    """Yield every target that has no verdict at all, with the reason."""
    for target in report.targets:
        if not target.judged:
            yield target, safe(target.why) or "nothing could be looked at"


def told(one: Result) -> str:
    """Return a result as lines for people: message, place, evidence, what the phone shows, remedy, and why it is suppressed."""
    at = "" if one.subject == one.file or one.subject in one.message + one.evidence else f"at {one.subject}"
    parts = (
        one.message,
        one.place if one.file else "",
        at,
        one.evidence,
        f"on the phone: {one.sees}" if one.sees else "",
        f"remedy: {one.remedy}" if one.remedy else "",
        f"suppressed: {one.suppressed}" if one.suppressed else "",
    )
    return "\n".join(part for part in parts if part)
