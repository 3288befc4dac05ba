"""A report with one of everything: findings in files and at URLs, repeated, suppressed, without a verdict, not applicable, passed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ota_proxy.report.report import Report, TargetReport, no_verdict
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.rule import Outcome, Status
from ota_proxy.servers.text import Span

TARGET = "https://ota.example.com/"
URL = "https://ota.example.com/ota/app.ipa?token=s3cr3ts3cr3t"
OUTSIDE = "/etc/nginx/nginx.conf"
REASON = "the proxy in front does it"


def outcome(rule: str, status: Status = "failed", **more: Any) -> Outcome:  # noqa: ANN401 - fields of the outcome
    """Make an outcome of a rule of the catalogue, with the rule's severity and TARGET; `file`, `line` and `column` make its span."""
    known = catalogue()[rule]
    span = Span(more.pop("file", ""), more.pop("line", 0), more.pop("column", 0))
    fields = {"rule": known, "status": status, "severity": known.severity, "target": TARGET, "span": span}
    return Outcome(**(fields | more))


def findings(root: Path) -> list[Outcome]:
    """Return what counts; the files lie in `root` and outside."""
    inside = str(root / "conf" / "site one.conf")
    return [
        outcome("OTA406", subject="http > server > location /ota/", message="max_ranges 0", file=inside, line=3),
        outcome("OTA406", subject="http > server > location /b/", message="max_ranges 0", file=inside, line=9),
        outcome("OTA315", subject=URL, message="no Cache-Control", evidence="HTTP/2 200\n(no cache-control)"),
        outcome("OTA511", subject="http > server", message="a note", file=OUTSIDE, line=7, remedy="say so"),
        outcome("OTA201", subject="http://ota.example.com/", message="200 instead of a redirect", sees="nothing"),
    ]


def suppressed(root: Path) -> Outcome:
    """Return a finding that somebody suppressed."""
    file = str(root / "conf" / "old.conf")
    found = outcome("OTA202", subject="http > server", message="path lost", file=file, line=12)
    return replace(found, suppressed=REASON, in_source=True)


def sample(root: Path) -> Report:
    """Return the report: a target with everything, and one without any verdict."""
    rest = [
        outcome("OTA301", "passed"),
        outcome("OTA302", "no-verdict", message="the body was too large"),
        outcome("OTA107", "not-applicable", message="there is no page"),
    ]
    config = {OUTSIDE: "".join(f"line {number};\n" for number in range(1, 12))}
    one = TargetReport(
        TARGET, "nginx", "1.26.3", "docker", None, (*findings(root), suppressed(root), *rest), config=config
    )
    return Report((one, no_verdict("https://gone.example.com/", "", "nobody answers")))
