"""The report as GitLab's code quality artifact: a JSON array with description, check_name, fingerprint, severity and location.

The format has no words for what passed, was suppressed or does not apply; a target without a verdict is an entry, so that it is not taken for clean.
https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

from ota_proxy.printable import as_bytes, as_json
from ota_proxy.report.report import Report, TargetReport
from ota_proxy.report.results import Result, results, told, unjudged
from ota_proxy.rules.rule import Severity
from ota_proxy.rules.support.evidence import safe

SEVERITIES: Final[dict[Severity, str]] = {"error": "critical", "warning": "major", "note": "info"}
NO_VERDICT: Final = "no-verdict"


def render(report: Report, root: Path) -> str:
    """Return the report as indented JSON with a newline at the end; paths are relative to `root`."""
    found = [_issue(one) for one in results(report, root) if not one.suppressed]
    lost = [_unjudged(target, reason) for target, reason in unjudged(report)]
    return as_json(found + lost, indent=2) + "\n"


def _issue(one: Result) -> dict[str, Any]:
    """Make an entry; a finding without a file has its subject, such as a URL, for a path: it is shown as it is."""
    return {
        "description": f"{one.title}: {told(one)}",
        "check_name": one.title,
        "fingerprint": one.fingerprint,
        "severity": SEVERITIES[one.severity],
        "location": _location(one.path or one.file or one.subject or one.target, one.line),
    }


def _unjudged(target: TargetReport, reason: str) -> dict[str, Any]:
    place = safe(target.target)
    return {
        "description": f"no verdict on {place}: {reason}",
        "check_name": NO_VERDICT,
        "fingerprint": hashlib.sha256(as_bytes(f"{NO_VERDICT}\0{place}\0{target.server}")).hexdigest()[:32],
        "severity": SEVERITIES["warning"],
        "location": _location(place, 0),
    }


def _location(path: str, line: int) -> dict[str, Any]:
    return {"path": path, "lines": {"begin": line or 1}}
