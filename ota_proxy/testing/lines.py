"""Points a finding that was seen from outside to a line of the configuration that ran.

It is the directive that the remedy speaks of, else the block that answered. A pointer for people, not a proof: blocks are matched by
their own pattern, not by a server's whole grammar.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ota_proxy.rules.rule import Outcome

_NGINX_BLOCK = re.compile(r"""location\s+(?:(=|~\*?|\^~)\s*)?(?:"([^"]+)"|(\S+))\s*\{""")
_APACHE_BLOCK = re.compile(r"""<(FilesMatch|Files|LocationMatch|Location)\s+"?([^">]+)"?\s*>""")
_WORD = re.compile(r"(?<![\w$.{/-])[A-Za-z][A-Za-z0-9]*(?:_[a-z0-9]+)*(?![\w./-])")
_COMPOUND = re.compile(r"_|[a-z][A-Z]|[A-Z]{2}")
_HEADER = re.compile(
    r"(?:add_header|proxy_set_header|proxy_hide_header|Header(?: always)? (?:un)?set|RequestHeader set) ([A-Z][\w-]+)"
)
_HEADER_DIRECTIVES = ("add_header", "proxy_set_header", "proxy_hide_header", "Header", "RequestHeader")
_SINGLE = frozenset(
    [
        "gzip",
        "brotli",
        "autoindex",
        "return",
        "rewrite",
        "listen",
        "root",
        "alias",
        "types",
        "allow",
        "deny",
        "auth_basic",
        "etag",
        "expires",
        "Header",
        "RequestHeader",
        "Redirect",
        "Require",
        "Options",
        "Listen",
        "Protocols",
    ]
)
"""Directives of one word that remedies speak of; others are told from English by a `_` or a second capital."""


@dataclass(frozen=True, slots=True)
class _Row:
    file: str
    line: int
    text: str


def lines_of(outcome: Outcome, config: Mapping[str, str]) -> tuple[str, int] | None:
    """Return (file, line) of the line to look at, as `config` names the file; None if none fits."""
    rows = list(_rows(config))
    path = _path(outcome.subject)
    block = _block(rows, path)
    inside = _inside(rows, block) if block else []
    named = _named(outcome.remedy, inside) or _named(outcome.remedy, rows)
    found = named or block
    return (found.file, found.line) if found else None


def _rows(config: Mapping[str, str]) -> Iterator[_Row]:
    for file, text in config.items():
        for number, line in enumerate(text.split("\n"), 1):
            bare = line.strip()
            if bare and not bare.startswith("#"):
                yield _Row(file, number, bare)


def _path(subject: str) -> str:
    try:
        return unquote(urlsplit(subject).path) if "://" in subject else ""
    except ValueError:
        return ""


def _named(remedy: str, rows: list[_Row]) -> _Row | None:
    """Return the first line with the earliest directive of the remedy; header directives count only with the header it names."""
    header = _HEADER.search(remedy)
    words = [word for word in dict.fromkeys(_WORD.findall(remedy)) if word in _SINGLE or _COMPOUND.search(word)]
    for word in words:
        for row in rows:
            if re.split(r"[\s;]", row.text, maxsplit=1)[0] != word:
                continue
            if word not in _HEADER_DIRECTIVES or (header and header[1].lower() in row.text.lower()):
                return row
    return None


def _block(rows: list[_Row], path: str) -> _Row | None:
    """Return the line that opens the block of a path: exact before pattern before prefix, the longest, the last of equals."""
    ranked = [(rank, index) for index, row in enumerate(rows) if path and (rank := _rank(row.text, path))]
    return rows[max(ranked)[1]] if ranked else None


def _rank(line: str, path: str) -> tuple[int, int] | None:
    nginx, apache = _NGINX_BLOCK.match(line), _APACHE_BLOCK.match(line)
    if nginx:
        sign, pattern = nginx[1] or "", nginx[2] or nginx[3]
        kinds = {"=": (3, path == pattern), "^~": (1, path.startswith(pattern)), "": (1, path.startswith(pattern))}
        kind, fits = kinds.get(sign) or (2, _search(pattern, path, re.IGNORECASE if "*" in sign else 0))
        return (kind, len(pattern)) if fits else None
    if apache:
        name, pattern = path.rpartition("/")[2], apache[2]
        fits = {
            "FilesMatch": lambda: _search(pattern, name, 0),
            "Files": lambda: fnmatch.fnmatchcase(name, pattern),
            "LocationMatch": lambda: _search(pattern, path, 0),
            "Location": lambda: path.startswith(pattern),
        }[apache[1]]()
        return (2 if apache[1].startswith("Files") else 1, len(pattern)) if fits else None
    return None


def _search(pattern: str, text: str, flags: int) -> bool:
    try:
        return re.search(pattern, text, flags) is not None
    except re.error:  # PCRE has more than Python knows
        return False


def _inside(rows: list[_Row], start: _Row) -> list[_Row]:
    """Return the lines of a block, by its braces or its end tag."""
    found, depth = [], 0
    for row in rows[rows.index(start) :]:
        found.append(row)
        depth += row.text.count("{") - row.text.count("}") if start.text[0] != "<" else 0
        depth += (row.text.startswith("<") - 2 * row.text.startswith("</")) if start.text[0] == "<" else 0
        if depth <= 0:
            break
    return found
