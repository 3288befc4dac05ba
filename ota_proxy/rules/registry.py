"""Every check by rule id, and the one way to run them: facts in, one outcome for each finding or rule out.

A crash inside a check is a bug in ota-proxy and is not caught. A rule of the catalogue without a check is never reported; `unchecked` names it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

from ota_proxy import limits
from ota_proxy.rules.catalogue import alert_text, catalogue, remedy
from ota_proxy.rules.rule import Check, Facts, Finding, NotApplicable, NoVerdict, Outcome, Rule, Status
from ota_proxy.rules.support.evidence import safe
from ota_proxy.rules.support.stages import struck

Door = Literal["v", "c", "a", "l"]

Source = Literal["live", "files"]
"""What a check can judge: what a walk and a host showed, or what configuration files say."""

_MODULES = (
    "link",
    "landing",
    "redirects",
    "internal",
    "transport",
    "certificate",
    "tls_versions",
    "manifest_delivery",
    "manifest_content",
    "package_delivery",
    "resume",
    "package_archive",
    "package_app",
    "signing",
    "server",
    "configuration",
)
_CHECKS: dict[str, Check] = {}
_SOURCES: dict[str, frozenset[Source]] = {}


def checks(rule_id: str, *sources: Source) -> Callable[[Check], Check]:
    """Register a generator over `Facts` as the one check of a rule, for what is live unless told otherwise.

    KeyError for an id that the catalogue does not have, or that has a check already, whatever it judges.
    """

    def register(check: Check) -> Check:
        if rule_id not in catalogue() or rule_id in _CHECKS:
            raise KeyError(rule_id)
        _CHECKS[rule_id] = check
        _SOURCES[rule_id] = frozenset(sources or ("live",))
        return check

    return register


@cache
def registered() -> dict[str, Check]:
    """Return every check by rule id, in the order of ids; imports the rule modules."""
    for name in _MODULES:
        importlib.import_module(f"ota_proxy.rules.{name}")
    return dict(sorted(_CHECKS.items()))


def checks_of(door: Door) -> dict[str, Check]:
    """Return the checks that can judge what a door sees, `lint` files and the others what is live; those of rules that the door does not have are among them."""
    source: Source = "files" if door == "l" else "live"
    return {id_: check for id_, check in registered().items() if source in _SOURCES[id_]}


def unchecked(door: Door) -> tuple[Rule, ...]:
    """Return the catalogue's rules of a door that have no check yet: what a clean report does not promise."""
    return tuple(rule for rule in catalogue().values() if door in rule.doors and rule.id not in checks_of(door))


def _always() -> bool:
    return True


def evaluate(facts: Facts, target: str, door: Door, alive: Callable[[], bool] = _always) -> tuple[Outcome, ...]:
    """Run every check of a door: one outcome for each finding, else one passed, not-applicable or no-verdict for the rule.

    Once `alive` says no, because the time for the target is over, the rules that are left have no verdict, and the one at work lists no more.
    """
    rules = catalogue()
    chosen = ((rules[id_], check) for id_, check in checks_of(door).items() if door in rules[id_].doors)
    return tuple(
        outcome
        for rule, check in chosen
        for outcome in _outcomes(rule, check if alive() else _too_late, facts, target, door, alive=alive)
    )


def _too_late(_facts: Facts) -> Iterator[Finding]:
    raise NoVerdict("the time for this target was over before the rule could be judged")


def _outcomes(  # noqa: PLR0913 - what `evaluate` has, and the rule
    rule: Rule, check: Check, facts: Facts, target: str, door: Door, *, alive: Callable[[], bool]
) -> Iterator[Outcome]:
    status: Status = "passed"
    reason = ""
    found = 0
    try:
        for finding in check(facts):
            found += 1
            late = found > 1 and not alive()
            if late or found > limits.FINDINGS:
                rest = (
                    f"The time for this target was over after {found - 1} places of this rule; others are not listed"
                    if late
                    else f"This rule found more than {limits.FINDINGS} places; the others are not listed"
                )
                yield _failed(rule, replace(finding, message=rest, evidence=""), facts, target, door)
                break
            yield _failed(rule, finding, facts, target, door)
    except NotApplicable as error:
        status, reason = "not-applicable", str(error)
    except NoVerdict as error:
        status, reason = "no-verdict", str(error)
    if not found:
        yield Outcome(rule=rule, status=status, severity=rule.severity, target=target, message=safe(reason))


def _failed(rule: Rule, finding: Finding, facts: Facts, target: str, door: Door) -> Outcome:
    here = struck(rule, finding, facts.install)
    return Outcome(
        rule=here,
        status="failed",
        severity="note" if door in rule.note_doors else finding.severity or here.severity,
        target=target,
        subject=safe(finding.subject),
        message=safe(finding.message),
        evidence=safe(finding.evidence),
        remedy=finding.remedy or remedy(rule.id, facts.server),
        span=finding.span,
        edits=finding.edits,
        sees=safe(alert_text(here.sees, _host(facts, target))),
    )


def _host(facts: Facts, target: str) -> str:
    """The host in the alert text: the walk's, the site's, or that of the target."""
    if facts.install is not None and facts.install.host:
        return facts.install.host
    if facts.site is not None:
        return facts.site.public_host
    try:
        return urlsplit(target).hostname or "the server"
    except ValueError:
        return "the server"
