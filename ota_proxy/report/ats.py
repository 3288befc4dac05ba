"""The App Transport Security matrix of a report, in each of its forms: a row for every way that `nscurl --ats-diagnostics` tries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ota_proxy.facts.tls import AtsRow
from ota_proxy.report.model import TargetReport
from ota_proxy.report.paint import Paint, Tone
from ota_proxy.rules.evidence import safe

TITLE = "App Transport Security, exception by exception"
_RESULTS: dict[bool | None, tuple[str, Tone]] = {
    True: ("pass", "good"),
    False: ("fail", "error"),
    None: ("unknown", "unknown"),
}


def as_text(target: TargetReport, brush: Paint) -> Iterator[str]:
    """Yield lines for a terminal."""
    for place, rows in target.ats.items():
        yield ""
        yield f"  {TITLE}: {safe(place)}"
        for row in rows:
            word, tone = _RESULTS[row.passed]
            yield from brush.wrap(safe(f"{row.name}: {row.reason}"), " " * 15, f"    {brush.mark(tone)} {word:<7}  ")


def as_html(target: TargetReport, text: Callable[[str], str], mark: Callable[[Tone], str]) -> Iterator[str]:
    """Yield a table for each host; `text` makes a foreign text fit for the page, `mark` shows a tone."""
    for place, rows in target.ats.items():
        yield f"<details><summary>{TITLE}: {text(place)}</summary>"
        yield '<table class="ats"><thead><tr><th>Result</th><th>Asked with</th><th>Why</th></tr></thead><tbody>'
        for row in rows:
            word, tone = _RESULTS[row.passed]
            yield f"<tr><td>{mark(tone)} {word}</td><td>{text(row.name)}</td><td>{text(row.reason)}</td></tr>"
        yield "</tbody></table></details>"


def as_values(target: TargetReport) -> list[dict[str, Any]]:
    """Return the matrix as plain values, one entry a host."""
    return [{"host": safe(place), "rows": [_row(row) for row in rows]} for place, rows in target.ats.items()]


def _row(row: AtsRow) -> dict[str, Any]:
    return {
        "name": safe(row.name),
        "minimum": safe(row.minimum) or None,
        "forward_secrecy": row.forward_secrecy,
        "certificate_rules": row.certificate_rules,
        "result": _RESULTS[row.passed][0],
        "reason": safe(row.reason),
    }
