"""Reads rewrite rules out of the configuration into what the emulator runs; refuses by name what it would have to guess."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

from ota_proxy.iis_emulator.ecma import Matcher, Syntax, matcher
from ota_proxy.iis_emulator.modelled import UnmodelledError
from ota_proxy.iis_emulator.rewriting import (
    Action,
    Condition,
    Conditions,
    FileTest,
    HeaderRule,
    HeaderRules,
    Kind,
    Rule,
    RuleSet,
)
from ota_proxy.iis_emulator.server_variables import RewriteMap, Template, template
from ota_proxy.servers.iis.node import Node

REDIRECTS = {"Permanent": 301, "Found": 302, "SeeOther": 303, "Temporary": 307}


def rewrite_maps(section: Node) -> dict[str, RewriteMap]:
    """Return the maps of the section rewriteMaps by name."""
    return {
        one.text("name"): RewriteMap(
            {entry.text("key"): entry.text("value") for entry in one.entries()},
            one.text("defaultValue"),
            one.flag("ignoreCase"),
        )
        for one in section.entries("rewriteMap")
    }


def inbound(
    section: Node, bases: Mapping[str, str], maps: Mapping[str, RewriteMap], allowed: Collection[str] | None
) -> RuleSet:
    """Return the rules of a section; `bases` has the URL path of each rule's level, by its name in lower case."""
    rules = [
        _rule(one, bases.get(one.text("name").lower(), "/"), maps)
        for one in section.entries("rule")
        if one.flag("enabled")
    ]
    return RuleSet(tuple(rules), maps, allowed, keep_encoding=not section.flag("useOriginalURLEncoding"))


def _rule(node: Node, base: str, maps: Mapping[str, RewriteMap]) -> Rule:
    name = node.text("name")
    where = f"the rule '{name}'"
    syntax = cast("Syntax", node.text("patternSyntax"))
    match = node.child("match")
    return Rule(
        name=name,
        match=_matcher(match, match.text("url"), syntax, where),
        action=_action(node.child("action"), maps, where),
        base=base,
        conditions=_conditions(node.child("conditions"), syntax, maps, where),
        stop=node.flag("stopProcessing"),
        variables=tuple(
            (one.text("name"), template(one.text("value"), maps, where), one.flag("replace"))
            for one in node.child("serverVariables").entries()
        ),
    )


def _matcher(node: Node, pattern: str, syntax: Syntax, where: str) -> Matcher:
    try:
        return matcher(pattern, syntax, ignore_case=node.flag("ignoreCase"), negate=node.flag("negate"))
    except UnmodelledError as error:
        error.place = f"{node.span.file}:{node.span.line}: {where}"
        raise


def _conditions(node: Node, syntax: Syntax, maps: Mapping[str, RewriteMap], where: str) -> Conditions:
    return Conditions(
        tuple(_condition(one, syntax, maps, where) for one in node.entries()),
        any_of=node.text("logicalGrouping") == "MatchAny",
        track_all="trackAllCaptures" in node.shape.attributes and node.flag("trackAllCaptures"),
    )


def _condition(node: Node, syntax: Syntax, maps: Mapping[str, RewriteMap], where: str) -> Condition:
    text, kind = node.text("input"), node.text("matchType")
    source = template(text, maps, where) if text else None
    if kind != "Pattern":
        return Condition(source, cast("FileTest", kind), node.flag("negate"))
    return Condition(source, _matcher(node, node.text("pattern"), syntax, where))


def _action(node: Node, maps: Mapping[str, RewriteMap], where: str) -> Action:
    kind = cast("Kind", node.text("type"))
    url = node.text("url")
    if kind in ("Rewrite", "Redirect") and not url:
        raise UnmodelledError(f"the action of {where}", why="it has no url; what IIS does then is not documented")
    status = node.number("statusCode") if kind == "CustomResponse" else REDIRECTS[node.text("redirectType")]
    if kind == "CustomResponse" and not 200 <= status <= 999:
        raise UnmodelledError(f"the status code {status} of {where}", why="no document says what IIS answers then")
    return Action(
        kind=kind,
        url=template(url, maps, where) if url else None,
        append_query=node.flag("appendQueryString"),
        status=status,
        substatus=node.number("subStatusCode"),
        reason=node.text("statusReason"),
        description=node.text("statusDescription"),
    )


def outbound(section: Node, maps: Mapping[str, RewriteMap]) -> HeaderRules:
    """Return the header rules; UnmodelledError for rules that rewrite bodies."""
    conditions = {
        one.text("name").lower(): _precondition(one, maps) for one in section.child("preConditions").entries()
    }
    rules = [_header_rule(one, conditions, maps) for one in section.entries("rule") if one.flag("enabled")]
    return HeaderRules(tuple(rules), maps)


def _precondition(node: Node, maps: Mapping[str, RewriteMap]) -> Conditions:
    where = f"the precondition '{node.text('name')}'"
    syntax = cast("Syntax", node.text("patternSyntax"))
    tests = tuple(_condition(one, syntax, maps, where) for one in node.entries())
    _patterns_only(tests, where)
    return Conditions(tests, any_of=node.text("logicalGrouping") == "MatchAny")


def _patterns_only(tests: tuple[Condition, ...], where: str) -> None:
    if any(isinstance(test.test, str) for test in tests):
        raise UnmodelledError(f"the file test of {where}", why="file tests are documented for inbound rules only")


def _header_rule(node: Node, known: Mapping[str, Conditions], maps: Mapping[str, RewriteMap]) -> HeaderRule:
    name, match = node.text("name"), node.child("match")
    where, variable = f"the outbound rule '{name}'", match.text("serverVariable")
    syntax = cast("Syntax", node.text("patternSyntax"))
    if not variable.upper().startswith("RESPONSE_"):
        what = f"on the server variable {variable}" if variable else "on the body"
        raise UnmodelledError(f"{where}, which works {what}")
    wanted = node.text("preCondition").lower()
    if wanted and wanted not in known:
        raise UnmodelledError(f"the precondition '{wanted}' of {where}", why="it is not defined")
    conditions = _conditions(node.child("conditions"), syntax, maps, where)
    _patterns_only(conditions.tests, where)
    return HeaderRule(
        name=name,
        header=variable[len("RESPONSE_") :].replace("_", "-"),
        match=_matcher(match, match.text("pattern"), syntax, where),
        value=_value(node.child("action"), maps, where),
        when=known.get(wanted) if wanted else None,
        conditions=conditions,
        stop=node.flag("stopProcessing"),
        replace=node.child("action").flag("replace"),
    )


def _value(node: Node, maps: Mapping[str, RewriteMap], where: str) -> Template | None:
    if node.text("type") == "None":
        return None
    if not node.text("value"):
        raise UnmodelledError(
            f"the empty value of {where}", why="whether IIS sends an empty header or none is not documented"
        )
    return template(node.text("value"), maps, where)
