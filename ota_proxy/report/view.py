"""What every report for people says, whatever it looks like: how a stage went, what the phone shows, in which order findings come.

Besides, what was seen of a page that was opened in a real browser.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from ota_proxy.facts.install import ViewFacts
from ota_proxy.facts.levels import level_line
from ota_proxy.printable import printable
from ota_proxy.report.paint import Tone
from ota_proxy.report.report import SEVERITIES, Report, TargetReport, summary
from ota_proxy.rules.rule import STAGES, Facts, Outcome, Stage
from ota_proxy.rules.support.evidence import safe
from ota_proxy.rules.support.stages import hurts
from ota_proxy.servers.base import called

LOG_LINES = 12
AROUND = 2
ALSO = 3
"""How many repetitions of a rule are named before they are only counted."""

_DEMOTED = "demoted"
_ORDER: tuple[tuple[str, Tone], ...] = (
    ("error", "error"),
    ("warning", "warning"),
    (_DEMOTED, "note"),
    ("passed", "good"),
    ("note", "note"),
    ("no-verdict", "unknown"),
)
_BEHIND: tuple[Stage, ...] = ("package", "install", "open")
"""Stages that are not reached where one before them fails: nobody opens what was not installed."""


def stages(target: TargetReport) -> list[tuple[Stage, Tone]]:
    """Return how each stage of an install went, in their order: marked by every finding that is felt there, whatever stage it is of."""
    tones = {stage: _tone(_told(target, stage)) for stage in STAGES}
    tones |= dict.fromkeys((stage for stage in target.missed if tones[stage] == "good"), "unknown")
    failed = next((stage for stage in _BEHIND if tones[stage] == "error"), None)
    for stage in _BEHIND[_BEHIND.index(failed) + 1 :] if failed else ():
        tones[stage] = "none" if tones[stage] == "good" else tones[stage]
    return list(tones.items())


def _told(target: TargetReport, stage: Stage) -> Iterator[str]:
    """Yield a word for each outcome that says something of a stage; what was suppressed says nothing."""
    for outcome in target.outcomes:
        if outcome.suppressed or (outcome.status != "failed" and outcome.rule.stage != stage):
            continue
        if outcome.status != "failed":
            yield outcome.status
        elif stage in hurts(outcome.rule):
            yield _DEMOTED if _demoted(outcome) else outcome.severity


def _demoted(outcome: Outcome) -> bool:
    """Say whether a door made a note of what a phone would show as an error: `verify` proves the server, whatever the app is."""
    return outcome.severity == "note" and outcome.rule.severity == "error" and bool(outcome.rule.note_doors)


def _tone(words: Iterable[str]) -> Tone:
    """Return the worst that a stage has to say; notes that are true of healthy installs do not spoil it."""
    found = set(words)
    return next((tone for word, tone in _ORDER if word in found), "none")


def phone(target: TargetReport) -> Outcome | None:
    """Return the first error on the way of an install that has an alert text, or None."""
    errors = [outcome for outcome in target.findings if outcome.severity == "error" and outcome.sees]
    return min(errors, key=lambda outcome: STAGES.index(outcome.rule.stage), default=None)


def _rank(outcome: Outcome) -> tuple[int, int, str]:
    return SEVERITIES.index(outcome.severity), STAGES.index(outcome.rule.stage), outcome.rule.id


def groups(target: TargetReport) -> Iterator[list[Outcome]]:
    """Yield the findings of each rule together: errors first, then in the order of the stages."""
    for _, group in groupby(sorted(target.findings, key=_rank), key=_rank):
        yield list(group)


def others(group: list[Outcome]) -> list[str]:
    """Return what the findings after a group's first add, each once; one in a file begins with its place."""
    return list(dict.fromkeys(map(_other, group[1:])))


def _other(one: Outcome) -> str:
    text = f"{safe(one.message)} ({safe(one.subject)})" if one.subject else safe(one.message)
    return f"{place(one)} {text}" if one.file else text


def place(one: Outcome) -> str:
    """Return `file:line`, else the subject."""
    return f"{printable(one.file)}:{one.line or '?'}" if one.file else safe(one.subject)


def suppressed(target: TargetReport) -> list[str]:
    """Name every finding that somebody suppressed, with the reason; those that read the same once."""
    told = Counter(
        f"{one.rule.id} {one.rule.name} at {place(one)}: {safe(one.suppressed)}" for one in target.suppressed
    )
    return [f"{text} ({many} findings)" if many > 1 else text for text, many in told.items()]


def excerpt(outcome: Outcome, config: Mapping[str, str]) -> list[tuple[int, str]]:
    """Return the configuration line of a finding with two lines around it, numbered; empty if its text is not known."""
    lines = _config_of(outcome.file, config).split("\n")
    if lines == [""] or not 1 <= outcome.line <= len(lines):
        return []
    last = min(len(lines), outcome.line + AROUND)
    return [(number, safe(lines[number - 1])) for number in range(max(1, outcome.line - AROUND), last + 1)]


def _config_of(file: str, config: Mapping[str, str]) -> str:
    """Return the text of a file; engines that move the configuration put a folder before its path."""
    near = [text for path, text in config.items() if file == path or file.endswith(f"/{path.lstrip('/')}")]
    return near[0] if len(near) == 1 else config.get(file, "")


def log_lines(target: TargetReport) -> tuple[str, list[str]]:
    """Return how many lines of the server's log are shown, in words, and the lines; none where nothing failed.

    What a finding shows as its evidence is left out.
    """
    told = {line.strip() for one in target.findings for line in one.evidence.split("\n")}
    lines = [line for line in target.log.rstrip().split("\n") if line.strip() and safe(line).strip() not in told]
    if not lines or not any(outcome.severity == "error" for outcome in target.findings):
        return "", []
    shown = lines[-LOG_LINES:]
    many = (
        f"the last {len(shown)} of {len(lines)} lines"
        if len(lines) > len(shown)
        else f"{len(lines)} line{'s' * (len(lines) != 1)}"
    )
    return many, [safe(line) for line in shown]


def unknown(target: TargetReport) -> list[str]:
    """Say why rules have no verdict, one sentence a reason."""
    reasons: dict[str, list[str]] = {}
    for outcome in target.outcomes:
        if outcome.status == "no-verdict":
            reasons.setdefault(safe(outcome.message), []).append(outcome.rule.id)
    return [f"no verdict on {_span(rules)}: {reason}" for reason, rules in reasons.items()]


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


def hint(target: TargetReport) -> str:
    """Say where to read on about the first finding; empty if there is none."""
    first = next(groups(target), None)
    return f"more about a rule: ota-proxy explain {first[0].rule.id}" if first else ""


def counts(report: Report) -> str:
    """Count findings and outcomes in words."""
    counted = summary(report)
    found = [f"{number} {word}{'s' * (number != 1)}" for word, number in counted.findings.items() if number]
    rest = counted.outcomes
    tail = f"{rest['passed']} passed, {rest['not-applicable']} not applicable, {rest['no-verdict']} without a verdict"
    aside = f", {counted.suppressed} suppressed" if counted.suppressed else ""
    return f"{', '.join(found) or 'no findings'}; {tail}{aside}"


def about(target: TargetReport) -> str:
    """Return server and engine of a target in one phrase, empty if none is known."""
    return ", ".join(part for part in (called(target.server, target.version), target.engine) if part)


def level(target: TargetReport) -> str:
    """Return the one sentence that a result about IIS may claim (`L1 emulated: …`), empty for other servers."""
    return level_line(target.level)


MOST_SCREENSHOTS = 6


def views_of(facts: Facts | None) -> tuple[ViewFacts, ...]:
    """Return the views of a walk's landing page."""
    page = facts.install.page if facts and facts.install else None
    return page.views if page else ()


def views_told(facts: Facts) -> tuple[str, ...]:
    """Say in a sentence for each device what the browser did, and one for all about what was not loaded."""
    views = views_of(facts)
    told = [_told_by(view) for view in views]
    refused = list(dict.fromkeys(one for view in views for one in view.refused))
    if refused:
        told.append(f"the page did not get {len(refused)} of its requests: {refused[0]}")
    if any(view.engine and not view.sandboxed for view in views):
        told.append(
            "Chromium ran without its sandbox, because this is root: check pages that you do not trust as another user"
        )
    return tuple(map(safe, told))


def _told_by(view: ViewFacts) -> str:
    if not view.engine:
        return f"the page was not opened in a browser: {view.problem}"
    links, taps = len(view.links), len(view.taps)
    text = (
        f"opened in {view.engine} as {view.device}: {links} install link{'s' * (links != 1)}, "
        f"{taps} tap{'s' * (taps != 1)}, {view.requests} request{'s' * (view.requests != 1)}"
    )
    return f"{text}; {view.problem}" if view.problem else text


def as_html(target: TargetReport, text: Callable[[str], str]) -> Iterator[str]:
    """Yield the screenshots, which stand in the document itself."""
    screenshots = [screenshot for view in views_of(target.facts) for screenshot in view.screenshots][:MOST_SCREENSHOTS]
    if screenshots:
        yield '<div class="views">'
        for caption, data in screenshots:
            source = f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
            yield f'<figure><img src="{source}" alt="{text(caption)}"><figcaption>{text(caption)}</figcaption></figure>'
        yield "</div>"
