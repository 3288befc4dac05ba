"""What belongs in applicationHost.config and around it, as the settings and commands of setup.ps1; templates/iis/OtaProxy.psm1 carries them out.

Source of the sections and attributes: MicrosoftDocs/iis-docs, configuration reference; of the cmdlets: IISAdministration's reference.
"""

from __future__ import annotations

from ota_proxy.addresses import bracketed
from ota_proxy.policy.guideline import profile, schannel_protocols, schannel_suites
from ota_proxy.servers.iis.plan import Plan, Step
from ota_proxy.servers.iis.quote import Call, Ordered, PsValue, Setting, address_and_mask, ps_call, windows_path
from ota_proxy.servers.iis.rewrite_rules import ACME_PREFIX, FORWARDED, authority, serves_acme
from ota_proxy.servers.shared import read_timeouts
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Location, Site

_LIMITS = {"queueLength": 1000, "appConcurrentRequestLimit": 5000}  # defaults: applicationPools/add, serverRuntime


# Settings: what the head of the script names and the commands below it use.


def settings(plan: Plan) -> tuple[Setting, ...]:
    """Return the settings in the order of the script's head."""
    return (
        _site(plan),
        *([_second(plan)] if plan.second_site else []),
        _folder(plan),
        *([_http(plan)] if plan.site.listen.http else []),
        *_https(plan),
    )


def _site(plan: Plan) -> Setting:
    return Setting("Site", plan.name)


def _second(plan: Plan) -> Setting:
    return Setting("HttpSite", plan.second_site)


def _plain(plan: Plan) -> Setting:
    """Return the site that answers http."""
    return _second(plan) if plan.second_site else _site(plan)


def _folder(plan: Plan) -> Setting:
    return Setting("Folder", plan.root)


def _http(plan: Plan) -> Setting:
    return Setting("HttpBindings", _bound(plan, plan.site.listen.http or 0, plan.site.domains))


def _https(plan: Plan) -> tuple[Setting, ...]:
    """Return the https bindings of each certificate, in the order in which setup.ps1 is given them."""
    if plan.site.tls.offloaded:
        return ()
    names = [host.domains for host in plan.shown]
    if len(names) == 1:
        return (Setting("HttpsBindings", _bound(plan, plan.site.https_port, plan.site.domains)),)
    return tuple(
        Setting(
            f"HttpsBindings{number}", _bound(plan, plan.site.https_port, [x for x in plan.site.domains if x in own])
        )
        for number, own in enumerate(names, 1)
    )


def _bound(plan: Plan, port: int, domains: list[str] | tuple[str, ...]) -> list[str]:
    hosts = [bracketed(host) for host in plan.site.listen.hosts] or ["*"]
    return [f"{host}:{port}:{domain}" for domain in domains for host in hosts]


# Checks and folders.


def checks(plan: Plan) -> tuple[Call, ...]:
    """Return the checks that the server has what this site needs, and that its bindings are nobody else's."""
    return (
        *_modules(plan),
        *([ps_call("Assert-OtaRewrite")] if plan.rewrite else []),
        *([ps_call("Assert-OtaHsts")] if plan.native_hsts else []),
        _unclaimed(plan),
    )


def _modules(plan: Plan) -> tuple[Call, ...]:
    install = "run Install-WindowsFeature {}"
    needed = [("StaticFileModule", install.format("Web-Static-Content"))] if plan.site.static else []
    needed += [("RequestFilteringModule", install.format("Web-Filtering"))]
    needed += [("RewriteModule", "install URL Rewrite 2.1")] if plan.rewrite else []
    needed += [("ApplicationRequestRouting", "install Application Request Routing 3")] if plan.site.proxied else []
    needed += [("WebSocketModule", install.format("Web-WebSockets"))] * any(x.websocket for x in plan.site.proxied)
    needed += [("HttpRedirectionModule", install.format("Web-Http-Redirect"))] if plan.second_site else []
    needed += [("IpRestrictionModule", install.format("Web-IP-Security"))] if restricted(plan.site) else []
    return tuple(ps_call("Assert-OtaModule", Name=name, Remedy=remedy) for name, remedy in needed)


def _unclaimed(plan: Plan) -> Call:
    sites: list[PsValue] = [_site(plan), *([_second(plan)] if plan.second_site else [])]
    http: dict[str, PsValue] = {"Http": _http(plan)} if plan.site.listen.http else {}
    secure = _https(plan)
    together = Quoted("(" + " + ".join(f"${one.name}" for one in secure) + ")")
    https: dict[str, PsValue] = {"Https": secure[0] if len(secure) == 1 else together} if secure else {}
    return ps_call("Assert-OtaUnclaimed", Sites=sites, **http, **https)


def folders(plan: Plan) -> tuple[Call, ...]:
    """Return the commands that make the folders of our own; folders with content are only looked at."""
    own: list[PsValue] = [plan.folder(plan.second_site)] if plan.second_site else []
    own += [] if any(location.path == "/" for location in plan.site.static) else [_folder(plan)]
    own += [_acme_root(plan.site)] if serves_acme(plan.site) else []
    content = [_folder(plan) if place.path == "/" else _root(plan.site, place) for place in plan.site.static]
    return (
        *(ps_call("Add-OtaFolder", Path=path) for path in own),
        *(ps_call("Test-OtaFolder", Path=path) for path in content),
    )


# Steps, inside one commit.


def steps(plan: Plan) -> tuple[Step, ...]:
    """Return the steps that change applicationHost.config, in the order they run."""
    every = (_sites, _bindings, _directories, _redirect, _acme, _hsts, _proxy, _access, _more_capacity, _log)
    return tuple(step for step in (make(plan) for make in every) if step.calls)


def _sites(plan: Plan) -> Step:
    queue: dict[str, PsValue] = {"QueueLength": limit} if (limit := capacity(plan).get("queueLength")) else {}
    why = ["A pool of its own without managed code: nothing of this site runs .NET."]
    why += [f"QueueLength: {_phones(plan)}"] * bool(queue)
    calls = [
        ps_call("Add-OtaPool", Name=_site(plan), **queue),
        ps_call("Add-OtaSite", Site=_site(plan), Pool=_site(plan), Folder=_folder(plan)),
    ]
    if plan.second_site:
        why.append(
            "The second site only redirects from http: without URL Rewrite one site cannot tell http from https."
        )
        folder = plan.folder(plan.second_site)
        calls.append(ps_call("Add-OtaSite", Site=_second(plan), Pool=_site(plan), Folder=folder))
    return Step("Application pool and site", tuple(why), tuple(calls))


def _bindings(plan: Plan) -> Step:
    """Bind every domain on every address, for http and https."""
    why = ["By name only: what nobody bound is answered by Windows, not by this site."]
    calls = []
    if plan.site.listen.http:
        calls.append(ps_call("Add-OtaHttpBinding", Site=_plain(plan), Bindings=_http(plan)))
    secure = _https(plan)
    if secure:
        why.append("SslFlags: 1 asks for the name in the handshake (SNI)" + _flag_words(plan) + ".")
    for number, bindings in enumerate(secure, 1):
        which: dict[str, PsValue] = {"Certificate": number} if len(secure) > 1 else {}
        calls.append(
            ps_call(
                "Add-OtaHttpsBinding",
                Site=_site(plan),
                Bindings=bindings,
                SslFlags=_ssl_flags(plan),
                Thumbprints=Quoted("$thumbprints"),
                **which,
            )
        )
    return Step("Bindings", tuple(why), tuple(calls))


def _ssl_flags(plan: Plan) -> int:
    """1 SNI; on Windows 2022 and later 4 switches HTTP/2 off and 64 TLS 1.0 and 1.1, for this binding."""
    if not plan.caps.has("binding_tls_flags"):
        return 1
    return 1 + 64 + 4 * (not plan.site.http2)


def _flag_words(plan: Plan) -> str:
    flags = _ssl_flags(plan)
    return ", 64 refuses TLS 1.0 and 1.1" * bool(flags & 64) + ", 4 switches HTTP/2 off" * bool(flags & 4)


def _directories(plan: Plan) -> Step:
    calls = [
        ps_call("Add-OtaDirectory", Site=_site(plan), Path=place.path.rstrip("/"), Folder=_root(plan.site, place))
        for place in plan.site.static
        if place.path != "/"
    ]
    return Step("Folders of the other locations", ("A virtual directory for each prefix.",), tuple(calls))


def _redirect(plan: Plan) -> Step:
    """Redirect the second, plain site to https (httpRedirect, the only redirect without URL Rewrite)."""
    if not plan.second_site:
        return Step("", (), ())
    status = {301: "Permanent", 308: "PermRedirect"}[plan.site.redirect.status]
    values = Ordered(
        destination=f"https://{authority(plan.site)}$S$Q",
        exactDestination=True,
        httpResponseStatus=status,
        enabled=True,
    )
    call = _section("redirect to https", "system.webServer/httpRedirect", values, Location=_second(plan))
    return Step("Redirect to https", ("$S is the path and $Q the query with its question mark.",), (call,))


def _acme(plan: Plan) -> Step:
    """Serve ACME challenges from a folder of their own, over http."""
    if not serves_acme(plan.site):
        return Step("", (), ())
    place = (plan.second_site or plan.name) + ACME_PREFIX
    calls = [
        ps_call("Add-OtaDirectory", Site=_plain(plan), Path=ACME_PREFIX, Folder=_acme_root(plan.site)),
        ps_call("Add-OtaMediaType", Location=place, Extension=".", Type="text/plain"),
    ]
    if plan.second_site:
        stay = Ordered(enabled=False)
        calls.append(
            _section("challenges stay on http", "system.webServer/httpRedirect", stay, Location=place, Here=True)
        )
    return Step("ACME challenges over http", ("Their names have no extension, which IIS maps as '.'.",), tuple(calls))


def _hsts(plan: Plan) -> Step:
    """Let IIS itself send Strict-Transport-Security (sites/site/hsts, from Windows 1709)."""
    if not plan.native_hsts:
        return Step("", (), ())
    wanted = plan.site.hsts
    call = ps_call(
        "Set-OtaHsts",
        Site=_site(plan),
        MaxAge=wanted.max_age,
        IncludeSubDomains=wanted.include_subdomains,
        Preload=wanted.preload,
    )
    return Step("Strict-Transport-Security", ("IIS itself sends it, on https answers only.",), (call,))


def _proxy(plan: Plan) -> Step:
    """Allow the server variables of the proxy rules, and switch ARR's proxy on."""
    if not plan.site.proxied:
        return Step("", (), ())
    values = Ordered(preserveHostHeader=True, reverseRewriteHostInResponseHeaders=False, enabled=True)
    for location in read_timeouts(plan.site)[:1]:
        values["timeout"] = _span(location.read_timeout or 0)
    return Step(
        "Proxy",
        (
            "Server variables that the rules of web.config may set, for this site.",
            "The proxy section counts for the whole server: applications get the device's Host, and their",
            "redirects go out as they wrote them.",
        ),
        (
            *(ps_call("Add-OtaServerVariable", Site=_site(plan), Name=name) for name in FORWARDED),
            _section("proxy", "system.webServer/proxy", values),
        ),
    )


def _span(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    return f"{days}.{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}".removeprefix("0.")


def restricted(site: Site) -> bool:
    """Say whether only some networks may reach the site."""
    return bool(site.access.allow or site.access.deny)


def _access(plan: Plan) -> Step:
    """Write access by network (ipSecurity, a locked section): refused networks first."""
    lists = plan.site.access
    if not restricted(plan.site):
        return Step("", (), ())
    section = "system.webServer/security/ipSecurity"
    ranges = [(text, False, ("access", "deny", index)) for index, text in enumerate(lists.deny)]
    ranges += [(t, True, ("access", "allow", index)) for index, t in enumerate(lists.allow) if t not in lists.deny]
    calls = [_section("access by network", section, Ordered(allowUnlisted=not lists.allow), Location=_site(plan))]
    for text, allowed, source in ranges:
        address, mask = address_and_mask(text, source)
        calls.append(ps_call("Add-OtaNetwork", Site=_site(plan), Address=address, Mask=mask, Allowed=allowed))
    if serves_acme(plan.site) and not plan.second_site:
        place, stay = plan.name + ACME_PREFIX, Ordered(allowUnlisted=True)
        calls.append(_section("ACME challenges stay open", section, stay, Location=place, Here=True))
    return Step("Access by network", ("The section is locked for web.config; refused networks get 403.",), tuple(calls))


def capacity(plan: Plan) -> dict[str, int]:
    """Return the limits that expected_devices exceeds as IIS ships, with what they have to be."""
    return {
        name: plan.site.expected_devices for name, shipped in _LIMITS.items() if plan.site.expected_devices > shipped
    }


def _phones(plan: Plan) -> str:
    return f"{plan.site.expected_devices} phones download at the same time (expected_devices)."


def _more_capacity(plan: Plan) -> Step:
    limit = capacity(plan).get(name := "appConcurrentRequestLimit")
    if limit is None:
        return Step("", (), ())
    call = _section("capacity", "system.webServer/serverRuntime", Ordered({name: limit}), Location=_site(plan))
    return Step("Capacity", (_phones(plan),), (call,))


def _log(plan: Plan) -> Step:
    """Switch the access log off where the site has none."""
    if plan.site.log.access is not False:
        return Step("", (), ())
    call = _section("log", "system.webServer/httpLogging", Ordered(dontLog=True), Location=_site(plan))
    return Step("Log", ("log.access is false.",), (call,))


def _section(what: str, section: str, values: Ordered, **where: PsValue) -> Call:
    """Return the command that sets attributes of one section, for the server or a `Location`.

    With `Here` they are written into the location itself, even where the one around it says the same now.
    """
    return ps_call("Set-OtaSection", What=what, Section=section, **where, Values=values)


# TLS of the whole machine, behind -Schannel.


def schannel(plan: Plan) -> Call:
    """Return the command that sets versions and cipher suites."""
    chosen = profile(plan.site.tls.profile)
    states = schannel_protocols(chosen.protocols)
    return ps_call(
        "Set-OtaSchannel",
        Enabled=[name for name, enabled in states.items() if enabled],
        Disabled=[name for name, enabled in states.items() if not enabled],
        CipherSuites=schannel_suites((*chosen.suites_tls13, *chosen.ciphers)),
    )


def _acme_root(site: Site) -> str:
    return windows_path(site.redirect.acme_root, ("redirect", "acme_root")) + ACME_PREFIX.replace("/", "\\")


def _root(site: Site, location: Location) -> str:
    return windows_path(location.root or "", site.key_of(location, "root"))
