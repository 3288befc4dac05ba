"""What the templates of IIS print, as frozen dataclasses whose texts are all quoted for XML or PowerShell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ota_proxy import __version__
from ota_proxy.errors import UsageError
from ota_proxy.policy.media_types import ota_types
from ota_proxy.servers.iis import rewrite_rules, setup
from ota_proxy.servers.iis.plan import Plan, Step
from ota_proxy.servers.iis.quote import ps_string, ps_value, windows_path, xml_attribute, xml_comment
from ota_proxy.servers.rendered import Scope, comment_text
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Location, Site

Pairs = tuple[tuple[Quoted, Quoted], ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """A location of another kind than the one around it; `body` is the limit of a request in bytes."""

    title: Quoted
    path: Quoted
    proxied: bool
    body: int


@dataclass(frozen=True, slots=True)
class InboundRule:
    """An inbound rule: `why` is a whole comment, the rest are attributes."""

    name: Quoted
    why: Quoted
    match: Quoted
    any_of: bool
    conditions: tuple[Quoted, ...]
    variables: tuple[Quoted, ...]
    action: Quoted


@dataclass(frozen=True, slots=True)
class OutboundRule:
    """An outbound rule for a header, run where all of `when` hold."""

    name: Quoted
    why: Quoted
    when: tuple[Quoted, ...]
    match: Quoted
    action: Quoted


@dataclass(frozen=True, slots=True)
class WebConfig:
    """A web.config; `proxied` and `body` are those of the location /."""

    header: tuple[Quoted, ...]
    snippet: bool
    proxied: bool
    body: int
    types: Pairs
    error_pages: tuple[tuple[int, Quoted], ...]
    headers: Pairs
    secure_only: bool
    hide_server: bool
    rewrite: bool
    locations: tuple[Prefix, ...]
    inbound: tuple[InboundRule, ...]
    outbound: tuple[OutboundRule, ...]


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step of setup.ps1: comment lines and commands."""

    title: Quoted
    why: tuple[Quoted, ...]
    calls: tuple[Quoted, ...]


@dataclass(frozen=True, slots=True)
class Scripts:
    """setup.ps1 and undo.ps1; `shown` are the names of each certificate."""

    header: tuple[Quoted, ...]
    undo_header: tuple[Quoted, ...]
    version: Quoted
    name: Quoted
    tls: bool
    shown: tuple[Quoted, ...]
    settings: Pairs
    checks: tuple[Quoted, ...]
    folders: tuple[Quoted, ...]
    steps: tuple[ShownStep, ...]
    schannel: tuple[Quoted, ...]


def web_config(plan: Plan, scope: Scope, header: Sequence[str]) -> WebConfig:
    """Return the view of web.config; UsageError for a value that it cannot hold."""
    site = plan.site
    top = next((location for location in site.locations if location.path == "/"), None)
    hsts = site.hsts.enabled and not site.tls.offloaded and not plan.native_hsts
    secure_only = not plan.rewrite and scope != "snippet"  # http is a site of its own then, or nothing
    own = {"Strict-Transport-Security": site.hsts.value} if hsts and secure_only else {}
    inbound = rewrite_rules.inbound(site) if plan.rewrite else ()
    outbound = rewrite_rules.outbound(site, hsts=hsts, snippet=scope == "snippet") if plan.rewrite else ()
    return WebConfig(
        header=tuple(xml_comment(line) for line in header),
        snippet=scope == "snippet",
        proxied=top is not None and top.root is None,
        body=top.body_limit if top else 0,
        types=_pairs(ota_types(site.media_types)),
        error_pages=_error_pages(plan),
        headers=_pairs(site.headers | own),
        secure_only=secure_only,
        hide_server=plan.caps.has("remove_server_header"),
        rewrite=plan.rewrite,
        locations=tuple(_prefix(one) for one in site.locations if one.path != "/" and _differs(site, one)),
        inbound=tuple(_inbound(rule) for rule in inbound),
        outbound=tuple(_outbound(rule) for rule in outbound),
    )


def scripts(plan: Plan, header: Sequence[str], undo_header: Sequence[str]) -> Scripts:
    """Return the view of both scripts; UsageError for a value that IIS cannot hold."""
    ends_here = bool(plan.site.certificates)
    return Scripts(
        header=_remarks(header),
        undo_header=_remarks(undo_header),
        version=Quoted(__version__),
        name=ps_string(plan.name),
        tls=ends_here,
        shown=tuple(Quoted(", ".join(host.domains)) for host in plan.shown),
        settings=tuple((Quoted(one.name), ps_value(one.value)) for one in setup.settings(plan)),
        checks=setup.checks(plan),
        folders=setup.folders(plan),
        steps=tuple(_step(step) for step in setup.steps(plan)),
        schannel=(setup.schannel(plan),) if ends_here else (),
    )


def _step(step: Step) -> ShownStep:
    return ShownStep(Quoted(step.title), _remarks(step.why), step.calls)


def _error_pages(plan: Plan) -> tuple[tuple[int, Quoted], ...]:
    """Return status and file of each page; UsageError unless the folder lies where a web.config can name it, below the site's own."""
    folder = plan.site.error_pages.folder
    if folder is None:
        return ()
    path, root = windows_path(folder, ("error_pages", "folder")), plan.root.rstrip("\\") + "\\"
    top = any(location.path == "/" for location in plan.site.static)
    if not top or not path.lower().startswith(root.lower()):
        raise UsageError(
            f"a web.config names error pages relative to the site's own folder, and {folder} is not below it",
            key=("error_pages", "folder"),
            hint="put the pages into a folder below the root of the location /, or render for another server",
        )
    inner = path[len(root) :]
    return tuple((status, xml_attribute(f"{inner}\\{status}.html")) for status in plan.site.error_pages.statuses)


def _differs(site: Site, location: Location) -> bool:
    """Say whether a location is not of the kind of the one around it; outside every location the rules of files hold."""
    around = [other for other in site.locations if other.path != location.path and location.path.startswith(other.path)]
    outer = max(around, key=lambda other: len(other.path), default=None)
    if location.root is None and outer is not None and outer.root is None:
        return location.body_limit != outer.body_limit
    return (location.root is None) != (outer is not None and outer.root is None)


def _prefix(location: Location) -> Prefix:
    proxied = location.root is None
    title = f"{'An application' if proxied else 'Files'} below {comment_text(location.path)}"
    return Prefix(xml_comment(title), xml_attribute(location.path.strip("/")), proxied, location.body_limit)


def _remarks(texts: Sequence[str]) -> tuple[Quoted, ...]:
    return tuple(Quoted(("# " + text).rstrip()) for text in texts)


def _why(lines: Sequence[str]) -> Quoted:
    return Quoted("<!-- " + "\n     ".join(xml_comment(line) for line in lines) + " -->")


def _pairs(table: Mapping[str, str]) -> Pairs:
    return tuple((xml_attribute(key), xml_attribute(value)) for key, value in table.items())


def _attributes(table: Mapping[str, str]) -> Quoted:
    return Quoted(" ".join(f"{key}={xml_attribute(value)}" for key, value in table.items()))


def _conditions(conditions: Sequence[rewrite_rules.Condition]) -> tuple[Quoted, ...]:
    return tuple(
        _attributes({"input": test.input, "pattern": test.pattern} | ({"negate": "true"} if test.negate else {}))
        for test in conditions
    )


def _inbound(rule: rewrite_rules.Rule) -> InboundRule:
    return InboundRule(
        name=xml_attribute(rule.name),
        why=_why(rule.why),
        match=_attributes({"url": rule.match} | ({"negate": "true"} if rule.negate else {})),
        any_of=rule.any_of,
        conditions=_conditions(rule.conditions),
        variables=tuple(_attributes({"name": name, "value": value}) for name, value in rule.variables),
        action=_attributes(rule.action),
    )


def _outbound(rule: rewrite_rules.HeaderRule) -> OutboundRule:
    return OutboundRule(
        name=xml_attribute(rule.name),
        why=_why(rule.why),
        when=_conditions(rule.when),
        match=_attributes({"serverVariable": rule.variable, "pattern": rule.pattern}),
        action=_attributes({"type": "Rewrite", "value": rule.value}),
    )
