"""html.parser within bounds: a stranger's page can neither make it raise nor keep it busy."""

from __future__ import annotations

import contextlib
import re
from html.parser import HTMLParser
from typing import TypeVar

from ota_proxy import limits

LARGEST = limits.PAGE
_MOST_ENDLESS = 5
"""Tags, comments and declarations without an end that are borne with; real pages have none or one."""
_HUGE = re.compile(r"&#(?:0*(\d{8,})|[xX]0*([0-9a-fA-F]{7,}));?")
"""A character reference beyond Unicode; Python refuses to make a number of very many digits."""

_TAG = re.compile(r"</?[A-Za-z]")

P = TypeVar("P", bound="BoundedParser")


def feed(parser: P, source: str) -> P:
    """Let a parser see 1 MiB; html.parser's answer to a broken declaration is an exception, and what was found stays."""
    text = _HUGE.sub("\ufffd", source[:LARGEST])
    with contextlib.suppress(AssertionError, ValueError):
        parser.feed(text)
        parser.cut_off()
        parser.close()
    return parser


class BoundedParser(HTMLParser):
    """Gives up a page with many tags that never end: html.parser then reads the rest of it once for each."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._endless = 0

    def cut_off(self) -> None:
        """Drop a tag that the end of the page cuts off, as browsers do (WHATWG HTML §13.2.5, eof-in-tag), and hand it to `handle_cut`."""
        if self.cdata_elem is None and _TAG.match(self.rawdata):
            rest, self.rawdata = self.rawdata, ""
            self.handle_cut(rest)

    def handle_cut(self, data: str) -> None:
        """Take in the beginning of a tag whose end is missing; nothing is done with it here."""

    def parse_starttag(self, i: int) -> int:
        """Read a tag, and count it where it has no end."""
        return self._whole(super().parse_starttag(i))

    def parse_endtag(self, i: int) -> int:
        """Likewise."""
        return self._whole(super().parse_endtag(i))

    def parse_comment(self, i: int, report: bool = True) -> int:
        """Likewise."""
        return self._whole(super().parse_comment(i, report))

    def parse_html_declaration(self, i: int) -> int:
        """Likewise."""
        return self._whole(super().parse_html_declaration(i))

    def parse_pi(self, i: int) -> int:
        """Likewise."""
        return self._whole(super().parse_pi(i))

    def _whole(self, end: int) -> int:
        self._endless += end < 0
        if self._endless > _MOST_ENDLESS:
            raise ValueError("too many tags without an end")
        return end
