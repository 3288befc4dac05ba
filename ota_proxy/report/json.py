"""The report for programs: one JSON document, schema `ota-proxy/report/1` (published as `schema.json` beside this file).

One target of many is one line of JSON, schema `ota-proxy/line/1`: what failed, what nobody could say, and the counts. Its `exit` is the exit
code that the target alone would have; `outcomes` are as in the document, `seconds` is how long it took.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ota_proxy import __version__, limits
from ota_proxy.errors import EXIT_BUG, EXIT_CLEAN, EXIT_FINDINGS, EXIT_NO_VERDICT, EXIT_USAGE
from ota_proxy.printable import as_bytes, as_json, clipped
from ota_proxy.report.report import FailOn, Report, TargetReport, exit_code, summary
from ota_proxy.report.results import fingerprints, project_root
from ota_proxy.report.tls_view import ats_as_values
from ota_proxy.rules.rule import Outcome
from ota_proxy.rules.support.evidence import safe

SCHEMA = "ota-proxy/report/1"


def render(report: Report, root: Path | None = None) -> str:
    """Return the report as indented JSON with a newline at the end; secrets in URLs are shortened."""
    return as_json(document(report, root), indent=2) + "\n"


def document(report: Report, root: Path | None = None) -> dict[str, Any]:
    """Return the report as plain values; `root` is what the paths in fingerprints are relative to."""
    outcomes = [outcome for target in report.targets for outcome in target.outcomes]
    prints = fingerprints(outcomes, root or project_root())
    return {
        "schema": SCHEMA,
        "tool": {"name": "ota-proxy", "version": __version__},
        "targets": [_target(target) for target in report.targets],
        "outcomes": [outcome_document(*pair) for pair in zip(outcomes, prints, strict=True)],
        "summary": _summary(report),
    }


def _target(target: TargetReport) -> dict[str, Any]:
    return {
        "target": safe(target.target),
        "server": safe(target.server) or None,
        "version": safe(target.version) or None,
        "engine": safe(target.engine) or None,
        "level": target.level,
        **({"ats": ats_as_values(target)} if target.ats else {}),
    }


def outcome_document(outcome: Outcome, fingerprint: str) -> dict[str, Any]:
    """Return one outcome as plain values, as every JSON of ours has it."""
    return {
        "rule": outcome.rule.id,
        "name": outcome.rule.name,
        "status": outcome.status,
        "severity": outcome.severity,
        "stage": outcome.rule.stage,
        "target": safe(outcome.target),
        "subject": safe(outcome.subject),
        "message": safe(outcome.message),
        "sees": safe(outcome.sees),
        "evidence": safe(outcome.evidence),
        "location": {"file": safe(outcome.file) or None, "line": outcome.line or None},
        "remedy": safe(outcome.remedy),
        "fingerprint": fingerprint or None,
        "suppressed": safe(outcome.suppressed) or None,
    }


def _summary(report: Report) -> dict[str, Any]:
    counts = summary(report)
    reasons = [{"target": safe(one.target), "reason": safe(one.why)} for one in report.targets if not one.judged]
    return {
        "targets": counts.targets,
        "outcomes": dict(counts.outcomes),
        "findings": dict(counts.findings),
        "suppressed": counts.suppressed,
        "without_verdict": reasons,
    }


LINE_SCHEMA = "ota-proxy/line/1"
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
    return {"schema": LINE_SCHEMA, "target": safe(target), "exit": code, "seconds": round(seconds, 3)}


def dumped(line: Line) -> str:
    """Return a line as text, without its newline."""
    return as_json(line)


def worst(first: int, second: int) -> int:
    """Return the worse of two exit codes."""
    return min(first, second, key=WORST.index)
