"""Comments of a configuration that ask for a finding to be suppressed: `<!-- ota-proxy: ignore OTA601 REASON -->`, and what each is about.

Before the root element it is about the whole file. On a line with the start of an element it is about the elements that have a part of their
start tag there; alone on its lines about the start tag that comes next, with nothing but blanks and comments between.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class IgnoreComment:
    """What a comment says: the rule as it is written, the reason in one line, its own line, and the lines it is about (none: 1 to 0)."""

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
        self._tags = [part for part in self._parts if part["tag"]]

    def comments(self) -> Iterator[IgnoreComment]:
        for index, part in enumerate(self._parts):
            asked = _asked(part["comment"] or "", f"{self._file}:{self._line(part.start())}")
            if asked:
                first, last = self._about(index, part)
                yield IgnoreComment(self._file, self._line(part.start()), *asked, first, last)

    def _line(self, offset: int) -> int:
        return bisect_right(self._breaks, offset - 1) + 1

    def _lines(self, part: re.Match[str]) -> tuple[int, int]:
        return self._line(part.start()), self._line(part.end() - 1)

    def _about(self, index: int, comment: re.Match[str]) -> tuple[int, int]:
        """Return the first and the last line that a comment is about."""
        if not self._tags or comment.start() < self._tags[0].start():
            return WHOLE_FILE
        begin, end = self._lines(comment)
        beside = [lines for lines in map(self._lines, self._tags) if lines[0] <= end and begin <= lines[1]]
        if beside:
            return beside[0][0], beside[-1][1]
        following = self._next(index)
        return self._lines(following) if following else (1, 0)

    def _next(self, index: int) -> re.Match[str] | None:
        """Return the start tag after a comment; None where anything else but blanks and comments comes first."""
        before = self._parts[index]
        for part in self._parts[index + 1 :]:
            if self._text[before.end() : part.start()].strip() or not (part["tag"] or part["comment"] is not None):
                return None
            if part["tag"]:
                return part
            before = part
        return None


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
    if _ID.fullmatch(reason.partition(" ")[0].strip(",;")) or rule.endswith(","):
        raise UsageError(
            "a comment ignores one rule", place=place, hint="write one comment for each, one below the other"
        )
    return rule, reason
