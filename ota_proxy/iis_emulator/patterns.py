"""The three pattern syntaxes of URL Rewrite, and a match with what it captured.

Source: URL Rewrite configuration references (1.1 and 2.0). Wildcard: the whole input, `*` captures, `?` is one character. Where several
ways to divide the input among two `*` exist, the first takes as little as it can; no document says which IIS takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ota_proxy.iis_emulator.ecma import Groups, compiled

Syntax = Literal["ECMAScript", "Wildcard", "ExactMatch"]
NO_GROUPS: Groups = ("",)


@dataclass(frozen=True, slots=True)
class Matcher:
    """A pattern ready to be used; `find` returns the groups of a match, number 0 first, or None."""

    pattern: str
    syntax: Syntax
    ignore_case: bool
    negate: bool
    find: Callable[[str], Groups | None]

    def holds(self, text: str) -> tuple[bool, Groups]:
        """Say whether the test is passed, and what it captured: nothing where it is passed because the pattern does not match."""
        found = self.find(text)
        if self.negate:
            return found is None, NO_GROUPS
        return found is not None, found or NO_GROUPS


def matcher(pattern: str, syntax: Syntax = "ECMAScript", *, ignore_case: bool = True, negate: bool = False) -> Matcher:
    """Prepare a pattern; UnmodelledError for a regular expression that is not ECMAScript 3."""
    if syntax == "ExactMatch":
        return Matcher(pattern, syntax, ignore_case, negate, _exactly(pattern, ignore_case=ignore_case))
    text = wildcard(pattern) if syntax == "Wildcard" else pattern
    return Matcher(pattern, syntax, ignore_case, negate, compiled(text, ignore_case=ignore_case).search)


def wildcard(pattern: str) -> str:
    """Return the regular expression that a wildcard pattern stands for."""
    parts = {"*": r"([\s\S]*?)", "?": r"[\s\S]"}
    return "^" + "".join(parts.get(char) or quoted(char) for char in pattern) + "$"


def quoted(text: str) -> str:
    """Return a regular expression for exactly `text`."""
    return "".join("\\" + char if char in r"\^$.*+?()[]{}|/" else char for char in text)


def _exactly(pattern: str, *, ignore_case: bool) -> Callable[[str], Groups | None]:
    def find(text: str) -> Groups | None:
        same = text.lower() == pattern.lower() if ignore_case else text == pattern
        return (text,) if same else None

    return find
