"""The report for people: per target the way of an install with its marks, what the phone would show, the findings, and the count.

Nothing a server, a file or a person wrote reaches the terminal unescaped, and nothing is a command where the terminal is a CI's log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TextIO

from ota_proxy.printable import inert, printable
from ota_proxy.report import view
from ota_proxy.report.paint import Paint, paint_for
from ota_proxy.report.report import Report, TargetReport
from ota_proxy.report.tls_view import ats_as_text, connections
from ota_proxy.rules.rule import STAGES, Outcome
from ota_proxy.rules.support.evidence import safe


def render(report: Report, *, stream: TextIO | None = None, paint: Paint | None = None) -> str:
    """Return the report as text with a newline at the end, painted for the stream (a terminal, a pipe; None: a file)."""
    brush = paint or paint_for(stream)
    lines: list[str] = []
    for target in report.targets:
        lines += [*_target(target, brush), ""]
    if len(report.targets) > 1:
        lines += [*map(brush.bold, brush.wrap(f"{len(report.targets)} targets: {view.counts(report)}", "")), ""]
    text = "\n".join(lines[:-1]) + "\n"
    return inert(plain(text) if brush.ascii_only else text)


def plain(text: str) -> str:
    """Return text in ASCII, for terminals that know nothing else."""
    for sign, word in (("…", "..."), ("→", "->"), ("›", ">"), ("–", "-"), ("×", "x")):
        text = text.replace(sign, word)
    return text.encode("ascii", "replace").decode("ascii")


def _target(target: TargetReport, brush: Paint) -> Iterator[str]:
    yield _title(target, brush)
    if view.level(target):
        yield from brush.wrap(view.level(target), "    ", "  ")
    for note in target.notes:
        yield from brush.wrap("\n".join(map(printable, note.split("\n"))), "    ", "  note: ")
    if not target.outcomes:
        yield from brush.wrap(
            f"no verdict: {safe(target.why) or 'nothing was checked'}", "    ", f"  {brush.mark('unknown')} "
        )
        return
    yield from _stages(target, brush)
    if target.why:
        yield from brush.wrap(f"no verdict: {safe(target.why)}", "    ", f"  {brush.mark('unknown')} ")
    yield from _phone(target, brush)
    yield from _connections(target, brush)
    yield from _findings(target, brush)
    yield from _suppressed(target, brush)
    yield from ats_as_text(target, brush)
    yield from _log(target, brush)
    yield from _unknown(target, brush)
    yield ""
    yield from brush.wrap(view.counts(Report((target,))), "  ")
    if view.hint(target):
        yield from brush.wrap(view.hint(target), "    ", "  ")


def _title(target: TargetReport, brush: Paint) -> str:
    title, about = brush.bold(safe(target.target)), view.about(target)
    return f"{title}  ({printable(about)})" if about else title


# -- the way of an install --------------------------------------------------------------------------------------------


def _stages(target: TargetReport, brush: Paint) -> Iterator[str]:
    """Show the stages in their order, in one line where it fits, else in as few as they need."""
    arrow = brush.sign(" → ", " > ")
    seen = view.stages(target)
    bare = 2 + sum(_space(stage) for stage, _ in seen)
    between = arrow if bare + len(arrow) * (len(seen) - 1) <= brush.width else "  "
    if bare + len(between) * (len(seen) - 1) <= brush.width:
        yield "  " + between.join(f"{stage} {brush.mark(tone)}" for stage, tone in seen)
        return
    line, used = "", 0
    for stage, tone in seen:
        if line and 2 + used + _space(stage) + len(arrow.rstrip()) > brush.width:
            yield f"  {line}".rstrip()
            line, used = "", 0
        end = "" if stage == STAGES[-1] else arrow
        line += f"{stage} {brush.mark(tone)}{end}"
        used += _space(stage) + len(end)
    yield f"  {line}"


def _space(stage: str) -> int:
    """Return the columns of a stage with a blank and its mark; colours take none."""
    return len(stage) + 2


def _phone(target: TargetReport, brush: Paint) -> Iterator[str]:
    """Quote what the phone shows at the first stage that fails."""
    first = view.phone(target)
    if first is not None:
        text = f"On the phone, at '{first.rule.stage}': {safe(first.sees)}"
        yield from brush.wrap(text, "    ", f"  {brush.sign('›', '>')} ")


def _connections(target: TargetReport, brush: Paint) -> Iterator[str]:
    for heading, sentence in connections(target):
        yield from brush.wrap(f"{heading}: {sentence}", "    ", f"  {brush.sign('·', '*')} ")


# -- findings ---------------------------------------------------------------------------------------------------------


def _findings(target: TargetReport, brush: Paint) -> Iterator[str]:
    for group in view.groups(target):
        yield ""
        yield from _group(group, target, brush)


def _group(group: list[Outcome], target: TargetReport, brush: Paint) -> Iterator[str]:
    first = group[0]
    severity = first.severity
    yield f"  {brush.mark(severity)} {brush.bold(first.rule.id)} {first.rule.name}  {brush.tint(severity, severity)}"
    yield from brush.wrap(safe(first.message), "    ")
    if first.subject not in ("", first.file) and first.subject not in first.message + first.evidence:
        yield from brush.wrap(f"at {safe(first.subject)}", "    ")
    yield from _evidence(first, brush)
    yield from _excerpt(first, target, brush)
    others = view.others(group)
    for text in others[: view.ALSO]:
        yield from brush.wrap(f"also: {text}", "      ", "    ")
    if len(others) > view.ALSO:
        yield f"    and {len(others) - view.ALSO} more of this rule"
    if first.remedy:
        yield from brush.wrap(safe(first.remedy), "      ", f"    {brush.sign('→', '->')} ")


def _suppressed(target: TargetReport, brush: Paint) -> Iterator[str]:
    """Name what somebody suppressed, and why: one line each."""
    told = view.suppressed(target)
    if told:
        yield ""
    for text in told:
        yield from brush.wrap(f"suppressed: {text}", "      ", f"  {brush.mark('none')} ")


def _evidence(outcome: Outcome, brush: Paint) -> Iterator[str]:
    yield from _quoted(safe(outcome.evidence).split("\n") if outcome.evidence else (), brush)


def _quoted(lines: Iterable[str], brush: Paint) -> Iterator[str]:
    """Show what others wrote beside a bar, line for line."""
    bar, narrow = brush.tint(brush.sign("│", "|"), "none"), replace(brush, width=brush.width - 6)
    for line in lines:
        for piece in narrow.wrap(line, ""):
            yield f"    {bar} {piece}"


def _excerpt(outcome: Outcome, target: TargetReport, brush: Paint) -> Iterator[str]:
    """Show the configuration line with two lines around it; these are cut where they are too long, the line itself is not."""
    if not outcome.file:
        return
    yield f"    {printable(outcome.file)}:{outcome.line or '?'}{f':{column}' if (column := outcome.span.column) else ''}"
    for number, line in view.excerpt(outcome, target.config):
        here = number == outcome.line
        shown = f"    {'>' if here else ' '} {number:4} {line}".rstrip()
        if here:
            yield brush.tint(shown, "error")
        elif len(shown) > brush.width:
            yield f"{shown[: brush.width - 1]}…"
        else:
            yield shown


def _log(target: TargetReport, brush: Paint) -> Iterator[str]:
    """Show the last lines of the server's log, where something failed."""
    many, lines = view.log_lines(target)
    if not lines:
        return
    yield ""
    yield f"  The server's log ({many}):"
    yield from _quoted(lines, brush)


def _unknown(target: TargetReport, brush: Paint) -> Iterator[str]:
    """Why rules have no verdict, one line a reason."""
    reasons = view.unknown(target)
    if reasons:
        yield ""
    for text in reasons:
        yield from brush.wrap(text, "    ", f"  {brush.mark('unknown')} ")
