"""Edits of a rendered Apache file by its sections and directives, not by how its lines happen to stand: what faults and tests put in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.container.faults.model import Edit
from tests.property.apache_reader import arguments

_SECTION = re.compile(r'\s*<(\w+) "(.*)">')


def packages(*lines: str) -> Edit:
    """Return an edit that adds lines for packages, at the end of what is said about their type."""
    return into("FilesMatch", r"\bipa\b", *lines)


def folder(*lines: str) -> Edit:
    """Return an edit that adds lines at the end of every folder of files."""
    return into("Directory", "^/srv/(?!acme)", *lines)


def into(section: str, argument: str, *lines: str) -> Edit:
    """Return an edit that adds lines at the end of every section of that name whose argument fits the regular expression."""

    def edit(text: str) -> str:
        changed = list(_added(text.split("\n"), section, argument, lines))
        assert len(changed) > text.count("\n") + 1, f"no <{section}> fits {argument}"
        return "\n".join(changed)

    return edit


def _added(text: list[str], section: str, argument: str, lines: tuple[str, ...]) -> Iterator[str]:
    stack: list[bool] = []
    for line in text:
        if line.strip().startswith("</") and stack.pop():
            yield from lines
        yield line
        if line.strip().startswith("<") and not line.strip().startswith("</"):
            found = _SECTION.fullmatch(line)
            stack.append(found is not None and found[1] == section and re.search(argument, found[2]) is not None)


def instead(directive: str, *lines: str) -> Edit:
    """Return an edit that puts lines in the place of every directive with these first words."""
    wanted = tuple(directive.split())

    def edit(text: str) -> str:
        changed: list[str] = []
        for line in text.split("\n"):
            counts = line.strip()[:1] not in {"#", "<", ""}
            fits = counts and arguments(line.strip())[: len(wanted)] == wanted
            changed += lines if fits else (line,)
        assert changed != text.split("\n"), f"no directive {directive}"
        return "\n".join(changed)

    return edit
