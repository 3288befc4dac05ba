"""Conditions of rules, inbound and outbound, and what they capture for {C:n}."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ota_proxy.iis_emulator.ecma import Groups
from ota_proxy.iis_emulator.inputs import Scope, Template
from ota_proxy.iis_emulator.patterns import NO_GROUPS, Matcher

FileTest = Literal["IsFile", "IsDirectory"]
Exists = Callable[[str, FileTest], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: a pattern on `input`, or whether a file or folder is there (`input` None: the requested one)."""

    input: Template | None
    test: Matcher | FileTest
    negate: bool = False
    """For file tests; a pattern has its own."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """All conditions of a rule, or a precondition."""

    tests: tuple[Condition, ...] = ()
    any_of: bool = False
    track_all: bool = False


def captured(conditions: Conditions, scope: Scope, exists: Exists) -> Scope | None:
    """Return the scope with what the conditions captured, or None where they do not hold.

    MatchAny ends at the first condition that holds. A negated condition captures nothing and leaves what stood before.
    """
    if not conditions.tests:
        return scope
    found: list[Groups] = []
    for condition in conditions.tests:
        holds, groups = _tested(condition, scope, exists)
        if holds and groups is not NO_GROUPS:
            found.append(groups)
            scope = Scope(scope.variable, scope.rule, _numbered(found, conditions), scope.maps)
        if holds == conditions.any_of:
            return scope if holds else None
    return None if conditions.any_of else scope


def _numbered(found: list[Groups], conditions: Conditions) -> Groups:
    """{C:n} counts on through all matched conditions where they are tracked; {C:0} is then the first one's whole match."""
    if not conditions.track_all:
        return found[-1]
    return (found[0][0], *(group for groups in found for group in groups[1:]))


def _tested(condition: Condition, scope: Scope, exists: Exists) -> tuple[bool, Groups]:
    if isinstance(condition.test, str):
        path = condition.input.expand(scope) if condition.input else scope.variable("REQUEST_FILENAME")
        return exists(path, condition.test) != condition.negate, NO_GROUPS
    return condition.test.holds(condition.input.expand(scope) if condition.input else "")
