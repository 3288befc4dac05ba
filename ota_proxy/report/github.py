"""The report as workflow commands of GitHub Actions (annotations), and as Markdown for the summary of a step.

A step shows ten annotations of each level at most: the worst come first, every rule once before any rule twice, and one line counts the rest.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ota_proxy.printable import inert
from ota_proxy.report import view
from ota_proxy.report.report import SEVERITIES, Report
from ota_proxy.report.results import Result, results, spread, told, unjudged
from ota_proxy.rules.rule import Severity
from ota_proxy.rules.support.evidence import safe

LIMIT: Final = 10
"""Annotations of one level that a step shows; more are dropped without a word."""
LEVELS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "note": "notice"}
_ROWS: Final = 200
"""Findings in a summary, which may have 1 MiB."""


def render(report: Report, root: Path) -> str:
    """Return one command a line, then the counts in words; paths are relative to `root`."""
    found = results(report, root)
    lines: list[str] = []
    for severity in SEVERITIES:
        counted = spread([one for one in found if one.severity == severity and not one.suppressed])
        found_here, unknown = [_annotation(one) for one in counted], list(_unknown(report, severity))
        # a target without a verdict must not be the one that is cut
        lines += _limited(unknown + found_here if severity == "warning" else found_here + unknown, severity)
    lines += [inert(f"suppressed: {_line(one)}") for one in found if one.suppressed]
    lines += [inert(f"ota-proxy: {safe(one.target)}: {view.level(one)}") for one in report.targets if one.level]
    return "\n".join([*lines, f"ota-proxy: {view.counts(report)}"]) + "\n"


def _line(one: Result) -> str:
    return " ".join(f"{one.title} at {one.place}: {one.suppressed}".split())


def _limited(commands: list[str], severity: Severity) -> list[str]:
    if len(commands) <= LIMIT:
        return commands
    rest = len(commands) - LIMIT + 1
    text = f"{rest} more of this level are not shown here: see the summary of this step, or run ota-proxy yourself"
    return [*commands[: LIMIT - 1], _command(LEVELS[severity], text, title="ota-proxy")]


def _annotation(one: Result) -> str:
    """Annotate a file of the project; of any other the text alone names the place."""
    place = {"file": one.path, "line": str(one.line or 1)} if one.path else {}
    return _command(LEVELS[one.severity], told(one), **place, title=one.title)


def _unknown(report: Report, severity: Severity) -> Iterator[str]:
    """Say what nobody could judge: a target with a warning, rules with a notice a reason."""
    if severity == "warning":
        for target, reason in unjudged(report):
            yield _command("warning", f"{safe(target.target)}: {reason}", title="no verdict")
    elif severity == "note":
        for target in report.targets:
            for text in view.unknown(target):
                yield _command("notice", f"{safe(target.target)}: {text}", title="no verdict")


def _command(level: str, text: str, **properties: str) -> str:
    """Write a command; `%`, line ends and in properties `:` and `,` are escaped as actions/toolkit does."""
    shown = ",".join(f"{name}={_escaped(value, property_=True)}" for name, value in properties.items())
    return f"::{level} {shown}::{_escaped(text)}"


def _escaped(text: str, *, property_: bool = False) -> str:
    pairs = [("%", "%25"), ("\r", "%0D"), ("\n", "%0A")]
    text = inert(text)  # `##[` and `##vso[` are looked for anywhere in a line
    for sign, code in pairs + ([(":", "%3A"), (",", "%2C")] if property_ else []):
        text = text.replace(sign, code)
    return text


# -- the summary of a step --------------------------------------------------------------------------------------------


def summary(report: Report, root: Path) -> str:
    """Return Markdown for `$GITHUB_STEP_SUMMARY`: a headline and a table; foreign text is written so that it is text and no markup."""
    found = results(report, root)
    lines = ["### ota-proxy", "", _text(view.counts(report)), ""]
    lines += [f"- no verdict on {_text(target.target)}: {_text(reason)}" for target, reason in unjudged(report)]
    lines += [f"- {_text(one.target)}: {_text(view.level(one))}" for one in report.targets if one.level]
    if found:
        lines += ["", "| | Rule | Where | What |", "|---|---|---|---|", *map(_row, found[:_ROWS])]
    if len(found) > _ROWS:
        lines += ["", f"{len(found) - _ROWS} more findings are not in this table."]
    return "\n".join(lines) + "\n"


def _row(one: Result) -> str:
    level = "suppressed" if one.suppressed else one.severity
    more = [one.suppressed] if one.suppressed else [f"remedy: {one.remedy}"] if one.remedy else []
    what = "<br>".join(map(_text, [one.message, *more]))
    return f"| {level} | {one.rule.id} {one.rule.name} | {_text(one.place)} | {what} |"


def _text(value: str) -> str:
    """Return a foreign text as it is read, with everything that could be Markdown or HTML as a character reference."""
    shown = "".join(
        char if char.isalnum() or char == " " else f"&#{ord(char)};" for char in safe(value) if char != "\n"
    )
    return shown if "\n" not in value else "<br>".join(map(_text, value.split("\n")))
