"""Renders a site for IIS: web.config (delegated sections only), setup.ps1 (applicationHost.config) and undo.ps1, its inverse.

The PowerShell files are ASCII, or UTF-8 with a byte order mark where a path is not: Windows PowerShell 5.1 reads others as ANSI.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ota_proxy.errors import Key, UsageError
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import profile
from ota_proxy.policy.media_types import ota_types
from ota_proxy.servers.applications import read_timeouts
from ota_proxy.servers.features import refuse
from ota_proxy.servers.header import header_lines
from ota_proxy.servers.iis import rewrite_rules as iis_rules
from ota_proxy.servers.iis import setup as iis_setup
from ota_proxy.servers.iis import setup_sites as iis_sites
from ota_proxy.servers.iis.notes import notes
from ota_proxy.servers.iis.plan import Plan
from ota_proxy.servers.iis.quote import ps_string, windows_path, xml_attribute, xml_comment
from ota_proxy.servers.result import Note, Rendered, RenderedFile, Scope
from ota_proxy.servers.templates import Quoted, render_template
from ota_proxy.site import Location, Site

_HIDDEN = frozenset(
    [
        "web.config",
        "bin",
        "app_code",
        "app_globalresources",
        "app_localresources",
        "app_webreferences",
        "app_data",
        "app_browsers",
    ]
)
"""Steps of a path that request filtering of IIS with ASP.NET hides by default (documentation of hiddenSegments); case does not count."""
_MOST_BODY = (1 << 32) - 1  # maxAllowedContentLength is a 32 bit number (requestLimits)


def render(  # noqa: PLR0913 - what every renderer takes, and one thing more
    site: Site,
    caps: Capabilities,
    scope: Scope,
    command: str,
    further: tuple[Note, ...] = (),
    *,
    rewrite_module: bool = True,
) -> Rendered:
    """Return web.config, and for the scopes site and full setup.ps1 and undo.ps1.

    Without `rewrite_module` nothing needs URL Rewrite: http is a second site with an httpRedirect, all answers are no-store.
    UsageError for what IIS cannot do at all or a value it cannot hold, naming the key.
    """
    plan = plan_of(site, caps, scope, rewrite_module=rewrite_module)
    said = (*(note for note in notes(plan, scope) if note.text), *further)
    header = header_lines(caps, profile(site.tls.profile), scope, command, said)
    files = [RenderedFile("web.config", render_template("iis/web.config.j2", _web_config(plan, scope, header)))]
    checked = _setup(plan, header)  # in every scope: a value that IIS cannot hold is refused in a snippet too
    if scope != "snippet":
        files += [_powershell(name, checked) for name in ("setup.ps1", "undo.ps1")]
    return Rendered("iis", scope, tuple(files), said)


def plan_of(site: Site, caps: Capabilities, scope: Scope, *, rewrite_module: bool = True) -> Plan:
    """Return the layout that a rendering follows; UsageError as for `render`."""
    refuse(site, "iis")
    _possible(site, caps, rewrite=rewrite_module)
    native = _native_hsts(site, caps, scope, rewrite=rewrite_module)
    return Plan(site, caps, native_hsts=native, rewrite=rewrite_module)


def _powershell(name: str, view: dict[str, object]) -> RenderedFile:
    text = render_template(f"iis/{name}.j2", view)
    return RenderedFile(name, text if text.isascii() else "\ufeff" + text)


def _native_hsts(site: Site, caps: Capabilities, scope: Scope, *, rewrite: bool) -> bool:
    """Say whether IIS itself sends HSTS: only from applicationHost.config, on port 443, and nothing behind sends its own."""
    wanted = site.hsts.enabled and not site.tls.offloaded and scope != "snippet"
    standard = site.https_port == 443 == site.public_port
    return wanted and caps.has("native_hsts") and standard and not (rewrite and site.proxied)


def _possible(site: Site, caps: Capabilities, *, rewrite: bool) -> None:
    if site.tls.profile == "modern" and not caps.has("tls13") and not site.tls.offloaded:
        raise _refused(
            ("tls", "profile"),
            f"Schannel of Windows {caps.version} has no TLS 1.3",
            "choose intermediate, or 2022 and later",
        )
    if site.trusted_proxies and (site.access.allow or site.access.deny):
        raise _refused(
            ("access",), "IIS sees the address of the proxy in front, not the device's", "filter at the proxy in front"
        )
    if not rewrite and (site.tls.offloaded or site.proxied):
        key: Key = ("tls", "offloaded") if site.tls.offloaded else site.key_of(site.proxied[0], "upstream")
        raise _refused(key, "on IIS this needs URL Rewrite", "install URL Rewrite 2.1")
    for location in site.proxied:
        _possible_upstream(site, location)
    _one_timeout(site)
    _distinct(site)
    for location in site.locations:
        hidden = next((step for step in location.path.split("/") if step.lower() in _HIDDEN), "")
        if hidden:
            raise _refused(
                site.key_of(location, "path"),
                f"IIS answers 404 to every path with the step '{hidden}' (hiddenSegments of request filtering)",
                "choose another prefix",
            )
        if {":", "*"} & set(location.path) or any(
            step != step.strip(" ").rstrip(".") for step in location.path.split("/")
        ):
            raise _refused(
                site.key_of(location, "path"),
                f"a folder of IIS cannot be named '{location.path}'",
                "choose another prefix",
            )


def _one_timeout(site: Site) -> None:
    wanted = read_timeouts(site)
    other = next((location for location in wanted if location.read_timeout != wanted[0].read_timeout), None)
    if other:
        raise _refused(
            site.key_of(other, "read_timeout"),
            f"IIS has one timeout for all applications, and {wanted[0].path} wants {wanted[0].read_timeout} seconds",
            "write the longest one everywhere",
        )


def _possible_upstream(site: Site, location: Location) -> None:
    target = location.target
    if target is None:
        return
    if target.scheme == "unix":
        raise _refused(
            site.key_of(location, "upstream"),
            f"IIS cannot reach the Unix socket {target}",
            "give it a port on 127.0.0.1",
        )
    if not 0 < location.body_limit <= _MOST_BODY:
        raise _refused(
            site.key_of(location, "max_body"),
            f"IIS always has a limit for a request, and none above {_MOST_BODY} bytes",
            "write a size below 4G",
        )
    if location.upstream_name and location.upstream_name != target.host:
        raise _refused(
            site.key_of(location, "upstream_name"),
            f"IIS verifies the name {target.host} that it connects to, not {location.upstream_name}",
            "write the certificate's name into the upstream",
        )


def _distinct(site: Site) -> None:
    seen: dict[str, str] = {}
    for location in site.locations:
        path, key = location.path, site.key_of(location, "path")
        if path.lower() in seen:
            raise _refused(key, f"'{seen[path.lower()]}' and '{path}' are the same to IIS", "keep one of them")
        seen[path.lower()] = path


def _refused(key: Key, why: str, hint: str) -> UsageError:
    return UsageError(why, key=key, hint=hint)


def _setup(plan: Plan, header: Sequence[str]) -> dict[str, object]:
    return {
        "header": _lines(header),
        "name": ps_string(plan.name),
        "root": ps_string(plan.root),
        "tls": bool(plan.site.certificates),
        "shown": [Quoted(", ".join(host.domains)) for host in plan.shown],
        "native_hsts": plan.native_hsts,
        "rewrite": plan.rewrite,
        "checks": list(iis_setup.checks(plan)),
        "folders": list(iis_sites.folders(plan)),
        "steps": [
            {"title": Quoted(step.title), "why": _lines(step.why), "calls": list(step.calls)}
            for step in iis_setup.steps(plan)
        ],
        "schannel": list(iis_setup.schannel(plan)) if plan.site.certificates else [],
    }


def _web_config(plan: Plan, scope: Scope, header: Sequence[str]) -> dict[str, object]:
    site = plan.site
    top = next((location for location in site.locations if location.path == "/"), None)
    hsts = site.hsts.enabled and not site.tls.offloaded and not plan.native_hsts
    secure_only = not plan.rewrite and scope != "snippet"  # http is a site of its own then, or nothing
    return {
        "header": [xml_comment(line) for line in header],
        "snippet": scope == "snippet",
        "proxied": top is not None and top.root is None,
        "body": top.body_limit if top else 0,
        "types": _pairs(ota_types(site.media_types)),
        "error_pages": _error_pages(plan),
        "headers": _pairs(
            site.headers | ({"Strict-Transport-Security": site.hsts.value} if hsts and secure_only else {})
        ),
        "secure_only": secure_only,
        "hide_server": plan.caps.has("remove_server_header"),
        "rewrite": plan.rewrite,
        "locations": [
            _block(location) for location in site.locations if location.path != "/" and _differs(site, location)
        ],
        "inbound": [_inbound(rule) for rule in iis_rules.inbound(site)] if plan.rewrite else [],
        "outbound": [_outbound(rule) for rule in iis_rules.outbound(site, hsts=hsts, snippet=scope == "snippet")]
        if plan.rewrite
        else [],
    }


def _error_pages(plan: Plan) -> list[tuple[int, Quoted]]:
    """Return status and file of each page; UsageError unless the folder lies where a web.config can name it, below the site's own."""
    folder = plan.site.error_pages.folder
    if folder is None:
        return []
    path, root = windows_path(folder, ("error_pages", "folder")), plan.root.rstrip("\\") + "\\"
    top = any(location.path == "/" for location in plan.site.static)
    if not top or not path.lower().startswith(root.lower()):
        raise UsageError(
            f"a web.config names error pages relative to the site's own folder, and {folder} is not below it",
            key=("error_pages", "folder"),
            hint="put the pages into a folder below the root of the location /, or render for another server",
        )
    inner = path[len(root) :]
    return [(status, xml_attribute(f"{inner}\\{status}.html")) for status in plan.site.error_pages.statuses]


def _differs(site: Site, location: Location) -> bool:
    """Say whether a location is not of the kind of the one around it; outside every location the rules of files hold."""
    around = [other for other in site.locations if other.path != location.path and location.path.startswith(other.path)]
    outer = max(around, key=lambda other: len(other.path), default=None)
    if location.root is None and outer is not None and outer.root is None:
        return location.body_limit != outer.body_limit
    return (location.root is None) != (outer is not None and outer.root is None)


def _block(location: Location) -> dict[str, object]:
    return {
        "path": xml_attribute(location.path.strip("/")),
        "proxied": location.root is None,
        "body": location.body_limit,
    }


def _lines(texts: Sequence[str]) -> list[Quoted]:
    return [Quoted(("# " + text).rstrip()) for text in texts]


def _pairs(table: dict[str, str]) -> list[tuple[Quoted, Quoted]]:
    return [(xml_attribute(key), xml_attribute(value)) for key, value in table.items()]


def _attributes(table: dict[str, str]) -> Quoted:
    return Quoted(" ".join(f"{key}={xml_attribute(value)}" for key, value in table.items()))


def _conditions(conditions: Sequence[iis_rules.Condition]) -> list[Quoted]:
    return [
        _attributes({"input": test.input, "pattern": test.pattern} | ({"negate": "true"} if test.negate else {}))
        for test in conditions
    ]


def _inbound(rule: iis_rules.Rule) -> dict[str, Any]:
    return {
        "name": xml_attribute(rule.name),
        "why": [xml_comment(line) for line in rule.why],
        "match": _attributes({"url": rule.match} | ({"negate": "true"} if rule.negate else {})),
        "any_of": rule.any_of,
        "conditions": _conditions(rule.conditions),
        "variables": [_attributes({"name": name, "value": value}) for name, value in rule.variables],
        "action": _attributes(rule.action),
    }


def _outbound(rule: iis_rules.HeaderRule) -> dict[str, Any]:
    return {
        "name": xml_attribute(rule.name),
        "why": [xml_comment(line) for line in rule.why],
        "when": _conditions(rule.when),
        "match": _attributes({"serverVariable": rule.variable, "pattern": rule.pattern}),
        "action": _attributes({"type": "Rewrite", "value": rule.value}),
    }
