"""Rules of URL Rewrite 2.1: their conditions, which inbound rule applies to a request, and outbound rules that write response headers.

Source: URL Rewrite configuration references 1.1 and 2.0 ("Setting Response Headers"); 2.1's useOriginalURLEncoding as its release note and
field reports describe it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, unquote

from ota_proxy.iis_emulator.ecma import NO_GROUPS, Groups, Matcher
from ota_proxy.iis_emulator.message import Response
from ota_proxy.iis_emulator.server_variables import RewriteMap, Scope, Template, Variables

FileTest = Literal["IsFile", "IsDirectory"]
Exists = Callable[[str, FileTest], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: a pattern on `input`, or whether a file or folder is there (`input` None: the requested one)."""

    input: Template | None
    test: Matcher | FileTest
    negate: bool = False
    """For file tests; a pattern has its own."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """All conditions of a rule, or a precondition."""

    tests: tuple[Condition, ...] = ()
    any_of: bool = False
    track_all: bool = False


def captured(conditions: Conditions, scope: Scope, exists: Exists) -> Scope | None:
    """Return the scope with what the conditions captured, or None where they do not hold.

    MatchAny ends at the first condition that holds. A negated condition captures nothing and leaves what stood before.
    """
    if not conditions.tests:
        return scope
    found: list[Groups] = []
    for condition in conditions.tests:
        holds, groups = _tested(condition, scope, exists)
        if holds and groups is not NO_GROUPS:
            found.append(groups)
            scope = Scope(scope.variable, scope.rule, _numbered(found, conditions), scope.maps)
        if holds == conditions.any_of:
            return scope if holds else None
    return None if conditions.any_of else scope


def _numbered(found: list[Groups], conditions: Conditions) -> Groups:
    """{C:n} counts on through all matched conditions where they are tracked; {C:0} is then the first one's whole match."""
    if not conditions.track_all:
        return found[-1]
    return (found[0][0], *(group for groups in found for group in groups[1:]))


def _tested(condition: Condition, scope: Scope, exists: Exists) -> tuple[bool, Groups]:
    if isinstance(condition.test, str):
        path = condition.input.expand(scope) if condition.input else scope.variable("REQUEST_FILENAME")
        return exists(path, condition.test) != condition.negate, NO_GROUPS
    return condition.test.holds(condition.input.expand(scope) if condition.input else "")


ABSOLUTE = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_SAFE = "/!$&'()*+,;=:@-._~"
_UNSAFE = re.compile(r"[^\x21-\x7e]|[\"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})")

Kind = Literal["Rewrite", "Redirect", "CustomResponse", "AbortRequest", "None"]


@dataclass(frozen=True, slots=True)
class Action:
    """What a rule does; only the fields of its `kind` count."""

    kind: Kind
    url: Template | None = None
    append_query: bool = True
    status: int = 301
    substatus: int = 0
    reason: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One inbound rule. `base` is the URL path of the level it belongs to, with its slash at the end."""

    name: str
    match: Matcher
    action: Action
    base: str = "/"
    conditions: Conditions = field(default_factory=Conditions)
    stop: bool = False
    variables: tuple[tuple[str, Template, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in their order, what they share, and which variables they may set (None: any)."""

    rules: tuple[Rule, ...]
    maps: Mapping[str, RewriteMap]
    allowed: Collection[str] | None
    keep_encoding: bool
    """useOriginalURLEncoding="false": what is encoded already is left as it is."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Evaluation ended with an answer: `location` for a redirect."""

    action: Action
    location: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rules did. `rule` is the last one that was performed, `url` the rewritten URL, empty if nothing rewrote it."""

    rule: str = ""
    url: str = ""
    ended: Ended | None = None
    forbidden: str = ""
    """A variable that a rule may not set: a run-time error."""


def run(rules: RuleSet, variables: Variables, exists: Exists, origin: str) -> Outcome:
    """Evaluate the rules; `variables` then hold the current URL. `origin` is scheme and authority of the request.

    TooExpensiveError where a pattern takes too many steps.
    """
    outcome = Outcome()
    for rule in rules.rules:
        if ABSOLUTE.match(outcome.url):
            break  # the request belongs to another server from here on
        scope = _matched(rule, rules, variables, exists)
        if scope is None:
            continue
        outcome = Outcome(rule=rule.name, url=outcome.url)
        for name, value, replace in rule.variables:
            if rules.allowed is not None and name.upper() not in rules.allowed:
                return Outcome(rule=rule.name, url=outcome.url, forbidden=name)
            variables.set(name, value.expand(scope), replace=replace)
        if rule.action.kind in ("Redirect", "CustomResponse", "AbortRequest"):
            location = _location(rule, scope, variables, origin) if rule.action.kind == "Redirect" else ""
            return Outcome(rule.name, outcome.url, Ended(rule.action, location))
        if rule.action.kind == "Rewrite":
            outcome = Outcome(rule.name, _rewrite(rule, rules, scope, variables))
        if rule.stop:
            break
    return outcome


def _matched(rule: Rule, rules: RuleSet, variables: Variables, exists: Exists) -> Scope | None:
    """Return what the action may refer to, or None if the rule does not apply."""
    if not (variables.path + "/").lower().startswith(rule.base.lower()):
        return None
    path = variables.path[len(rule.base) :]
    holds, groups = rule.match.holds(path)
    if not holds:
        return None
    scope = Scope(variables.get, groups, NO_GROUPS, rules.maps)
    return captured(rule.conditions, scope, exists)


def _target(rule: Rule, scope: Scope, variables: Variables) -> str:
    """Return the substitution with the query where it is to be appended."""
    text = rule.action.url.expand(scope) if rule.action.url else ""
    if not rule.action.append_query or not variables.query:
        return text
    return text + ("&" if "?" in text else "?") + variables.query


def _rooted(path: str, rule: Rule) -> str:
    return path if path.startswith("/") else rule.base + path


def _rewrite(rule: Rule, rules: RuleSet, scope: Scope, variables: Variables) -> str:
    text = _target(rule, scope, variables)
    if ABSOLUTE.match(text):
        return _encoded_absolute(text, keep=rules.keep_encoding)
    path, _, query = text.partition("?")
    path = unquote(path) if rules.keep_encoding else path  # else it is encoded before IIS decodes it: nothing changes
    path = path.replace("\\", "/")  # templates of Microsoft's own write wwwroot\{R:0}
    variables.path, variables.query = _rooted(path, rule), query
    return variables.path + (f"?{query}" if query else "")


def _encoded_absolute(text: str, *, keep: bool) -> str:
    """Encode the path of a URL for the next server: with `keep` only what no URL may hold, else the percent sign too."""
    scheme, _, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    path, mark, query = (slash + path).partition("?")
    encoded = _unsafe_encoded(path) if keep else quote(path, safe=_SAFE)
    return f"{scheme}://{authority}{encoded or '/'}{mark}{_unsafe_encoded(query)}"


def _unsafe_encoded(text: str) -> str:
    return _UNSAFE.sub(lambda found: quote(found[0], safe=""), text)


def _location(rule: Rule, scope: Scope, variables: Variables, origin: str) -> str:
    text = _target(rule, scope, variables)
    if not ABSOLUTE.match(text):
        text = origin + _rooted(text, rule)
    path, mark, query = text.partition("?")
    return _unsafe_encoded(path) + mark + _unsafe_encoded(query)


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """A rule that rewrites the field `header` where `when` and `conditions` hold and its pattern matches the field's value."""

    name: str
    header: str
    match: Matcher
    value: Template | None
    """None for the action type None."""
    when: Conditions | None = None
    conditions: Conditions = field(default_factory=Conditions)
    stop: bool = False
    replace: bool = True


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """Rules in their order and the maps they use."""

    rules: tuple[HeaderRule, ...]
    maps: Mapping[str, RewriteMap]


def rewrite(rules: HeaderRules, variables: Variables, response: Response) -> None:
    """Apply the rules to the headers of a response. TooExpensiveError where a pattern takes too many steps."""
    variables.response = lambda name: str(response.status) if name == "STATUS" else response.header(name)
    for rule in rules.rules:
        scope = Scope(variables.get, NO_GROUPS, NO_GROUPS, rules.maps)
        if rule.when is not None and _captured(rule.when, scope) is None:
            continue
        if _apply(rule, scope, response) and rule.stop:
            return


def _apply(rule: HeaderRule, scope: Scope, response: Response) -> bool:
    """Rewrite every field of the rule's name, or the one that is not there yet; say whether something matched."""
    values = [value for name, value in response.fields if name.lower() == rule.header.lower()]
    changed, matched = [], False
    for value in values or [""]:
        holds, groups = rule.match.holds(value)
        inner = _captured(rule.conditions, Scope(scope.variable, groups, NO_GROUPS, scope.maps)) if holds else None
        matched |= inner is not None
        changed.append(rule.value.expand(inner) if inner is not None and rule.value is not None else value)
    if not matched or rule.value is None or (values and not rule.replace):
        return matched
    response.remove_header(rule.header)
    response.fields += [(rule.header, value) for value in changed]
    return True


def _captured(conditions: Conditions, scope: Scope) -> Scope | None:
    return captured(conditions, scope, lambda _path, _kind: False)  # the reader lets no file test through
