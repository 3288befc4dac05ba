"""nginx's regular expressions (PCRE) run by Python's `re`: only what both take for the same; anything else is not known."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Final

_LONGEST: Final = 2_000
_DIFFERS: Final = re.compile(
    r"""\\[hHRXKQEGZCNpPgkou] | \\x\{ | \\c.        # escapes that Python has not, or has for something else
      | \(\?(?:[|&R+0-9C]|P[>]|-\d) | \(\*            # recursion, branch reset, callouts, verbs
      | \[\[?:|\[\^?\[ | \{,                          # POSIX classes; a set in a set; {,n}
    """,
    re.VERBOSE,
)
_NAMED: Final = re.compile(r"\(\?(?:P?<(?=[A-Za-z_])|'(\w+)')")


@lru_cache(maxsize=4096)
def compiled(pattern: str, *, ignore_case: bool = False) -> re.Pattern[bytes] | None:
    """Return a pattern for bytes that means what PCRE means by it, or None if that is not sure."""
    if len(pattern) > _LONGEST or _DIFFERS.search(re.sub(r"\\\\", "", pattern)):
        return None
    python = _NAMED.sub(lambda found: f"(?P<{found[1]}>" if found[1] else "(?P<", pattern)
    data = python.encode("utf-8", "surrogateescape")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return re.compile(data, re.IGNORECASE if ignore_case else 0)
        except (re.error, ValueError, OverflowError, RecursionError, Warning):
            return None


def groups(found: re.Match[bytes]) -> tuple[list[str], dict[str, str]]:
    """Return what a match captured: `$0`, `$1` and so on, and the named ones."""
    texts = [_text(found[number]) for number in range((found.re.groups or 0) + 1)]
    return texts, {name: _text(value) for name, value in found.groupdict().items()}


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "surrogateescape")
