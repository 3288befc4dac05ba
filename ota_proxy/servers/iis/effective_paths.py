"""What is in force for URL paths of an IIS site, read from the merged sections, each value with its span."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ota_proxy.servers.iis.in_force import Configuration, Node
from ota_proxy.servers.text import Span


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a list that is in force: a header and its value, a media type and its extension, a verb and whether it is allowed."""

    name: str
    value: str
    at: Span

    @property
    def on(self) -> bool:
        """Whether an `allowed` or `enabled` is true."""
        return self.value == "true"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a rewrite rule."""

    input: str
    kind: str
    pattern: str
    ignore_case: bool
    negate: bool


@dataclass(frozen=True, slots=True)
class Rewrite:
    """An inbound rewrite rule that is enabled; `sets` are the server variables it sets, `base` the URL path its pattern is relative to."""

    name: str
    at: Span
    base: str
    syntax: str
    pattern: str
    ignore_case: bool
    negate: bool
    conditions: tuple[Condition, ...]
    any_condition: bool
    action: str
    url: str
    append_query: bool
    stops: bool
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outbound:
    """An outbound rule that writes a header; its pre-condition's conditions are among `conditions`."""

    name: str
    at: Span
    variable: str
    value: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """An entry of httpErrors: `mode` is File, ExecuteURL or Redirect."""

    status: int
    path: str
    mode: str
    at: Span


@dataclass(frozen=True, slots=True)
class Redirect:
    """An enabled httpRedirect."""

    destination: str
    exact: bool
    status: str
    at: Span


@dataclass(frozen=True, slots=True)
class PathFacts:
    """What is in force for a URL path and below it, as far as nothing deeper says otherwise."""

    path: str
    types: Mapping[str, Entry] = field(repr=False)
    """Extension in lower case → its media type."""
    cache_mode: str = "NoControl"
    cache_custom: str = ""
    cache_seconds: int = 0
    cache_expires: str = ""
    cache_at: Span | None = None
    cache_unused: tuple[Entry, ...] = ()
    """Settings of clientCache that do nothing, and the mode they need."""
    headers: tuple[Entry, ...] = ()
    compresses: tuple[bool, bool] = (False, False)
    """Static files, dynamic content."""
    static_types: tuple[Entry, ...] = ()
    dynamic_types: tuple[Entry, ...] = ()
    verbs: tuple[Entry, ...] = ()
    other_verbs: bool = True
    verbs_at: Span | None = None
    extensions: tuple[Entry, ...] = ()
    other_extensions: bool = True
    extensions_at: Span | None = None
    hidden: tuple[Entry, ...] = ()
    sequences: tuple[Entry, ...] = ()
    double_escaping: bool = False
    listing: Span | None = None
    needs_tls: bool = False
    client_certificate: Span | None = None
    """Where a certificate is demanded of clients; None if it is not."""
    redirect: Redirect | None = None
    errors: tuple[ErrorPage, ...] = ()
    server_header_removed: bool = False
    rewrites: tuple[Rewrite, ...] = ()
    outbound: tuple[Outbound, ...] = ()


Part = dict[str, Any]
"""Some fields of `PathFacts`."""


class PathReader:
    """Reads paths of one configuration; what paths share is read once."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._done: dict[Node, Part] = {}
        self._parts: dict[str, Callable[[Node], Part]] = {
            "staticContent": self._static,
            "httpProtocol": self._headers,
            "urlCompression": self._compresses,
            "httpCompression": self._compression,
            "security/requestFiltering": self._filtering,
            "security/access": self._access,
            "directoryBrowse": self._listing,
            "httpRedirect": self._redirect,
            "httpErrors": self._errors,
            "rewrite/globalRules": self._global_rules,
            "rewrite/rules": self._rules,
            "rewrite/outboundRules": self._outbound,
        }

    def read(self, path: str) -> PathFacts:
        """Return the facts of a path."""
        section = self._configuration.sections(path)
        found: Part = {}
        for name, part in self._parts.items():
            node = section(f"system.webServer/{name}")
            if node not in self._done:
                self._done[node] = part(node)
            found |= self._done[node]
        rules = (*found.pop("global_rules"), *found.pop("rules"))
        return PathFacts(path=path, rewrites=rules, **found)

    # -- each section's part of the facts --------------------------------------------------------------------------------

    def _static(self, node: Node) -> Part:
        cache = node.child("clientCache")
        age = cache.get("cacheControlMaxAge")
        return {
            "types": {one.name.lower(): one for one in _entries(node, "fileExtension", "mimeType")},
            "cache_mode": cache.text("cacheControlMode"),
            "cache_custom": cache.text("cacheControlCustom"),
            "cache_seconds": int(age.total_seconds()) if isinstance(age, timedelta) else 0,
            "cache_expires": cache.text("httpExpires"),
            "cache_at": _where(cache, "cacheControlMode"),
            "cache_unused": tuple(_unused(cache)),
        }

    def _headers(self, node: Node) -> Part:
        return {"headers": _entries(node.child("customHeaders"), "name", "value")}

    def _compresses(self, node: Node) -> Part:
        static = node.flag("doStaticCompression") and not self._configuration.missing("StaticCompressionModule")
        dynamic = node.flag("doDynamicCompression") and not self._configuration.missing("DynamicCompressionModule")
        return {"compresses": (static, dynamic)}

    def _compression(self, node: Node) -> Part:
        return {
            "static_types": _entries(node.child("staticTypes"), "mimeType", "enabled"),
            "dynamic_types": _entries(node.child("dynamicTypes"), "mimeType", "enabled"),
        }

    def _filtering(self, node: Node) -> Part:
        verbs, extensions = node.child("verbs"), node.child("fileExtensions")
        return {
            "verbs": _entries(verbs, "verb", "allowed"),
            "other_verbs": verbs.flag("allowUnlisted"),
            "verbs_at": _where(verbs, "allowUnlisted"),
            "extensions": _entries(extensions, "fileExtension", "allowed"),
            "other_extensions": extensions.flag("allowUnlisted"),
            "extensions_at": _where(extensions, "allowUnlisted"),
            "hidden": _entries(node.child("hiddenSegments"), "segment", ""),
            "sequences": _entries(node.child("denyUrlSequences"), "sequence", ""),
            "double_escaping": node.flag("allowDoubleEscaping"),
            "server_header_removed": node.flag("removeServerHeader"),
        }

    def _access(self, node: Node) -> Part:
        flags = {flag.strip() for flag in node.text("sslFlags").split(",")}
        wanted = _where(node, "sslFlags") if "SslRequireCert" in flags else None
        return {"needs_tls": "Ssl" in flags, "client_certificate": wanted}

    def _listing(self, node: Node) -> Part:
        return {"listing": _where(node, "enabled") if node.flag("enabled") else None}

    def _redirect(self, node: Node) -> Part:
        if not node.flag("enabled") or self._configuration.missing("HttpRedirectionModule"):
            return {"redirect": None}
        at = node.where("destination") or node.span
        status = node.text("httpResponseStatus")
        return {"redirect": Redirect(node.text("destination"), node.flag("exactDestination"), status, at)}

    def _errors(self, node: Node) -> Part:
        return {"errors": tuple(_error_page(one) for one in node.entries())}

    def _global_rules(self, node: Node) -> Part:
        return {"global_rules": self._rewrites(node)}

    def _rules(self, node: Node) -> Part:
        return {"rules": self._rewrites(node)}

    def _rewrites(self, node: Node) -> tuple[Rewrite, ...]:
        rules = [rule for rule in node.entries() if rule.flag("enabled")]
        folders = {file: self._configuration.folder_of(file) for file in {rule.span.file for rule in rules}}
        return tuple(_rewrite(rule, folders[rule.span.file]) for rule in rules)

    def _outbound(self, node: Node) -> Part:
        return {"outbound": tuple(_outbound(node))}


def _where(node: Node, attribute: str) -> Span | None:
    return node.where(attribute)


def _entries(node: Node, name: str, value: str) -> tuple[Entry, ...]:
    return tuple(Entry(one.text(name), _written(one, value) if value else "", one.span) for one in node.entries())


def _written(node: Node, attribute: str) -> str:
    value = node.get(attribute)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unused(cache: Node) -> Iterator[Entry]:
    """Yield the settings of clientCache that take effect with another mode only."""
    for attribute, mode in (("cacheControlMaxAge", "UseMaxAge"), ("httpExpires", "UseExpires")):
        place = cache.where(attribute)
        if place is not None and cache.text("cacheControlMode") != mode:
            yield Entry(attribute, mode, place)


def _error_page(node: Node) -> ErrorPage:
    return ErrorPage(node.number("statusCode"), node.text("path"), node.text("responseMode"), node.span)


# -- URL Rewrite ---------------------------------------------------------------------------------------------------------


def _rewrite(rule: Node, base: str) -> Rewrite:
    match, conditions, action = rule.child("match"), rule.child("conditions"), rule.child("action")
    return Rewrite(
        name=rule.text("name"),
        at=rule.span,
        base=base,
        syntax=rule.text("patternSyntax"),
        pattern=match.text("url"),
        ignore_case=match.flag("ignoreCase"),
        negate=match.flag("negate"),
        conditions=tuple(map(_condition, conditions.entries())),
        any_condition=conditions.text("logicalGrouping") == "MatchAny",
        action=action.text("type"),
        url=action.text("url"),
        append_query=action.flag("appendQueryString"),
        stops=rule.flag("stopProcessing"),
        sets=tuple(one.text("name").upper() for one in rule.child("serverVariables").entries()),
    )


def _condition(node: Node) -> Condition:
    return Condition(
        node.text("input"), node.text("matchType"), node.text("pattern"), node.flag("ignoreCase"), node.flag("negate")
    )


def _outbound(section: Node) -> Iterator[Outbound]:
    before = {one.text("name").lower(): one for one in section.child("preConditions").entries()}
    for rule in section.entries():
        variable = rule.child("match").text("serverVariable")
        if rule.flag("enabled") and variable and rule.child("action").text("type") == "Rewrite":
            pre = before.get(rule.text("preCondition").lower())
            conditions = (*(pre.entries() if pre else ()), *rule.child("conditions").entries())
            value = rule.child("action").text("value")
            yield Outbound(rule.text("name"), rule.span, variable, value, tuple(map(_condition, conditions)))
