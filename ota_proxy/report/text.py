"""The report for people: per target the way of an install with its marks, what the phone would show, the findings, and the count.

Nothing a server, a file or a person wrote reaches the terminal unescaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import TextIO

from ota_proxy.report.model import SEVERITIES, Report, TargetReport, summary
from ota_proxy.report.paint import Paint, Tone, paint_for
from ota_proxy.rules.evidence import printable, safe
from ota_proxy.rules.model import STAGES, Outcome

_LOG_LINES = 12
_AROUND = 2
_ALSO = 3
"""How many repetitions of a rule are named before they are only counted."""


def render(report: Report, *, stream: TextIO | None = None, paint: Paint | None = None) -> str:
    """Return the report as text with a newline at the end, painted for the stream (a terminal, a pipe; None: a file)."""
    brush = paint or paint_for(stream)
    lines: list[str] = []
    for target in report.targets:
        lines += [*_target(target, brush), ""]
    if len(report.targets) > 1:
        lines += [*map(brush.bold, brush.wrap(f"{len(report.targets)} targets: {_counts(report)}", "")), ""]
    text = "\n".join(lines[:-1]) + "\n"
    return _plain(text) if brush.ascii_only else text


def _plain(text: str) -> str:
    for sign, word in (("…", "..."), ("→", "->"), ("›", ">"), ("–", "-"), ("×", "x")):
        text = text.replace(sign, word)
    return text.encode("ascii", "replace").decode("ascii")


def _target(target: TargetReport, brush: Paint) -> Iterator[str]:
    yield _title(target, brush)
    for note in target.notes:
        yield from brush.wrap("\n".join(map(printable, note.split("\n"))), "    ", "  note: ")
    if not target.outcomes:
        yield from brush.wrap(
            f"no verdict: {safe(target.reason) or 'nothing was looked at'}", "    ", f"  {brush.mark('unknown')} "
        )
        return
    yield from _stages(target, brush)
    yield from _phone(target, brush)
    yield from _findings(target, brush)
    yield from _log(target, brush)
    yield from _unknown(target, brush)
    yield ""
    yield f"  {_counts(Report((target,)))}"


def _title(target: TargetReport, brush: Paint) -> str:
    server = " ".join(part for part in (target.server, target.version) if part)
    about = [part for part in (server, target.engine, f"level {target.level}" if target.level else "") if part]
    title = brush.bold(safe(target.target))
    return f"{title}  ({', '.join(map(printable, about))})" if about else title


# -- the way of an install --------------------------------------------------------------------------------------------


def _stages(target: TargetReport, brush: Paint) -> Iterator[str]:
    """Show the stages in their order, in one line where it fits."""
    tones = [(stage, _tone(outcome for outcome in target.outcomes if outcome.rule.stage == stage)) for stage in STAGES]
    bare = sum(len(stage) + 2 for stage in STAGES)  # a blank and a mark each
    arrow = brush.sign(" → ", " > ")
    between = arrow if 2 + bare + len(arrow) * (len(STAGES) - 1) <= brush.width else "  "
    parts = [f"{stage} {brush.mark(tone)}" for stage, tone in tones]
    if 2 + bare + len(between) * (len(STAGES) - 1) <= brush.width:
        yield f"  {between.join(parts)}"
    else:
        half = len(parts) // 2
        yield f"  {arrow.join(parts[:half])}{arrow.rstrip()}"
        yield f"  {arrow.join(parts[half:])}"


def _tone(outcomes: Iterable[Outcome]) -> Tone:
    """Return the worst that a stage has to say; notes do not spoil it."""
    found = {outcome.severity if outcome.status == "failed" else outcome.status for outcome in outcomes}
    order: tuple[tuple[str, Tone], ...] = (
        ("error", "error"),
        ("warning", "warning"),
        ("passed", "good"),
        ("note", "note"),
        ("no-verdict", "unknown"),
    )
    return next((tone for word, tone in order if word in found), "none")


def _phone(target: TargetReport, brush: Paint) -> Iterator[str]:
    """Quote what the phone shows at the first stage that fails."""
    errors = [outcome for outcome in target.findings if outcome.severity == "error" and outcome.sees]
    if errors:
        first = min(errors, key=lambda outcome: STAGES.index(outcome.rule.stage))
        text = f"On the phone, at '{first.rule.stage}': {safe(first.sees)}"
        yield from brush.wrap(text, "    ", f"  {brush.sign('›', '>')} ")


# -- findings ---------------------------------------------------------------------------------------------------------


def _rank(outcome: Outcome) -> tuple[int, int, str]:
    return SEVERITIES.index(outcome.severity), STAGES.index(outcome.rule.stage), outcome.rule.id


def _findings(target: TargetReport, brush: Paint) -> Iterator[str]:
    ordered = sorted(target.findings, key=_rank)
    for _, group in groupby(ordered, key=_rank):
        yield ""
        yield from _group(list(group), target, brush)


def _group(group: list[Outcome], target: TargetReport, brush: Paint) -> Iterator[str]:
    first, *rest = group
    severity = first.severity
    yield f"  {brush.mark(severity)} {brush.bold(first.rule.id)} {first.rule.name}  {brush.tint(severity, severity)}"
    yield from brush.wrap(safe(first.message), "    ")
    if first.subject and first.subject not in first.message + first.evidence:
        yield from brush.wrap(f"at {safe(first.subject)}", "    ")
    yield from _evidence(first, brush)
    yield from _excerpt(first, target, brush)
    others = list(dict.fromkeys(f"{safe(one.message)} ({safe(one.subject)})" for one in rest))
    for text in others[:_ALSO]:
        yield from brush.wrap(f"also: {text}", "      ", "    ")
    if len(others) > _ALSO:
        yield f"    and {len(others) - _ALSO} more of this rule"
    if first.remedy:
        yield from brush.wrap(first.remedy, "      ", f"    {brush.sign('→', '->')} ")


def _evidence(outcome: Outcome, brush: Paint) -> Iterator[str]:
    bar, narrow = brush.tint(brush.sign("│", "|"), "none"), replace(brush, width=brush.width - 6)
    for line in safe(outcome.evidence).split("\n") if outcome.evidence else ():
        for piece in narrow.wrap(line, ""):
            yield f"    {bar} {piece}"


def _excerpt(outcome: Outcome, target: TargetReport, brush: Paint) -> Iterator[str]:
    """Show the configuration line with two lines around it."""
    if not outcome.file:
        return
    yield f"    {printable(outcome.file)}:{outcome.line or '?'}"
    text = _config_of(outcome.file, target.config)
    lines = text.split("\n")
    if not text or not 1 <= outcome.line <= len(lines):
        return
    for number in range(max(1, outcome.line - _AROUND), min(len(lines), outcome.line + _AROUND) + 1):
        here = number == outcome.line
        shown = f"{'>' if here else ' '} {number:4} {safe(lines[number - 1])}"
        yield f"    {brush.tint(shown, 'error') if here else shown}".rstrip()


def _config_of(file: str, config: Mapping[str, str]) -> str:
    """Return the text of a file; engines that move the configuration put a folder before its path."""
    near = [text for path, text in config.items() if file == path or file.endswith(f"/{path.lstrip('/')}")]
    return near[0] if len(near) == 1 else config.get(file, "")


def _log(target: TargetReport, brush: Paint) -> Iterator[str]:
    """Show the last lines of the server's log, where something failed."""
    lines = [line for line in target.log.rstrip().split("\n") if line.strip()]
    if not lines or not any(outcome.severity == "error" for outcome in target.findings):
        return
    yield ""
    shown = lines[-_LOG_LINES:]
    many = f"the last {len(shown)} of {len(lines)} lines" if len(lines) > len(shown) else f"{len(lines)} lines"
    yield f"  The server's log ({many}):"
    bar = brush.tint(brush.sign("│", "|"), "none")
    yield from (f"    {bar} {safe(line)}" for line in shown)


def _unknown(target: TargetReport, brush: Paint) -> Iterator[str]:
    """Why rules have no verdict, one line a reason."""
    reasons: dict[str, list[str]] = {}
    for outcome in target.outcomes:
        if outcome.status == "no-verdict":
            reasons.setdefault(safe(outcome.message), []).append(outcome.rule.id)
    if reasons:
        yield ""
    for reason, rules in reasons.items():
        text = f"no verdict on {_span(rules)}: {reason}"
        first, *rest = brush.wrap(text, "    ", "  ? ")
        yield first.replace("?", brush.mark("unknown"), 1)
        yield from rest


def _span(rules: list[str]) -> str:
    """Name rules, neighbours from first to last."""
    runs: list[list[str]] = []
    for rule in sorted(set(rules)):
        if runs and int(rule[3:]) == int(runs[-1][-1][3:]) + 1:
            runs[-1].append(rule)
        else:
            runs.append([rule])
    return ", ".join(
        run[0] if len(run) == 1 else f"{run[0]}{' to ' if len(run) > 2 else ', '}{run[-1]}" for run in runs
    )


def _counts(report: Report) -> str:
    counts = summary(report)
    found = [f"{number} {word}{'s' * (number != 1)}" for word, number in counts.findings.items() if number]
    rest = counts.outcomes
    tail = f"{rest['passed']} passed, {rest['not-applicable']} not applicable, {rest['no-verdict']} without a verdict"
    return f"{', '.join(found) or 'no findings'}; {tail}"
