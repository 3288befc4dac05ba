"""Request filtering: every reason to refuse a request, with its sub-status.

Source: iis-docs, configuration/system.webServer/security/requestFiltering and its children. The order of the checks is not documented;
it shows only where one request breaks several.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from ota_proxy.iis_emulator.message import Request
from ota_proxy.numbers import whole

_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class FilteringRule:
    """One rule of filteringRules; `extensions` empty: for all requests."""

    name: str
    deny: Sequence[str]
    headers: Sequence[str] = ()
    extensions: Sequence[str] = ()
    scan_url: bool = False
    scan_query: bool = False
    scan_raw: bool = False
    deny_unescaped_percent: bool = True


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """What configuration refuses below one URL; texts are in lower case, but for verbs, which are what they are."""

    double_escaping: bool = False
    high_bit: bool = True
    unescape_query: bool = True
    extensions: Mapping[str, bool] = field(default_factory=dict)
    unlisted_extensions: bool = True
    verbs: Mapping[str, bool] = field(default_factory=dict)
    unlisted_verbs: bool = True
    hidden: frozenset[str] = frozenset()
    url_sequences: Sequence[str] = ()
    allowed_urls: frozenset[str] = frozenset()
    query_sequences: Sequence[str] = ()
    allowed_queries: frozenset[str] = frozenset()
    header_limits: Mapping[str, int] = field(default_factory=dict)
    longest_content: int = 30_000_000
    longest_url: int = 4096
    longest_query: int = 2048
    rules: Sequence[FilteringRule] = ()


def refused(request: Request, path: str, query: str, settings: FilterSettings) -> tuple[int, int] | None:
    """Return status and sub-status of the first reason to refuse a request, or None.

    `path` (decoded) and `query` are the URL's as global rules have left it.
    """
    return next(_reasons(request, path, query, settings), None)


def _reasons(request: Request, path: str, query: str, settings: FilterSettings) -> Iterator[tuple[int, int]]:
    if any(len(request.header(name)) > limit for name, limit in settings.header_limits.items()):
        yield 431, 0
    length = request.header("content-length")
    if (whole(length) or 0) > settings.longest_content:
        yield 413, 1
    if len(request.raw_path) > settings.longest_url:
        yield 404, 14
    if len(query) > settings.longest_query:
        yield 404, 15
    if not settings.verbs.get(request.method, settings.unlisted_verbs):
        yield 404, 6
    if not settings.double_escaping and twice_escaped(path):
        yield 404, 11
    if not settings.high_bit and any(ord(char) > 127 for char in path):
        yield 404, 12
    yield from _names(path.lower(), settings)
    yield from _query(query, settings)
    if any(_scanned(rule, request, path, query, settings) for rule in settings.rules):
        yield 404, 19


def twice_escaped(path: str) -> bool:
    """Say whether decoding once more changes the decoded path: an escape that was escaped, or a plus sign."""
    return "+" in path or _ESCAPED.search(path) is not None


def _names(path: str, settings: FilterSettings) -> Iterator[tuple[int, int]]:
    if not settings.extensions.get(_extension(path), settings.unlisted_extensions):
        yield 404, 7
    denied = any(sequence in path for sequence in settings.url_sequences)
    if denied and path not in settings.allowed_urls:
        yield 404, 5
    if settings.hidden & set(path.split("/")):
        yield 404, 8


def _extension(path: str) -> str:
    """Return the extension of the last name with its dot; a dot alone for a name without."""
    _, dot, extension = path.rpartition("/")[2].rpartition(".")
    return dot + extension if dot else "."


def _query(query: str, settings: FilterSettings) -> Iterator[tuple[int, int]]:
    if query and query.lower() in settings.allowed_queries:
        return
    texts = _queries(query, settings)
    if any(sequence in text for sequence in settings.query_sequences for text in texts):
        yield 404, 18


def _queries(query: str, settings: FilterSettings) -> list[str]:
    """Return the query as sent, and unescaped too where the configuration says so."""
    raw = query.lower()
    return [raw, unquote(raw, errors="replace").lower()] if settings.unescape_query else [raw]


def _scanned(rule: FilteringRule, request: Request, path: str, query: str, settings: FilterSettings) -> bool:
    if rule.extensions and _extension(path.lower()) not in rule.extensions:
        return False
    if rule.deny_unescaped_percent and rule.scan_query and "%" in _ESCAPED.sub("", query):
        return True  # in the path http.sys refuses it before
    texts = [request.header(name).lower() for name in rule.headers]
    texts += [path.lower()] if rule.scan_url else []
    texts += _queries(query, settings) if rule.scan_query else []
    texts += ["\r\n".join(f"{name}: {value}" for name, value in request.fields).lower()] if rule.scan_raw else []
    return any(text in scanned for text in rule.deny for scanned in texts)
