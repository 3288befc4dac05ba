"""The report of one target of many as one line of JSON, schema `ota-proxy/line/1`: what failed, what nobody could say, and the counts.

`exit` is the exit code that the target alone would have; `outcomes` are as in `ota-proxy/report/1`, `seconds` is how long it took.
"""

from __future__ import annotations

from typing import Any

from ota_proxy import limits
from ota_proxy.errors import EXIT_BUG, EXIT_CLEAN, EXIT_FINDINGS, EXIT_NO_VERDICT, EXIT_USAGE
from ota_proxy.printable import as_bytes, as_json, clipped
from ota_proxy.report.json import outcome_document
from ota_proxy.report.model import FailOn, Report, TargetReport, exit_code, summary
from ota_proxy.report.places import fingerprints, project_root
from ota_proxy.rules.evidence import safe

SCHEMA = "ota-proxy/line/1"
WORST = (EXIT_BUG, EXIT_USAGE, EXIT_FINDINGS, EXIT_NO_VERDICT, EXIT_CLEAN)
"""Exit codes from the worst to the best: what the exit code of many targets is chosen by."""

Line = dict[str, Any]


def line_of(target: TargetReport, fail_on: FailOn, seconds: float) -> Line:
    """Return the line of a target that was checked."""
    report = Report((target,))
    told = [one for one in target.outcomes if one.status in ("failed", "no-verdict")]
    prints = fingerprints(told, project_root())
    return {
        **_head(target.target, exit_code(report, fail_on), seconds),
        "server": safe(target.server) or None,
        "reason": safe(target.why) or None,
        "outcomes": [outcome_document(*pair) for pair in zip(told, prints, strict=True)],
        "summary": _counts(report),
    }


def failed_line(target: str, code: int, reason: str, seconds: float = 0) -> Line:
    """Return the line of a target that was not checked: it is none (2), or ota-proxy failed (70)."""
    return {
        **_head(target, code, seconds),
        "server": None,
        "reason": safe(reason),
        "outcomes": [],
        "summary": _counts(Report(())),
    }


def fitted(line: Line, most: int = limits.RESULT) -> Line:
    """Return a line of at most `most` bytes: where it has more, without evidence, and where that is not enough, without its outcomes. The exit code stays."""
    if _size(line) <= most:
        return line
    left_out = f"(left out: this line would have more than {most} bytes)"
    short = {
        **line,
        "outcomes": [{**one, "evidence": left_out} if one["evidence"] else one for one in line["outcomes"]],
    }
    if _size(short) <= most:
        return short
    reason = f"the {len(line['outcomes'])} outcomes are left out: this line would have more than {most} bytes"
    return {**line, "target": clipped(line["target"]), "reason": reason, "outcomes": []}


def _size(line: Line) -> int:
    return len(as_bytes(as_json(line)))


def _counts(report: Report) -> dict[str, Any]:
    counts = summary(report)
    return {
        "outcomes": dict(counts.outcomes),
        "findings": dict(counts.findings),
        "suppressed": counts.suppressed,
    }


def _head(target: str, code: int, seconds: float) -> Line:
    return {"schema": SCHEMA, "target": safe(target), "exit": code, "seconds": round(seconds, 3)}


def dumped(line: Line) -> str:
    """Return a line as text, without its newline."""
    return as_json(line)


def worst(first: int, second: int) -> int:
    """Return the worse of two exit codes."""
    return min(first, second, key=WORST.index)
