"""Where a value came from, and the line of a key in a TOML text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Key = tuple[str | int, ...]

_TABLE = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_STEP = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")


@dataclass(frozen=True, slots=True)
class Source:
    """One origin of values: `name` is a flag, an environment variable, a file, or `default`; `line` only for files."""

    kind: Literal["flag", "environment", "file", "default", "assumed"]
    name: str
    line: int = 0

    def __str__(self) -> str:
        """Write it as a place: `ota-proxy.toml:3`, `--domain`, `OTA_PROXY_DOMAINS`."""
        return f"{self.name}:{self.line}" if self.line else self.name


def dotted(key: Key) -> str:
    """Write a key as people do: `locations[0].root`."""
    text = ""
    for step in key:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def key_lines(text: str, below: tuple[str, ...] = ()) -> dict[Key, int]:
    """Return key → line (from 1) of every table and assignment under the table `below` (`("tool", "ota-proxy")`)."""
    lines: dict[Key, int] = {}
    table: Key = ()
    counts: dict[Key, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _TABLE.match(line):
            table = _steps(match[2])
            if match[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                lines.setdefault(table[len(below) :], number)
                table = (*table, counts[table])
            lines.setdefault(table[len(below) :], number)
        elif (match := _ASSIGNMENT.match(line)) and table[: len(below)] == below:
            lines.setdefault((*table, *_steps(match[1]))[len(below) :], number)
    return lines


def _steps(text: str) -> Key:
    return tuple(step.strip("\"'") for step in _STEP.findall(text))
