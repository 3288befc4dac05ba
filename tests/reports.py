"""Reading a report in tests: what failed, and what the server itself complained about."""

from __future__ import annotations

import re

from ota_proxy.report.model import TargetReport

_COMPLAINT = re.compile(r"\[(?:[a-z0-9_]+:)?(?:warn|error|crit|alert|emerg)\]")
_ASKED_FOR = re.compile(r"No such file or directory|AH00128|ota-proxy-missing")
"""Complaints about what the device asked for on purpose: a file that does not exist."""


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


def warnings_of(report: TargetReport) -> list[str]:
    """Return the lines of the server's log that are warnings or worse, without those the walk provokes on purpose."""
    return [line for line in report.log.splitlines() if _COMPLAINT.search(line) and not _ASKED_FOR.search(line)]
