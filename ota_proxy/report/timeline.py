"""The timeline of the HTML report: every request of a walk with its answer, how long it took, and its headers to fold out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ota_proxy.facts.install import Exchange, Header
from ota_proxy.report.model import TargetReport

Text = Callable[[str], str]
"""Makes a foreign text fit for the page."""

_SECRET = frozenset({"set-cookie", "cookie", "authorization", "proxy-authorization", "www-authenticate"})
"""Headers whose values are, or may hold, secrets: the page is meant to be sent around."""
_LONGEST = 600
"""Characters of one header that are shown."""


def render_timeline(target: TargetReport, text: Text) -> Iterator[str]:
    """Yield the timeline as HTML; nothing where no device walked."""
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
