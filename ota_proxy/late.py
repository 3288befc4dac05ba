"""Imports that wait: what costs much and is seldom wanted is named as a text, and imported by the one call that needs it."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def late(name: str) -> Any:  # noqa: ANN401 - whatever has that name
    """Return a module, or with `package.module:name` something of it, imported now; ImportError as of an import."""
    module, _, inner = name.partition(":")
    found = import_module(module)
    return getattr(found, inner) if inner else found
