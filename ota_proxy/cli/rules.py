"""`ota-proxy rules`: the catalogue, and which commands look for each rule today."""

from __future__ import annotations

import argparse
import sys

from ota_proxy.cli.flags.help import DOORS
from ota_proxy.cli.parser import COMMANDS
from ota_proxy.cli.streams import emit
from ota_proxy.errors import EXIT_CLEAN
from ota_proxy.printable import as_json
from ota_proxy.report.paint import paint_for
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.model import Rule
from ota_proxy.rules.symptoms import checked_by

SCHEMA = "ota-proxy/rules/1"


def run(args: argparse.Namespace) -> int:
    """Print the catalogue."""
    door = next((letter for letter, name in DOORS.items() if args.door in (letter, name)), "")
    rules = [rule for rule in catalogue().values() if door in rule.doors]
    emit((_json(rules) if args.format == "json" else _text(rules, args.door)) + "\n")
    return EXIT_CLEAN


def _checked_by(rule: Rule) -> tuple[str, ...]:
    return checked_by(rule, COMMANDS)


def _json(rules: list[Rule]) -> str:
    rows = [
        {
            "id": rule.id,
            "name": rule.name,
            "severity": rule.severity,
            "stage": rule.stage,
            "sees": list(rule.sees),
            "doors": [name for letter, name in DOORS.items() if letter in rule.doors],
            "checked_by": list(_checked_by(rule)),
            "what": rule.what,
        }
        for rule in rules
    ]
    return as_json({"schema": SCHEMA, "rules": rows}, indent=2)


def _text(rules: list[Rule], door: str | None) -> str:
    paint = paint_for(sys.stdout)
    checked = {rule.id: ", ".join(_checked_by(rule)) for rule in rules}
    lines = [
        f"{paint.bold(rule.id)}  {rule.name:<28}  {paint.tint(f'{rule.severity:<7}', rule.severity)}  {checked[rule.id] or '-'}"
        for rule in rules
    ]
    count = sum(map(bool, checked.values()))
    of = f" of {door}" if door else ""
    return "\n".join(
        [*lines, "", f"{len(rules)} rules{of}, {count} of them checked by the commands in the last column"]
    )
