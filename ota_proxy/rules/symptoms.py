"""What a phone says or shows, `symptoms.toml`: the rules that can be behind it, and a command that would confirm each. `complaints` matches words with it.

Which command looks for a rule, and whether it does so today, are the catalogue's doors held against commands and checks that exist.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ota_proxy.rules.registry import Door, unchecked
from ota_proxy.rules.rule import Rule

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


@dataclass(frozen=True, slots=True)
class Symptom:
    """One complaint: `rules` are ids, most likely first; `letter` is the catalogue's, or empty for a narrower complaint.

    `beyond` are those of the rules that the catalogue files under another letter: people report this alert text for them too.
    """

    title: str
    phrases: tuple[str, ...]
    rules: tuple[str, ...]
    reason: str
    letter: str = ""
    beyond: tuple[str, ...] = ()


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("symptoms.toml").read_text(encoding="utf-8"))


@cache
def symptoms() -> tuple[Symptom, ...]:
    """Return every symptom, in the order of the file."""
    return tuple(
        Symptom(**row | {key: tuple(row[key]) for key in ("phrases", "rules", "beyond") if key in row})
        for row in _data()["symptom"]
    )


def by_letter(letter: str) -> Symptom | None:
    """Return the symptom of a letter of the catalogue, in either case."""
    return next((one for one in symptoms() if one.letter == letter.upper() != ""), None)


def confirmation(rule: Rule, commands: Collection[str]) -> str:
    """Return the one command that would confirm a rule: ours where it is among `commands` and has a check behind it.

    `lint` reads files of IIS only, so what can happen on every server has the command for the others in brackets.
    """
    row = next(row for row in _data()["confirm"] if rule.id in row["rules"])
    command: str = row["command"]
    otherwise: str = row["otherwise"]
    if command.split()[1] not in checked_by(rule, commands):
        return otherwise
    every = command.startswith("ota-proxy lint ") and not rule.name.startswith("iis-")
    return f"{command}   (IIS; else {otherwise})" if every else command
