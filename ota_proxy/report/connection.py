"""What a report for people says about the TLS of a target's hosts, healthy or not: versions, groups, the chain as served, and two verdicts.

The verdict on App Transport Security and the one on the stricter rules announced for the 27 systems stand apart: rules OTA216 and OTA218.
"""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.facts.install import TlsFacts
from ota_proxy.report.model import TargetReport
from ota_proxy.rules.evidence import safe

_TRUST_SWITCH = (
    "a CA that was given: devices need its profile, and where no MDM brought it, the switch under "
    "Settings › General › About › Certificate Trust Settings"
)
_GROUPS = 3
"""How many groups are named."""


def connections(target: TargetReport) -> Iterator[tuple[str, str]]:
    """Yield a heading and a sentence for each host that TLS was spoken with, and one with the verdicts; nothing where none was."""
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
    return f"by the stricter rules announced for the 27 systems: {_verdict(target, 'OTA218')}"
