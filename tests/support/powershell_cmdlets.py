"""The documented cmdlets and parameters (powershell_cmdlets.toml): what the model binds and what every script is held against."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

COMMON = frozenset(
    "debug erroraction errorvariable informationaction informationvariable outbuffer outvariable pipelinevariable verbose"  # noqa: SIM905 - a list of words reads better in one line
    " warningaction warningvariable".split()
)
"""about_CommonParameters of Windows PowerShell 5.1; -WhatIf and -Confirm only where a cmdlet's page has them."""
_PARAMETER = re.compile(r"(\[?)-(\w+)(\]?)( <)?")


@dataclass(frozen=True)
class Documented:
    """A cmdlet's parameters, all in lower case; `positional` in their order."""

    name: str
    source: str
    positional: tuple[str, ...]
    switches: frozenset[str]
    parameters: frozenset[str]


@cache
def _every() -> dict[str, Documented]:
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).values()
    return {
        name.lower(): _read(name, table["source"], syntax)
        for table in tables
        for name, syntax in table["cmdlets"].items()
    }


def _read(name: str, source: str, syntax: str) -> Documented:
    found = [
        (opens + closes == "[]", bool(value), word.lower()) for opens, word, closes, value in _PARAMETER.findall(syntax)
    ]
    return Documented(
        name,
        source + name.lower(),
        tuple(word for alone, value, word in found if alone and value),
        frozenset(word for alone, value, word in found if alone and not value),
        frozenset(word for _, _, word in found),
    )


def documented(name: str) -> Documented | None:
    """Return a cmdlet by its name in any case, or None."""
    return _every().get(name.lower())


def everything() -> tuple[Documented, ...]:
    """Return all of them."""
    return tuple(_every().values())
