"""Lists the rules: the catalogue, and which commands look for each rule today."""

from __future__ import annotations

from collections.abc import Sequence

from ota_proxy.printable import as_json
from ota_proxy.report.paint import Paint
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.rule import Rule
from ota_proxy.rules.symptoms import COMMANDS, NEVER_RENDERED, checked_by

SCHEMA = "ota-proxy/rules/1"
DOORS = {**{str(door): command for door, command in COMMANDS.items()}, NEVER_RENDERED: "render"}
"""The letter of each door of the catalogue → its command."""


def rules_of(door: str) -> list[Rule]:
    """Return the rules of a door, by its letter or its command, or with an empty text all of them."""
    letter = next((letter for letter, name in DOORS.items() if door in (letter, name)), "")
    return [rule for rule in catalogue().values() if letter in rule.doors]


def rules_document(rules: Sequence[Rule], commands: Sequence[str]) -> str:
    """Return the rules as a JSON document, each with those of `commands`, which exist, that look for it."""
    rows = [
        {
            "id": rule.id,
            "name": rule.name,
            "severity": rule.severity,
            "stage": rule.stage,
            "sees": list(rule.sees),
            "doors": [name for letter, name in DOORS.items() if letter in rule.doors],
            "checked_by": list(checked_by(rule, commands)),
            "what": rule.what,
        }
        for rule in rules
    ]
    return as_json({"schema": SCHEMA, "rules": rows}, indent=2)


def rules_text(rules: Sequence[Rule], door: str, commands: Sequence[str], paint: Paint) -> str:
    """Return the rules as lines for people, and how many of them are looked for."""
    checked = {rule.id: ", ".join(checked_by(rule, commands)) for rule in rules}
    lines = [
        f"{paint.bold(rule.id)}  {rule.name:<28}  {paint.tint(f'{rule.severity:<7}', rule.severity)}  {checked[rule.id] or '-'}"
        for rule in rules
    ]
    count = sum(map(bool, checked.values()))
    of = f" of {door}" if door else ""
    return "\n".join(
        [*lines, "", f"{len(rules)} rules{of}, {count} of them checked by the commands in the last column"]
    )
