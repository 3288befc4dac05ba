"""What answers before a handler: request filtering, access by network, httpRedirect, and Strict-Transport-Security of IIS itself.

Source: iis-docs, configuration/system.webServer/security/requestFiltering, security/ipSecurity (403.6), httpRedirect (its variables $S $P $Q $V,
$0 to $9 and ! from Microsoft KB 313074), sites/site/hsts (Windows 1709 and later). The order of the checks of request filtering is not
documented; it shows only where one request breaks several.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from ota_proxy.iis_emulator.ecma import NO_GROUPS, Groups, Matcher
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


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Entries in their order: network and whether it is allowed; the first that contains the address counts."""

    unlisted: bool = True
    entries: Sequence[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, bool]] = ()


def allowed(address: str, settings: NetworkSettings) -> bool:
    """Say whether a peer may come in."""
    peer = ipaddress.ip_address(address.partition("%")[0])
    for network, let_in in settings.entries:
        if peer.version == network.version and peer in network:
            return let_in
    return settings.unlisted


_VARIABLE = re.compile(r"\$([SPQV0-9])")


@dataclass(frozen=True, slots=True)
class RedirectSettings:
    """What configuration says below `base`, the URL path at which it was switched on, without its slash at the end."""

    destination: str = ""
    status: int = 302
    exact: bool = False
    child_only: bool = False
    base: str = ""
    wildcards: Sequence[tuple[Matcher, str]] = ()


def location(settings: RedirectSettings, request: Request, path: str, query: str) -> str:
    """Return where a request is sent, absolute; empty if it is not redirected."""
    for wildcard, destination in settings.wildcards:
        groups = wildcard.find(path)
        if groups is not None:
            return _absolute(_filled(destination, settings, path, query, groups), request)
    if not settings.destination or settings.destination == "!":
        return ""
    suffix = path[len(settings.base) :]
    if settings.child_only and "/" in suffix.strip("/"):
        return ""
    text = _filled(settings.destination, settings, path, query, NO_GROUPS)
    if not settings.exact and not _VARIABLE.search(settings.destination):
        text = _joined(text, suffix) + (f"?{query}" if query else "")
    return _absolute(text, request)


def _joined(destination: str, suffix: str) -> str:
    return destination.rstrip("/") + quote(suffix, safe="/!$&'()*+,;=:@-._~")


def _filled(destination: str, settings: RedirectSettings, path: str, query: str, groups: Groups) -> str:
    values = {
        "S": quote(path[len(settings.base) :], safe="/!$&'()*+,;=:@-._~"),
        "P": query,
        "Q": f"?{query}" if query else "",
        "V": quote(path, safe="/!$&'()*+,;=:@-._~"),
    }

    def value(found: re.Match[str]) -> str:
        if found[1].isdigit():
            number = int(found[1]) + 1  # $0 is the first wildcard's part
            return (groups[number] or "") if number < len(groups) else ""
        return values[found[1]]

    return _VARIABLE.sub(value, destination)


def _absolute(text: str, request: Request) -> str:
    if not text or text == "!":
        return ""
    return f"{request.scheme}://{request.header('host')}{text}" if text.startswith("/") else text


@dataclass(frozen=True, slots=True)
class HstsSettings:
    """The attributes of the hsts element of a site."""

    enabled: bool = False
    max_age: int = 0
    subdomains: bool = False
    preload: bool = False
    redirect: bool = False

    @property
    def value(self) -> str:
        """The header's value; the order of its directives is not documented."""
        parts = [f"max-age={self.max_age}"]
        parts += ["includeSubDomains"] if self.subdomains else []
        return "; ".join([*parts, "preload"] if self.preload else parts)


def https_location(request: Request) -> str:
    """Return the URL of the redirect: the scheme becomes https and the port is ignored."""
    target = request.target if request.target.startswith("/") else quote(request.path)
    return f"https://{request.host}{target}"
