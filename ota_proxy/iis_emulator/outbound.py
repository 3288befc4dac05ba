"""Outbound rules that write response headers (URL Rewrite 2.0 configuration reference, "Setting Response Headers")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ota_proxy.iis_emulator.conditions import Conditions, captured
from ota_proxy.iis_emulator.inputs import RewriteMap, Scope, Template
from ota_proxy.iis_emulator.message import Response
from ota_proxy.iis_emulator.patterns import NO_GROUPS, Matcher
from ota_proxy.iis_emulator.variables import Variables


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """A rule that rewrites the field `header` where `when` and `conditions` hold and its pattern matches the field's value."""

    name: str
    header: str
    match: Matcher
    value: Template | None
    """None for the action type None."""
    when: Conditions | None = None
    conditions: Conditions = field(default_factory=Conditions)
    stop: bool = False
    replace: bool = True


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """Rules in their order and the maps they use."""

    rules: tuple[HeaderRule, ...]
    maps: Mapping[str, RewriteMap]


def rewrite(rules: HeaderRules, variables: Variables, response: Response) -> None:
    """Apply the rules to the headers of a response. TooExpensiveError where a pattern takes too many steps."""
    variables.response = lambda name: str(response.status) if name == "STATUS" else response.header(name)
    for rule in rules.rules:
        scope = Scope(variables.get, NO_GROUPS, NO_GROUPS, rules.maps)
        if rule.when is not None and _captured(rule.when, scope) is None:
            continue
        if _apply(rule, scope, response) and rule.stop:
            return


def _apply(rule: HeaderRule, scope: Scope, response: Response) -> bool:
    """Rewrite every field of the rule's name, or the one that is not there yet; say whether something matched."""
    values = [value for name, value in response.fields if name.lower() == rule.header.lower()]
    changed, matched = [], False
    for value in values or [""]:
        holds, groups = rule.match.holds(value)
        inner = _captured(rule.conditions, Scope(scope.variable, groups, NO_GROUPS, scope.maps)) if holds else None
        matched |= inner is not None
        changed.append(rule.value.expand(inner) if inner is not None and rule.value is not None else value)
    if not matched or rule.value is None or (values and not rule.replace):
        return matched
    response.remove_header(rule.header)
    response.fields += [(rule.header, value) for value in changed]
    return True


def _captured(conditions: Conditions, scope: Scope) -> Scope | None:
    return captured(conditions, scope, lambda _path, _kind: False)  # the reader lets no file test through
