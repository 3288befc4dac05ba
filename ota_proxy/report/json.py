"""The report for programs: one JSON document, schema `ota-proxy/report/1` (published as `schema.json` beside this file)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ota_proxy import __version__
from ota_proxy.printable import as_json
from ota_proxy.report.ats import as_values
from ota_proxy.report.model import Report, TargetReport, summary
from ota_proxy.report.places import fingerprints, project_root
from ota_proxy.rules.evidence import safe
from ota_proxy.rules.model import Outcome

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
        **({"ats": as_values(target)} if target.ats else {}),
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
