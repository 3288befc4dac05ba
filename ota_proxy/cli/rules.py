"""`ota-proxy rules`: the catalogue, and which commands look for each rule today."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ota_proxy.cli.streams import emit
from ota_proxy.errors import EXIT_CLEAN
from ota_proxy.printable import as_json

if TYPE_CHECKING:
    from ota_proxy.rules.model import Rule

SCHEMA = "ota-proxy/rules/1"
DOORS = {"c": "check", "v": "verify", "l": "lint", "a": "audit", "r": "render"}
_DESCRIPTION = """\
List the rules, and say which command checks which.

  ota-proxy rules
  ota-proxy rules --door check
  ota-proxy rules --format json
"""


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("rules", help="list every rule", description=_DESCRIPTION)
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    command.add_argument(
        "--door",
        choices=(*DOORS, *DOORS.values()),
        metavar="DOOR",
        help="only the rules of one command: check, verify, lint, audit, render, or its first letter",
    )
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the catalogue."""
    from ota_proxy.rules.catalogue import catalogue  # noqa: PLC0415

    door = next((letter for letter, name in DOORS.items() if args.door in (letter, name)), "")
    rules = [rule for rule in catalogue().values() if door in rule.doors]
    emit((_json(rules) if args.format == "json" else _text(rules, args.door)) + "\n")
    return EXIT_CLEAN


def _checked_by(rule: Rule) -> tuple[str, ...]:
    from ota_proxy.cli.main import COMMANDS  # noqa: PLC0415 - it imports this module
    from ota_proxy.rules.doors import checked_by  # noqa: PLC0415 - imports every rule

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
    from ota_proxy.report.paint import paint_for  # noqa: PLC0415

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
