"""What a report for people says about the TLS of a target's hosts, healthy or not: versions, groups, the chain as served, and two verdicts.

The verdict on App Transport Security and the one on the stricter rules announced for iOS 27 stand apart: rules OTA216 and OTA218.
The matrix has a row for every way that `nscurl --ats-diagnostics` tries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ota_proxy.facts.install import TlsFacts
from ota_proxy.facts.tls import AtsRow
from ota_proxy.report.paint import Paint, Tone
from ota_proxy.report.report import TargetReport
from ota_proxy.rules.support.evidence import safe

_TRUST_SWITCH = (
    "a CA that was given: devices need its profile, and if no MDM brought it, the switch under "
    "Settings › General › About › Certificate Trust Settings"
)
_GROUPS = 3
"""How many groups are named."""


def connections(target: TargetReport) -> Iterator[tuple[str, str]]:
    """Yield a heading and a sentence for each host that TLS was spoken with, and one with the verdicts; nothing if none was."""
    hosts = list(_hosts(target))
    for tls in hosts:
        yield f"TLS at {safe(tls.place)}", _spoken(tls)
        if tls.chain and not target.engine:  # a trial's certificates are test ones
            yield "certificate", _certificate(tls)
    if hosts:
        yield "App Transport Security", f"{_verdict(target, 'OTA216')}; {_announced(target)}"


def _hosts(target: TargetReport) -> Iterator[TlsFacts]:
    seen: dict[str, TlsFacts] = {}
    for facts in (target.facts, *target.further):
        for tls in facts.install.hosts if facts and facts.install else ():
            if tls.reachable:
                seen.setdefault(tls.place, tls)
    return iter(seen.values())


def _spoken(tls: TlsFacts) -> str:
    parts = [", ".join(map(safe, tls.versions)) or "no version was accepted"]
    if tls.groups:
        more = f" and {len(tls.groups) - _GROUPS} more" if len(tls.groups) > _GROUPS else ""
        parts.append(f"groups {', '.join(map(safe, tls.groups[:_GROUPS]))}{more}")
    if tls.alpn:
        parts.append(f"{', '.join(map(safe, tls.alpn))} offered")
    if tls.extended_master_secret is False:
        parts.append("no Extended Master Secret")
    if tls.partial:
        parts.append("the probe has gaps")
    return "; ".join(parts)


def _certificate(tls: TlsFacts) -> str:
    leaf = tls.chain[0]
    key = f"{safe(leaf.key_kind).upper()} {leaf.key_bits}, until {leaf.not_after:%Y-%m-%d}, {len(tls.chain)} sent"
    given = f" ({_TRUST_SWITCH})" if tls.private_root else ""
    return f"{key}; {safe(tls.trust_detail) or tls.trust}{given}"


def _verdict(target: TargetReport, rule: str) -> str:
    statuses = {one.status for one in target.outcomes if one.rule.id == rule}
    return next(
        (word for status, word in (("failed", "refused"), ("passed", "accepted")) if status in statuses), "unknown"
    )


def _announced(target: TargetReport) -> str:
    return f"by the stricter rules announced for iOS 27: {_verdict(target, 'OTA218')}"


TITLE = "App Transport Security, exception by exception"
_RESULTS: dict[bool | None, tuple[str, Tone]] = {
    True: ("pass", "good"),
    False: ("fail", "error"),
    None: ("unknown", "unknown"),
}


def ats_as_text(target: TargetReport, brush: Paint) -> Iterator[str]:
    """Yield lines for a terminal."""
    for place, rows in target.ats.items():
        yield ""
        yield f"  {TITLE}: {safe(place)}"
        for row in rows:
            word, tone = _RESULTS[row.passed]
            yield from brush.wrap(safe(f"{row.name}: {row.reason}"), " " * 15, f"    {brush.mark(tone)} {word:<7}  ")


def ats_as_html(target: TargetReport, text: Callable[[str], str], mark: Callable[[Tone], str]) -> Iterator[str]:
    """Yield a table for each host; `text` makes a foreign text fit for the page, `mark` shows a tone."""
    for place, rows in target.ats.items():
        yield f"<details><summary>{TITLE}: {text(place)}</summary>"
        yield '<table class="ats"><thead><tr><th>Result</th><th>Asked with</th><th>Why</th></tr></thead><tbody>'
        for row in rows:
            word, tone = _RESULTS[row.passed]
            yield f"<tr><td>{mark(tone)} {word}</td><td>{text(row.name)}</td><td>{text(row.reason)}</td></tr>"
        yield "</tbody></table></details>"


def ats_as_values(target: TargetReport) -> list[dict[str, Any]]:
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
