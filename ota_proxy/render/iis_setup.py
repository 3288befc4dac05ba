"""What belongs in applicationHost.config, as commands of setup.ps1: each checks before it writes and leaves a record for undo.ps1.

Source of the sections and attributes: MicrosoftDocs/iis-docs, configuration reference; of the cmdlets: IISAdministration's reference.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ota_proxy.model import Location, Site
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import profile
from ota_proxy.policy.schannel import protocols, suite_names
from ota_proxy.render.iis_networks import address_and_mask
from ota_proxy.render.iis_quote import PsValue, ps_call, windows_path
from ota_proxy.render.iis_rules import ACME_PREFIX, FORWARDED, authority, serves_acme
from ota_proxy.render.quoting import Quoted

_SITES = "system.applicationHost/sites"
_POOLS = "system.applicationHost/applicationPools"
_POOL_LIMIT = 64  # longest application pool name


@dataclass(frozen=True, slots=True)
class Step:
    """One group of commands with its title and the reason for it."""

    title: str
    why: tuple[str, ...]
    calls: tuple[Quoted, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How this site is laid out on IIS; `second_site` is the http-only site that redirects where URL Rewrite is not there."""

    site: Site
    caps: Capabilities
    native_hsts: bool
    rewrite: bool

    @property
    def name(self) -> str:
        """The IIS site's name, its application pool's too: the canonical domain, shortened where a pool's name cannot hold it."""
        domain = self.site.domain
        if len(domain) + len(" http") <= _POOL_LIMIT:
            return domain
        return f"{domain[:45]}-{hashlib.sha256(domain.encode()).hexdigest()[:8]}"

    @property
    def second_site(self) -> str:
        """Name of the site for http, or nothing where one site does both."""
        redirects = not self.rewrite and not self.site.tls.offloaded and self.site.listen.http
        return f"{self.name} http" if redirects else ""

    @property
    def root(self) -> str:
        """Physical path of the site: the root of the location /, else a folder that has only web.config in it."""
        for location in self.site.static:
            if location.path == "/":
                return windows_path(location.root or "", "locations.root")
        return self.folder(self.name)

    def folder(self, name: str) -> str:
        """Return the path of a folder of our own."""
        return f"%SystemDrive%\\inetpub\\ota-proxy\\{name}"


def steps(plan: Plan) -> tuple[Step, ...]:
    """Return the steps that change applicationHost.config, in the order they run, inside one commit."""
    return tuple(
        step
        for step in (
            _sites(plan),
            _bindings(plan),
            _folders(plan),
            _acme(plan),
            _hsts(plan),
            _redirect(plan),
            _proxy(plan),
            _access(plan),
            _log(plan),
        )
        if step.calls
    )


def modules(plan: Plan) -> tuple[Quoted, ...]:
    """Return the checks that the modules this site needs are installed."""
    install = "run Install-WindowsFeature {}"
    needed = [("StaticFileModule", install.format("Web-Static-Content"))] if plan.site.static else []
    needed += [("RequestFilteringModule", install.format("Web-Filtering"))]
    needed += [("RewriteModule", "install URL Rewrite 2.1")] if plan.rewrite else []
    needed += [("ApplicationRequestRouting", "install Application Request Routing 3")] if plan.site.proxied else []
    needed += [("HttpRedirectionModule", install.format("Web-Http-Redirect"))] if plan.second_site else []
    needed += [("IpRestrictionModule", install.format("Web-IP-Security"))] if _restricted(plan.site) else []
    return tuple(ps_call("Assert-OtaModule", Name=name, Remedy=remedy) for name, remedy in needed)


def folders(plan: Plan) -> tuple[Quoted, ...]:
    """Return the commands that make the folders of our own; folders with content are only looked at."""
    own = [plan.folder(name) for name in (plan.second_site,) if name]
    own += [] if any(location.path == "/" for location in plan.site.static) else [plan.root]
    own += [_acme_root(plan.site)] if serves_acme(plan.site) else []
    looked_at = {location.root: _root(location) for location in plan.site.static}.values()
    return (
        *(ps_call("Add-OtaFolder", Path=path) for path in own),
        *(ps_call("Test-OtaFolder", Path=path) for path in looked_at),
    )


def schannel(plan: Plan) -> tuple[Quoted, ...]:
    """Return the machine-wide TLS commands behind -Schannel."""
    chosen = profile(plan.site.tls.profile)
    states = [
        ps_call("Set-OtaProtocol", Name=name, Enabled=enabled) for name, enabled in protocols(chosen.protocols).items()
    ]
    return (*states, ps_call("Set-OtaCipherSuites", Wanted=suite_names((*chosen.suites_tls13, *chosen.ciphers))))


def _add(what: str, section: str, key: dict[str, PsValue], **rest: PsValue) -> Quoted:
    return ps_call("Add-OtaElement", What=what, Section=section, Key=key, **rest)


def _set(what: str, section: str, name: str, value: PsValue, **rest: PsValue) -> Quoted:
    return ps_call("Set-OtaAttribute", What=what, Section=section, Name=name, Value=value, **rest)


def _within(*names: dict[str, PsValue]) -> list[PsValue]:
    return [{"In": "", "Key": name} for name in names]


def _root(location: Location) -> str:
    return windows_path(location.root or "", "locations.root")


def _sites(plan: Plan) -> Step:
    pool = _add(
        f"application pool {plan.name}",
        _POOLS,
        {"name": plan.name},
        With={"managedRuntimeVersion": ""},
    )
    calls = [pool, *_site(plan, plan.name, plan.root)]
    if plan.second_site:
        calls += _site(plan, plan.second_site, plan.folder(plan.second_site))
    why = ["A pool of its own without managed code: nothing of this site runs .NET."]
    why += [
        "The second site only redirects from http: without URL Rewrite one site cannot tell http from https."
    ] * bool(plan.second_site)
    return Step("Application pool and site", tuple(why), tuple(calls))


def _site(plan: Plan, name: str, path: str) -> list[Quoted]:
    return [
        _add(f"site {name}", _SITES, {"name": name}, New={"id": Quoted("(Get-OtaSiteId)")}),
        _add(
            f"root application of {name}",
            _SITES,
            {"path": "/"},
            Steps=_within({"name": name}),
            With={"applicationPool": plan.name},
        ),
        _directory(name, "/", path),
    ]


def _directory(site: str, path: str, folder: str) -> Quoted:
    return _add(
        f"folder of {path}",
        _SITES,
        {"path": path},
        Steps=_within({"name": site}, {"path": "/"}),
        With={"physicalPath": folder},
    )


def _bindings(plan: Plan) -> Step:
    site, calls = plan.site, []
    hosts = [f"[{host}]" if ":" in host else host for host in site.listen.hosts] or ["*"]
    for domain in site.domains:
        for host in hosts:
            if site.listen.http:
                information = f"{host}:{site.listen.http}:{domain}"
                calls.append(
                    _add(
                        f"binding {information}",
                        _SITES,
                        {"protocol": "http", "bindingInformation": information},
                        Steps=_within({"name": plan.second_site or plan.name}),
                        In="bindings",
                    )
                )
            if not site.tls.offloaded:
                information = f"{host}:{site.https_port}:{domain}"
                calls.append(
                    ps_call("Add-OtaTlsBinding", Site=plan.name, Information=information, SslFlags=_ssl_flags(plan))
                )
    return Step(
        "Bindings",
        (
            "By name only: what nobody bound is answered by Windows, not by this site.",
            "SslFlags: 1 asks for the name in the handshake (SNI)" + _flag_words(plan) + ".",
        ),
        tuple(calls),
    )


def _ssl_flags(plan: Plan) -> int:
    """1 SNI; on Windows 2022 and later 4 switches HTTP/2 off and 64 TLS 1.0 and 1.1, for this binding."""
    if not plan.caps.has("binding_tls_flags"):
        return 1
    return 1 + 64 + 4 * (not plan.site.http2)


def _flag_words(plan: Plan) -> str:
    flags = _ssl_flags(plan)
    return ", 64 refuses TLS 1.0 and 1.1" * bool(flags & 64) + ", 4 switches HTTP/2 off" * bool(flags & 4)


def _folders(plan: Plan) -> Step:
    calls = [
        _directory(plan.name, location.path.rstrip("/"), _root(location))
        for location in plan.site.static
        if location.path != "/"
    ]
    return Step("Folders of the other locations", ("A virtual directory for each prefix.",), tuple(calls))


def _acme_root(site: Site) -> str:
    return windows_path(site.redirect.acme_root, "redirect.acme_root") + ACME_PREFIX.replace("/", "\\")


def _acme(plan: Plan) -> Step:
    if not serves_acme(plan.site):
        return Step("", (), ())
    name = plan.second_site or plan.name
    place = name + ACME_PREFIX
    calls = [
        _directory(name, ACME_PREFIX, _acme_root(plan.site)),
        _add(
            "media type of ACME challenges",
            "system.webServer/staticContent",
            {"fileExtension": "."},
            Location=place,
            With={"mimeType": "text/plain"},
        ),
    ]
    if plan.second_site:
        section = "system.webServer/httpRedirect"
        calls.append(_set("ACME challenges are not redirected", section, "enabled", False, Location=place))
    return Step("ACME challenges over http", ("Their names have no extension, which IIS maps as '.'.",), tuple(calls))


def _hsts(plan: Plan) -> Step:
    if not plan.native_hsts:
        return Step("", (), ())
    hsts = plan.site.hsts
    values: tuple[tuple[str, PsValue], ...] = (
        ("max-age", hsts.max_age),
        ("includeSubDomains", hsts.include_subdomains),
        ("preload", hsts.preload),
        ("redirectHttpToHttps", False),
        ("enabled", True),
    )
    place: list[PsValue] = [*_within({"name": plan.name}), {"Child": "hsts"}]
    calls = [_set("Strict-Transport-Security", _SITES, name, value, Steps=place) for name, value in values]
    return Step(
        "Strict-Transport-Security",
        ("IIS itself sends it, on https answers only. Its own redirect stays off: it ignores ports and ACME.",),
        tuple(calls),
    )


def _redirect(plan: Plan) -> Step:
    if not plan.second_site:
        return Step("", (), ())
    status = {301: "Permanent", 308: "PermRedirect"}[plan.site.redirect.status]
    values: tuple[tuple[str, PsValue], ...] = (
        ("destination", f"https://{authority(plan.site)}$S$Q"),
        ("exactDestination", True),
        ("httpResponseStatus", status),
        ("enabled", True),
    )
    section = "system.webServer/httpRedirect"
    calls = [_set("redirect to https", section, name, value, Location=plan.second_site) for name, value in values]
    return Step("Redirect to https", ("$S is the path and $Q the query with its question mark.",), tuple(calls))


def _proxy(plan: Plan) -> Step:
    if not plan.site.proxied:
        return Step("", (), ())
    section = "system.webServer/rewrite/allowedServerVariables"
    calls = [_add(f"server variable {name}", section, {"name": name}, Location=plan.name) for name in FORWARDED]
    for name, value in (
        ("preserveHostHeader", True),
        ("reverseRewriteHostInResponseHeaders", False),
        ("enabled", True),
    ):
        calls.append(_set(f"proxy {name}", "system.webServer/proxy", name, value))
    return Step(
        "Proxy",
        (
            "Server variables that the rules of web.config may set, for this site.",
            "The proxy section counts for the whole server: applications get the device's Host, and their",
            "redirects go out as they wrote them.",
        ),
        tuple(calls),
    )


def _restricted(site: Site) -> bool:
    return bool(site.access.allow or site.access.deny)


def _access(plan: Plan) -> Step:
    access = plan.site.access
    if not _restricted(plan.site):
        return Step("", (), ())
    section = "system.webServer/security/ipSecurity"
    ranges = [(text, False) for text in access.deny] + [
        (text, True) for text in access.allow if text not in access.deny
    ]
    calls = [_set("access by network", section, "allowUnlisted", not access.allow, Location=plan.name)]
    for text, allowed in ranges:
        address, mask = address_and_mask(text, "access.allow" if allowed else "access.deny")
        key: dict[str, PsValue] = {"ipAddress": address, "subnetMask": mask}
        calls.append(_add(f"network {text}", section, key, Location=plan.name, With={"allowed": allowed}))
    if serves_acme(plan.site) and not plan.second_site:
        place = plan.name + ACME_PREFIX
        calls.append(_set("ACME challenges stay open", section, "allowUnlisted", True, Location=place))
    return Step("Access by network", ("The section is locked for web.config; refused networks get 403.",), tuple(calls))


def _log(plan: Plan) -> Step:
    if plan.site.log.access is not False:
        return Step("", (), ())
    call = _set("no access log", "system.webServer/httpLogging", "dontLog", True, Location=plan.name)
    return Step("Log", ("log.access is false.",), (call,))
