"""What a phone says or shows, `symptoms.toml`: the rules that can be behind it, and a command that would confirm each. `complaints` matches words with it."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ota_proxy.rules.doors import checked_by
from ota_proxy.rules.model import Rule


@dataclass(frozen=True, slots=True)
class Symptom:
    """One complaint: `rules` are ids, most likely first; `letter` is the catalogue's, or empty for a narrower complaint.

    `beyond` are those of the rules that the catalogue files under another letter: people report this sentence for them too.
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
