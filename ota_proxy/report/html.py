"""The report as one HTML page to send to a colleague: no script, nothing loaded from anywhere, every foreign text escaped.

Every request of a walk can be folded out with its answer, its duration and its headers. The style is `html.css` beside this file; a content
security policy in the page forbids browsers to load anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from ota_proxy import __version__
from ota_proxy.facts.install import Exchange, Header
from ota_proxy.printable import as_html
from ota_proxy.report import view
from ota_proxy.report import view as views
from ota_proxy.report.paint import Tone
from ota_proxy.report.report import Report, TargetReport
from ota_proxy.report.tls_view import ats_as_html, connections
from ota_proxy.rules.rule import Outcome
from ota_proxy.rules.support.evidence import safe

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_MARKS: Final[dict[Tone, str]] = {"good": "✓", "error": "✗", "warning": "!", "note": "i", "unknown": "?", "none": "–"}
_WORDS: Final[dict[Tone, str]] = {
    "good": "passed",
    "error": "error",
    "warning": "warning",
    "note": "note",
    "unknown": "no verdict",
    "none": "not looked at",
}


def render(report: Report) -> str:
    """Return the report as an HTML document with a newline at the end."""
    style = Path(__file__).with_name("html.css").read_text(encoding="utf-8")
    several = len(report.targets) > 1
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">',
        f"<title>{text(_title(report))}</title><style>{style}</style></head><body>",
        "<header><h1>Will an iPhone install this?</h1>",
        f"<p>{text(view.counts(report))}</p>" if several else "",
        _contents(report) if several else "",
        "</header><main>",
        *(line for number, target in enumerate(report.targets, 1) for line in _target(target, number)),
        f"</main><footer>Made by ota-proxy {text(__version__)}. The device was simulated.</footer></body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def text(value: str) -> str:
    """Return a foreign text for an element or a quoted attribute: printable, secrets shortened, escaped."""
    return as_html(safe(value))


def _title(report: Report) -> str:
    if len(report.targets) == 1:
        return f"{report.targets[0].target} – ota-proxy"
    return f"{len(report.targets)} targets – ota-proxy"


def _contents(report: Report) -> str:
    rows = (
        f'<li>{_mark(_verdict(target)[0])} <a href="#target-{number}">{text(target.target)}</a></li>'
        for number, target in enumerate(report.targets, 1)
    )
    return f"<nav><ol>{''.join(rows)}</ol></nav>"


def _mark(tone: Tone) -> str:
    return f'<b class="mark {tone}" title="{_WORDS[tone]}">{_MARKS[tone]}</b>'


def _verdict(target: TargetReport) -> tuple[Tone, str]:
    """Return the tone and the sentence of the headline."""
    if not target.judged:
        return "unknown", "No verdict"
    found = {outcome.severity for outcome in target.findings}
    if "error" in found:
        return "error", "No: an install fails"
    if "warning" in found:
        return "warning", "Yes, with warnings"
    left = any(outcome.severity == "error" for outcome in target.suppressed)
    return "good", "Yes, leaving aside what is suppressed" if left else "Yes"


def _target(target: TargetReport, number: int) -> Iterator[str]:
    tone, verdict = _verdict(target)
    yield f'<article id="target-{number}"><h2>{text(target.target)}</h2>'
    yield f'<p class="verdict {tone}">{_mark(tone)} {verdict}</p>'
    if view.about(target):
        yield f'<p class="about">{text(view.about(target))}</p>'
    if view.level(target):
        yield f'<p class="about">{text(view.level(target))}</p>'
    yield from (f'<p class="about">{text(note)}</p>' for note in target.notes)
    if target.why or not target.outcomes:
        yield f'<p class="reason">{text(target.why) or "Nothing was checked."}</p>'
    yield from views.as_html(target, text)
    if target.outcomes:
        yield from _judged(target)
    yield from render_timeline(target, text)
    yield "</article>"


def _judged(target: TargetReport) -> Iterator[str]:
    yield _stages(target)
    yield from _phone(target)
    yield from _connections(target)
    for group in view.groups(target):
        yield from _finding(group, target)
    yield from _suppressed(target)
    yield from ats_as_html(target, text, _mark)
    yield from _log(target)
    yield from _rest(target)


def _stages(target: TargetReport) -> str:
    steps = (f'<li class="{tone}">{_mark(tone)} {stage}</li>' for stage, tone in view.stages(target))
    return f'<ol class="stages">{"".join(steps)}</ol>'


def _phone(target: TargetReport) -> Iterator[str]:
    first = view.phone(target)
    if first is not None:
        yield f'<figure class="phone"><blockquote>{text(first.sees)}</blockquote>'
        yield f"<figcaption>On the phone, at the stage “{first.rule.stage}”</figcaption></figure>"


def _connections(target: TargetReport) -> Iterator[str]:
    rows = "".join(
        f"<div><dt>{text(heading)}</dt><dd>{text(words)}</dd></div>" for heading, words in connections(target)
    )
    if rows:
        yield f'<dl class="facts">{rows}</dl>'


# -- findings ---------------------------------------------------------------------------------------------------------


def _finding(group: list[Outcome], target: TargetReport) -> Iterator[str]:
    first = group[0]
    yield f'<section class="finding {first.severity}"><h3>{_mark(first.severity)} {text(first.message)}</h3>'
    yield f'<p class="rule"><b>{first.rule.id}</b> {text(first.rule.name)} · {first.severity} · {first.rule.stage}</p>'
    if first.subject:
        yield f'<p class="subject">{text(first.subject)}</p>'
    if first.evidence:
        yield f"<pre>{text(first.evidence)}</pre>"
    yield from _excerpt(first, target)
    yield from _listed(view.others(group))
    if first.remedy:
        yield f'<p class="remedy"><b>Remedy</b> {text(first.remedy)}</p>'
    yield "</section>"


def _excerpt(outcome: Outcome, target: TargetReport) -> Iterator[str]:
    if not outcome.file:
        return
    yield f'<p class="subject">{text(outcome.file)}:{outcome.line or "?"}</p>'
    lines = view.excerpt(outcome, target.config)
    if lines:
        shown = (_numbered(number, line, here=number == outcome.line) for number, line in lines)
        yield f"<pre>{'<br>'.join(shown)}</pre>"


def _numbered(number: int, line: str, *, here: bool) -> str:
    row = f"{number:4} {as_html(line)}"
    return f"<mark>{row}</mark>" if here else row


def _listed(others: list[str]) -> Iterator[str]:
    if others:
        yield f"<details><summary>{len(others)} more of this rule</summary><ul>"
        yield from (f"<li>{as_html(one)}</li>" for one in others)
        yield "</ul></details>"


def _suppressed(target: TargetReport) -> Iterator[str]:
    told = view.suppressed(target)
    if told:
        yield f"<details><summary>{_mark('none')} {len(target.suppressed)} suppressed</summary><ul>"
        yield from (f"<li>{as_html(one)}</li>" for one in told)
        yield "</ul></details>"


# -- the rest ---------------------------------------------------------------------------------------------------------


def _log(target: TargetReport) -> Iterator[str]:
    many, lines = view.log_lines(target)
    if lines:
        yield f"<details><summary>The server’s log ({many})</summary><pre>{as_html(chr(10).join(lines))}</pre></details>"


def _rest(target: TargetReport) -> Iterator[str]:
    unknown = view.unknown(target)
    if unknown:
        yield f"<details><summary>{_mark('unknown')} Without a verdict</summary><ul>"
        yield from (f"<li>{as_html(one)}</li>" for one in unknown)
        yield "</ul></details>"
    passed = [outcome for outcome in target.outcomes if outcome.status == "passed"]
    if passed:
        summary = f"{_mark('good')} {len(passed)} rules passed: none of these was found"
        yield f"<details><summary>{summary}</summary>{_names(passed)}</details>"
    yield f'<p class="about">{text(view.counts(Report((target,))))}</p>'


def _names(outcomes: Iterable[Outcome]) -> str:
    rows = (f"<li><b>{one.rule.id}</b> {text(one.rule.what)}</li>" for one in outcomes)
    return f'<ul class="rules">{"".join(rows)}</ul>'


Text = Callable[[str], str]
"""Makes a foreign text fit for the page."""

_SECRET = frozenset({"set-cookie", "cookie", "authorization", "proxy-authorization", "www-authenticate"})
"""Headers whose values are, or may hold, secrets: the page is meant to be sent around."""
_LONGEST = 600
"""Characters of one header that are shown."""


def render_timeline(target: TargetReport, text: Text) -> Iterator[str]:
    """Yield the timeline as HTML; nothing if no device walked."""
    walks = [one.install for one in (target.facts, *target.further) if one is not None and one.install is not None]
    exchanges = list({id(one): one for walk in walks for one in walk.exchanges()}.values())
    if not exchanges:
        return
    spent = sum(one.elapsed for one in exchanges)
    longest = max(one.elapsed for one in exchanges)
    yield f'<h3 class="timeline">Every request <small>{len(exchanges)} in {spent:.2f} s</small></h3>'
    yield '<ol class="timeline">'
    for exchange in exchanges:
        yield _row(exchange, longest, text)
    yield "</ol>"


def _row(exchange: Exchange, longest: float, text: Text) -> str:
    share = 100 * exchange.elapsed / longest if longest else 0
    summary = (
        f'<span class="id">{exchange.id}</span><span class="status {_tone(exchange)}">{exchange.status or "✗"}</span>'
        f'<span class="step">{text(exchange.step)}</span><span class="time">{_duration(exchange.elapsed)}</span>'
        f'<span class="url"><b>{text(exchange.method)}</b> {text(exchange.url)}</span>'
        f'<span class="bar"><i style="width:{share:.1f}%"></i></span>'
    )
    return f"<li><details><summary>{summary}</summary>{_inside(exchange, text)}</details></li>"


def _tone(exchange: Exchange) -> str:
    return {2: "good", 3: "note", 4: "warning", 5: "error"}.get(exchange.status // 100, "unknown")


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _inside(exchange: Exchange, text: Text) -> str:
    asked = _headers(exchange.request_headers, text)
    about = f"as {exchange.agent}" + (f", at {exchange.address}" if exchange.address else "")
    return f'<p class="about">{text(about)}</p><dl>{asked}</dl>{_answer(exchange, text)}'


def _answer(exchange: Exchange, text: Text) -> str:
    response = exchange.response
    if response is None:
        return f'<p class="reason">{text(exchange.error.message if exchange.error else "no answer")}</p>'
    broken = f'<p class="reason">{text(response.broken.message)}</p>' if response.broken else ""
    line = f"HTTP/{response.http_version} {response.status} {response.reason}".rstrip()
    size = f"{response.received:,} bytes of body" + (" read, then stopped" if response.truncated else "")
    fields = _headers(response.headers, text)
    return f'<p class="line">{text(line)}</p><dl>{fields}</dl><p class="about">{size}</p>{broken}'


def _headers(headers: Iterable[Header], text: Text) -> str:
    return "".join(f"<div><dt>{text(name)}</dt><dd>{text(_shown(name, value))}</dd></div>" for name, value in headers)


def _shown(name: str, value: str) -> str:
    if name.lower() in _SECRET:
        return f"{value.partition('=')[0].partition(' ')[0][:_LONGEST]} … (not shown)"
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}… ({len(value)} characters)"
