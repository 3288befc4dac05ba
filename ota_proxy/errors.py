"""The errors a person can cause or meet: one clear sentence, the place, and a way out.

Anything that is not an `OtaError` and reaches the command line is a bug in ota-proxy (exit 70).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

Key = tuple[str | int, ...]
"""The way to a value of the site file: `("locations", 0, "root")`."""
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

EXIT_CLEAN = 0
EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_NO_VERDICT = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


def dotted(key: Key) -> str:
    """Write a key as people do: `locations[0].root`, `headers."X.Y"`."""
    text = ""
    for step in key:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += "." * bool(text) + (step if _BARE.fullmatch(step) else f'"{step}"')
    return text


class OtaError(Exception):
    """A failure with a message, the place it comes from (file, line, key) and a hint; `exit_code` is the process's.

    `key` is the value of the site that is to blame; whoever knows where the site was read from puts file and line before it.
    """

    exit_code = EXIT_USAGE

    def __init__(self, message: str, *, place: str = "", hint: str = "", key: Key = ()) -> None:
        super().__init__(message)
        self.message = message
        self.place = place or dotted(key)
        self.hint = hint
        self.key = key

    def __str__(self) -> str:
        """Render as `place: message (hint)`; the parts that are empty are left out."""
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.message}" + (f"\n  hint: {self.hint}" if self.hint else "")


class UsageError(OtaError):
    """Wrong flags, an unreadable or refused configuration, a value a server's grammar cannot quote: exit 2."""


class NoVerdictError(OtaError):
    """Something that is needed for a verdict is not there (Docker, an image, a binary, a network): exit 3."""

    exit_code = EXIT_NO_VERDICT


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for the known word nearest to `word`, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else ""
