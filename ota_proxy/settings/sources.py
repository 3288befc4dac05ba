"""Where a value came from, and the line of a key in a TOML text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Key = tuple[str | int, ...]

_TABLE = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_TOKEN = re.compile(
    r"""\"{3}(?:\\.|[^\\])*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*|[\[\]{}\n]""", re.DOTALL
)
"""What counts for the lines of an array: its brackets and line ends, and texts and comments, in which they are none."""
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
    """Return key → line (from 1) of every table and assignment under the table `below` (`("tool", "ota-proxy")`).

    An array of inline tables has a line for each of them too.
    """
    lines: dict[Key, int] = {}
    table: Key = ()
    counts: dict[Key, int] = {}
    rows = text.splitlines()
    for number, line in enumerate(rows, start=1):
        if match := _TABLE.match(line):
            table = _steps(match[2])
            if match[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                lines.setdefault(table[len(below) :], number)
                table = (*table, counts[table])
            lines.setdefault(table[len(below) :], number)
        elif (match := _ASSIGNMENT.match(line)) and table[: len(below)] == below:
            key = (*table, *_steps(match[1]))[len(below) :]
            lines.setdefault(key, number)
            for index, place in enumerate(_inline_tables(line[match.end() :], rows[number:], number)):
                lines.setdefault((*key, index), place)
    return lines


def _inline_tables(value: str, rows: Sequence[str], line: int) -> Iterator[int]:
    """Yield the line of every inline table of the array that a value begins; `rows` are the lines after it."""
    if not value.lstrip().startswith("["):
        return
    depth = 0
    for token in _TOKEN.findall("\n".join([value, *rows])):
        if token in ("[", "{"):
            if (token, depth) == ("{", 1):
                yield line
            depth += 1
        elif token in ("]", "}"):
            depth -= 1
            if not depth:
                return
        else:
            line += token.count("\n")


def _steps(text: str) -> Key:
    return tuple(step.strip("\"'") for step in _STEP.findall(text))
