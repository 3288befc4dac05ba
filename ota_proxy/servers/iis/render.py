"""Renders a site for IIS: web.config (delegated sections only), setup.ps1 (applicationHost.config), undo.ps1, its inverse, and OtaProxy.psm1.

OtaProxy.psm1 is what both scripts call: one file, the same for every site, and beside each so that every folder is whole. The PowerShell files are ASCII, or UTF-8 with a byte order mark where a path is not: Windows PowerShell 5.1 reads others as ANSI.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial

from ota_proxy import resources
from ota_proxy.errors import Key, UsageError
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import profile
from ota_proxy.servers.header import header_lines
from ota_proxy.servers.iis import view
from ota_proxy.servers.iis.notes import notes
from ota_proxy.servers.iis.plan import Plan
from ota_proxy.servers.iis.server_level import module_names
from ota_proxy.servers.rendered import Note, Rendered, RenderedFile, Scope
from ota_proxy.servers.shared import read_timeouts, refuse
from ota_proxy.servers.templates import POWERSHELL, XML, Style, render_template
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
MODULE = "OtaProxy.psm1"
_REWRITE, _ARR = "RewriteModule", "ApplicationRequestRouting"
"""Modules that are not part of Windows."""
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
    """Return web.config, and for the scopes site and full setup.ps1, undo.ps1 and OtaProxy.psm1.

    Without `rewrite_module` nothing needs URL Rewrite: http is a second site with an httpRedirect, all answers are no-store.
    UsageError for what IIS cannot do at all or a value it cannot hold, naming the key.
    """
    plan = plan_of(site, caps, scope, rewrite_module=rewrite_module)
    said = (*(note for note in notes(plan, scope) if note.text), *further)
    head = partial(header_lines, caps, profile(site.tls.profile), scope, command)
    files = [RenderedFile("web.config", _rendered("web.config", view.web_config(plan, scope, head(said)), XML))]
    ours = [note for note in said if note.kind != "cannot-enforce"]
    checked = view.scripts(plan, head(ours), head(()))  # in every scope: a snippet cannot hold what IIS cannot
    if scope != "snippet":
        files += [_powershell(name, checked) for name in ("setup.ps1", "undo.ps1")]
        files.append(RenderedFile(MODULE, resources.template_source(f"iis/{MODULE}") or ""))
    return Rendered("iis", scope, tuple(files), said)


def lacking(missing: Sequence[str], site: Site) -> frozenset[str]:
    """Return which of the modules that the templates use are not installed; UsageError for another, and for one that the site needs."""
    lacks = module_names(missing)
    if unknown := sorted(lacks - {_REWRITE, _ARR}):
        raise UsageError("only rewrite and arr can be left out", place=f"--without-module {unknown[0]}")
    if _ARR in lacks and site.proxied:
        hint = "install Application Request Routing 3, or serve files"
        raise UsageError(
            "on IIS this needs Application Request Routing", key=site.key_of(site.proxied[0], "upstream"), hint=hint
        )
    return lacks


def plan_of(site: Site, caps: Capabilities, scope: Scope, *, rewrite_module: bool = True) -> Plan:
    """Return the layout that a rendering follows; UsageError as for `render`."""
    refuse(site, "iis")
    rewrite_module = rewrite_module and _REWRITE not in caps.without
    _possible(site, caps, rewrite=rewrite_module)
    native = _native_hsts(site, caps, scope, rewrite=rewrite_module)
    return Plan(site, caps, native_hsts=native, rewrite=rewrite_module)


def _rendered(name: str, view: view.WebConfig | view.Scripts, style: Style) -> str:
    shown = {field.name: getattr(view, field.name) for field in fields(view)}
    return render_template(f"iis/{name}.j2", shown, style)


def _powershell(name: str, view: view.Scripts) -> RenderedFile:
    text = _rendered(name, view, POWERSHELL)
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
