"""Which command looks for a rule, and whether it does so today: the catalogue's doors held against commands and checks that exist."""

from __future__ import annotations

from collections.abc import Collection

from ota_proxy.rules.model import Rule
from ota_proxy.rules.registry import Door, unchecked

COMMANDS: dict[Door, str] = {"c": "check", "v": "verify", "l": "lint", "a": "audit"}
"""The command behind each door, in the order they are named. The fifth, `r`, is `render`, which must not write what the rule finds."""
NEVER_RENDERED = "r"


def planned(rule: Rule) -> tuple[str, ...]:
    """Return the commands that the catalogue has for a rule."""
    return tuple(command for door, command in COMMANDS.items() if door in rule.doors)


def checked_by(rule: Rule, commands: Collection[str]) -> tuple[str, ...]:
    """Return those of `planned` that exist among `commands` and have a check of the rule."""
    doors = [door for door in COMMANDS if door in rule.doors and rule not in unchecked(door)]
    return tuple(COMMANDS[door] for door in doors if COMMANDS[door] in commands)
