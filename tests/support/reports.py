"""Reading a report in tests: what failed, and what the server itself complained about."""

from __future__ import annotations

import re
import resource

from ota_proxy.report.report import SEVERITIES, TargetReport
from ota_proxy.rules.rule import STAGES, Stage

_COMPLAINT = re.compile(r"\[(?:[a-z0-9_]+:)?(?:warn|error|crit|alert|emerg)\]")
_ASKED_FOR = re.compile(r"No such file or directory|AH00128|ota-proxy-missing")
"""Complaints about what the device asked for on purpose: a file that does not exist."""

_FEW_FILES = 0 < resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 65535
"""The machine's own hard limit is below what a whole configuration asks for, and nothing started here can raise it."""


def failed(report: TargetReport) -> list[str]:
    """Return `OTA406 message (evidence)` of every finding, notes left out."""
    return [
        f"{one.rule.id} {one.subject}: {one.message} ({one.evidence})"
        for one in report.outcomes
        if one.status == "failed" and one.severity != "note"
    ]


def ids(report: TargetReport) -> set[str]:
    """Return the ids of the rules that failed, notes left out."""
    return {one.rule.id for one in report.outcomes if one.status == "failed" and one.severity != "note"}


def notes(report: TargetReport) -> set[str]:
    """Return the ids of the rules that failed with a note and nothing worse."""
    return {one.rule.id for one in report.findings} - ids(report)


def first_stage(report: TargetReport) -> Stage | None:
    """Return the first stage with a finding of the worst severity there is: where the phone stops, or would one day."""
    for severity in SEVERITIES:
        found = {one.rule.stage for one in report.findings if one.severity == severity}
        if found:
            return min(found, key=STAGES.index)
    return None


def warnings_of(report: TargetReport) -> list[str]:
    """Return the lines of the server's log that are warnings or worse, without those the walk provokes on purpose."""
    lines = [line for line in report.log.splitlines() if _COMPLAINT.search(line) and not _ASKED_FOR.search(line)]
    return [line for line in lines if not (_FEW_FILES and "setrlimit(RLIMIT_NOFILE" in line)]
