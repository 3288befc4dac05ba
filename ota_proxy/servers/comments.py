"""Comments of a configuration that ask for a finding to be suppressed: `<!-- ota-proxy: ignore OTA601 REASON -->`, and what each is about.

Before the root element it is about the whole file. On a line with the start of an element it is about the elements that have a part of their
start tag there; alone on its lines about the start tag that comes next, with nothing but blanks and comments between.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ota_proxy.errors import UsageError, did_you_mean

_PART = re.compile(
    r"<!--(?P<comment>.*?)-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|</[^>]*>|(?P<tag><[^!?/](?:\"[^\"]*\"|'[^']*'|[^>\"'])*>)",
    re.DOTALL,
)
"""The markup of a well-formed XML document without a DTD; everything between is text."""
_ASKS = re.compile(r"\s*ota-proxy\s*:\s*(?P<verb>[\w-]*)(?P<words>.*)", re.DOTALL)
_ID = re.compile(r"[Oo][Tt][Aa]\d+")
_VERB = "ignore"
WHOLE_FILE = (0, sys.maxsize)
_NOTHING = (1, 0)


@dataclass(frozen=True, slots=True)
class IgnoreComment:
    """What a comment says: the rule as it is written, the reason in one line, its own line, and the lines it is about (1 to 0: none)."""

    file: str
    line: int
    rule: str
    reason: str
    first: int
    last: int

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.file}:{self.line}"


def read_comments(text: str, file: str) -> tuple[IgnoreComment, ...]:
    """Return the comments of a well-formed XML file that ask for something; UsageError for one that lacks rule or reason."""
    if "ota-proxy" not in text:
        return ()
    return tuple(_Reader(text.replace("\r\n", "\n").replace("\r", "\n"), file).comments())


class _Reader:
    """One file, split into its markup."""

    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._parts = list(_PART.finditer(text))
        tags = [part for part in self._parts if part["tag"]]
        self._root = tags[0].start()
        self._firsts = [self._line(tag.start()) for tag in tags]
        self._lasts = [self._line(tag.end() - 1) for tag in tags]

    def comments(self) -> Iterator[IgnoreComment]:
        for part, following in zip(self._parts, self._following(), strict=True):
            line = self._line(part.start())
            asked = _asked(part["comment"] or "", f"{self._file}:{line}")
            if asked:
                yield IgnoreComment(self._file, line, *asked, *self._about(part, following))

    def _line(self, offset: int) -> int:
        return bisect_left(self._breaks, offset) + 1

    def _about(self, comment: re.Match[str], following: re.Match[str] | None) -> tuple[int, int]:
        """Return the first and the last line that a comment is about."""
        if comment.start() < self._root:
            return WHOLE_FILE
        begin, end = self._line(comment.start()), self._line(comment.end() - 1)
        # start tags stand in their order, so those that have a part of themselves on these lines are neighbours
        beside = slice(bisect_left(self._lasts, begin), bisect_right(self._firsts, end))
        if self._firsts[beside]:
            return self._firsts[beside][0], self._lasts[beside][-1]
        return (self._line(following.start()), self._line(following.end() - 1)) if following else _NOTHING

    def _following(self) -> list[re.Match[str] | None]:
        """Return for each part the start tag after it; None if anything else but blanks and comments comes first."""
        found: list[re.Match[str] | None] = [None]
        for before, part in reversed(list(pairwise(self._parts))):
            alone = not self._text[before.end() : part.start()].strip()
            next_one = part if part["tag"] else found[-1] if part["comment"] is not None else None
            found.append(next_one if alone else None)
        return found[::-1]


def _asked(comment: str, place: str) -> tuple[str, str] | None:
    """Return rule and reason of a comment, None for one that asks for nothing."""
    match = _ASKS.fullmatch(comment)
    verb = match["verb"] if match else ""
    if match is None or not (verb == _VERB or did_you_mean(verb.lower(), [_VERB])):
        return None
    hint = f"write <!-- ota-proxy: {_VERB} OTA601 REASON -->"
    if verb != _VERB:
        raise UsageError(f"the comment asks to {verb!r}", place=place, hint=f"did you mean '{_VERB}'?")
    rule, _, reason = " ".join(match["words"].split()).partition(" ")
    if not rule:
        raise UsageError("the comment names no rule to ignore", place=place, hint=hint)
    if not reason:
        raise UsageError(f"the comment ignores {rule} without a reason", place=place, hint=hint)
    if _ID.fullmatch(reason.partition(" ")[0].strip(",;")) or "," in rule:
        raise UsageError(
            "a comment ignores one rule", place=place, hint="write one comment for each, one below the other"
        )
    return rule, reason
