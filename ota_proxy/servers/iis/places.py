"""A place in a configuration file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something begins: line and column from 1 (in characters), `offset` in bytes of the file as it is stored."""

    file: str
    line: int
    column: int
    offset: int
