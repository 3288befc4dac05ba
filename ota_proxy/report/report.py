"""A report: one entry a target, its outcomes, and what the program's exit code is for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ota_proxy.errors import EXIT_CLEAN, EXIT_FINDINGS, EXIT_NO_VERDICT
from ota_proxy.facts.tls import AtsRow
from ota_proxy.rules.rule import Facts, Outcome, Severity, Stage, Status
from ota_proxy.rules.support.stages import explained, unread, unread_stages

FailOn = Literal["error", "warning", "note", "never"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
STATUSES: tuple[Status, ...] = ("passed", "failed", "not-applicable", "no-verdict")


@dataclass(frozen=True, slots=True)
class TargetReport:
    """One target. `notes` are sentences for people (what the engine replaced, how to go on by hand).

    `log` is the server's log, `config` maps paths to the configuration that ran; `reason` says why there is no verdict at all.
    """

    target: str
    server: str
    version: str
    engine: str
    level: str | None
    outcomes: tuple[Outcome, ...] = ()
    """What the judge made of the facts."""
    facts: Facts | None = None
    notes: tuple[str, ...] = ()
    log: str = ""
    config: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    further: tuple[Facts, ...] = ()
    """Facts of further walks from the same start: a page with several install links."""
    ats: Mapping[str, tuple[AtsRow, ...]] = field(default_factory=dict)
    """Host and port → what App Transport Security says to it, exception by exception; only where it was asked for."""

    @property
    def findings(self) -> tuple[Outcome, ...]:
        """What failed and counts, notes included."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == "failed" and not outcome.suppressed)

    @property
    def suppressed(self) -> tuple[Outcome, ...]:
        """What failed and was suppressed, each with its reason."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == "failed" and outcome.suppressed)

    @property
    def judged(self) -> bool:
        """At least one rule passed or failed, and an error explains where the device stopped, if it did (see `rules.reached`)."""
        spoken = any(outcome.status in {"passed", "failed"} for outcome in self.outcomes)
        return spoken and (explained(self.outcomes) or not self._unread)

    @property
    def why(self) -> str:
        """Why there is no verdict; empty if there is one."""
        return "" if self.judged else self.reason or self._unread

    @property
    def missed(self) -> frozenset[Stage]:
        """The stages that a walk did not get through."""
        return unread_stages(self._facts)

    @property
    def _unread(self) -> str:
        """Why an install was not read to its end; empty if all were."""
        return unread(self._facts)

    @property
    def _facts(self) -> tuple[Facts, ...]:
        return tuple(one for one in (self.facts, *self.further) if one is not None)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run of a command has to say."""

    targets: tuple[TargetReport, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts: outcomes by status, findings by severity; every key is there, also with 0. A suppressed finding failed, but is none of `findings`."""

    targets: int
    outcomes: Mapping[Status, int]
    findings: Mapping[Severity, int]
    suppressed: int


def summary(report: Report) -> Summary:
    """Count a report's outcomes."""
    outcomes = [outcome for target in report.targets for outcome in target.outcomes]
    by_status = Counter(outcome.status for outcome in outcomes)
    by_severity = Counter(outcome.severity for target in report.targets for outcome in target.findings)
    return Summary(
        targets=len(report.targets),
        outcomes={status: by_status[status] for status in STATUSES},
        findings={severity: by_severity[severity] for severity in SEVERITIES},
        suppressed=sum(len(target.suppressed) for target in report.targets),
    )


def counted_severities(fail_on: FailOn) -> tuple[Severity, ...]:
    """Return the severities of findings that make the exit code 1."""
    return () if fail_on == "never" else SEVERITIES[: SEVERITIES.index(fail_on) + 1]


def exit_code(report: Report, fail_on: FailOn = "error") -> int:
    """Return 1 for a finding at or above `fail_on`, else 3 where a target has no verdict on anything, else 0."""
    counted = counted_severities(fail_on)
    if any(outcome.severity in counted for target in report.targets for outcome in target.findings):
        return EXIT_FINDINGS
    return EXIT_CLEAN if all(target.judged for target in report.targets) else EXIT_NO_VERDICT


def no_verdict(target: str, server: str, reason: str) -> TargetReport:
    """Return the entry of a target that nothing can be said about."""
    return TargetReport(target, server, version="", engine="", level=None, reason=reason)
