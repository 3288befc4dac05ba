"""What is in force for one URL path of an IIS site, read from the merged sections."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ota_proxy.config.facts import Condition, Entry, ErrorPage, Line, Outbound, PathFacts, Redirect, Rewrite
from ota_proxy.config.lines import Lines
from ota_proxy.iis.effective import Configuration, Node
from ota_proxy.iis.schema import table

_RULES = ("system.webServer/rewrite/globalRules", "system.webServer/rewrite/rules")
_OUTBOUND = "system.webServer/rewrite/outboundRules"


def read_path(configuration: Configuration, path: str, lines: Lines) -> PathFacts:
    """Return the facts of a path; a section that does not exist on this server counts with its defaults."""

    def section(name: str) -> Node:
        try:
            return configuration.section(f"system.webServer/{name}", path)
        except KeyError:
            shape = table.sections()[f"system.webServer/{name}"].shape
            return Node(shape, shape.name)

    static, cache = section("staticContent"), section("staticContent").child("clientCache")
    compression, filtering = section("httpCompression"), section("security/requestFiltering")
    verbs, extensions = filtering.child("verbs"), filtering.child("fileExtensions")
    age = cache.get("cacheControlMaxAge")
    return PathFacts(
        path=path,
        types={one.name.lower(): one for one in _entries(static, "fileExtension", "mimeType", lines)},
        cache_mode=cache.text("cacheControlMode"),
        cache_custom=cache.text("cacheControlCustom"),
        cache_seconds=int(age.total_seconds()) if isinstance(age, timedelta) else 0,
        cache_at=_where(cache, "cacheControlMode", lines),
        headers=_entries(section("httpProtocol").child("customHeaders"), "name", "value", lines),
        compresses=_compresses(section("urlCompression"), configuration),
        static_types=_entries(compression.child("staticTypes"), "mimeType", "enabled", lines),
        dynamic_types=_entries(compression.child("dynamicTypes"), "mimeType", "enabled", lines),
        verbs=_entries(verbs, "verb", "allowed", lines),
        other_verbs=verbs.flag("allowUnlisted"),
        verbs_at=_where(verbs, "allowUnlisted", lines),
        extensions=_entries(extensions, "fileExtension", "allowed", lines),
        other_extensions=extensions.flag("allowUnlisted"),
        extensions_at=_where(extensions, "allowUnlisted", lines),
        hidden=_entries(filtering.child("hiddenSegments"), "segment", "", lines),
        sequences=_entries(filtering.child("denyUrlSequences"), "sequence", "", lines),
        double_escaping=filtering.flag("allowDoubleEscaping"),
        listing=_listing(section("directoryBrowse"), lines),
        needs_tls="Ssl" in section("security/access").text("sslFlags").split(","),
        redirect=_redirect(section("httpRedirect"), configuration, lines),
        errors=tuple(_errors(section("httpErrors"), lines)),
        server_header_removed=filtering.flag("removeServerHeader"),
        rewrites=tuple(_rewrites(configuration, path, lines)),
        outbound=tuple(_outbound(configuration, path, lines)),
    )


def _where(node: Node, attribute: str, lines: Lines) -> Line | None:
    place = node.where(attribute)
    return lines.at(place) if place else None


def _entries(node: Node, name: str, value: str, lines: Lines) -> tuple[Entry, ...]:
    return tuple(
        Entry(one.text(name), _written(one, value) if value else "", lines.at(one.place)) for one in node.entries()
    )


def _written(node: Node, attribute: str) -> str:
    value = node.get(attribute)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _compresses(node: Node, configuration: Configuration) -> tuple[bool, bool]:
    static = node.flag("doStaticCompression") and not configuration.missing("StaticCompressionModule")
    return static, node.flag("doDynamicCompression") and not configuration.missing("DynamicCompressionModule")


def _listing(node: Node, lines: Lines) -> Line | None:
    return _where(node, "enabled", lines) if node.flag("enabled") else None


def _redirect(node: Node, configuration: Configuration, lines: Lines) -> Redirect | None:
    if not node.flag("enabled") or configuration.missing("HttpRedirectionModule"):
        return None
    at = lines.at(node.where("destination") or node.place)
    return Redirect(node.text("destination"), node.flag("exactDestination"), node.text("httpResponseStatus"), at)


def _errors(node: Node, lines: Lines) -> Iterator[ErrorPage]:
    for one in node.entries():
        yield ErrorPage(one.number("statusCode"), one.text("path"), one.text("responseMode"), lines.at(one.place))


# -- URL Rewrite ---------------------------------------------------------------------------------------------------------


def _optional(configuration: Configuration, name: str, path: str) -> Node | None:
    try:
        return configuration.section(name, path)
    except KeyError:
        return None


def _rewrites(configuration: Configuration, path: str, lines: Lines) -> Iterator[Rewrite]:
    for name in _RULES:
        section = _optional(configuration, name, path)
        for rule in section.entries() if section else ():
            if rule.flag("enabled"):
                yield _rewrite(rule, configuration.home(rule.place.file), lines)


def _rewrite(rule: Node, base: str, lines: Lines) -> Rewrite:
    match, conditions, action = rule.child("match"), rule.child("conditions"), rule.child("action")
    return Rewrite(
        name=rule.text("name"),
        at=lines.at(rule.place),
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


def _outbound(configuration: Configuration, path: str, lines: Lines) -> Iterator[Outbound]:
    section = _optional(configuration, _OUTBOUND, path)
    if section is None:
        return
    before = {one.text("name").lower(): one for one in section.child("preConditions").entries()}
    for rule in section.entries():
        variable = rule.child("match").text("serverVariable")
        if rule.flag("enabled") and variable and rule.child("action").text("type") == "Rewrite":
            pre = before.get(rule.text("preCondition").lower())
            conditions = (*(pre.entries() if pre else ()), *rule.child("conditions").entries())
            value = rule.child("action").text("value")
            yield Outbound(rule.text("name"), lines.at(rule.place), variable, value, tuple(map(_condition, conditions)))
