"""Steps of setup.ps1 that make the site: application pool, bindings, folders, ACME challenges.

Source of the sections and attributes: MicrosoftDocs/iis-docs, configuration reference; of the cmdlets: IISAdministration's reference.
"""

from __future__ import annotations

from ota_proxy.addresses import bracketed
from ota_proxy.servers.iis.plan import POOLS, SITES, Plan, Step, add_element, set_attribute, within
from ota_proxy.servers.iis.quote import PsValue, ps_call, windows_path
from ota_proxy.servers.iis.rewrite_rules import ACME_PREFIX, serves_acme
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Location, Site


def folders(plan: Plan) -> tuple[Quoted, ...]:
    """Return the commands that make the folders of our own; folders with content are only looked at."""
    own = [plan.folder(name) for name in (plan.second_site,) if name]
    own += [] if any(location.path == "/" for location in plan.site.static) else [plan.root]
    own += [_acme_root(plan.site)] if serves_acme(plan.site) else []
    return (
        *(ps_call("Add-OtaFolder", Path=path) for path in own),
        *(ps_call("Test-OtaFolder", Path=_root(plan.site, location)) for location in plan.site.static),
    )


def sites(plan: Plan) -> Step:
    """Make the application pool and the site, and the second, plain site where there has to be one."""
    pool = add_element(
        f"application pool {plan.name}",
        POOLS,
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
        add_element(f"site {name}", SITES, {"name": name}, New={"id": Quoted("(Get-OtaSiteId)")}),
        add_element(
            f"root application of {name}",
            SITES,
            {"path": "/"},
            Steps=within({"name": name}),
            With={"applicationPool": plan.name},
        ),
        _directory(name, "/", path),
    ]


def _directory(site: str, path: str, folder: str) -> Quoted:
    return add_element(
        f"folder of {path}",
        SITES,
        {"path": path},
        Steps=within({"name": site}, {"path": "/"}),
        With={"physicalPath": folder},
    )


def unclaimed(plan: Plan) -> Quoted:
    """Return the check that no other site has one of our bindings: two such sites cannot run, and they would share a certificate."""
    ports = [("http", plan.site.listen.http), ("https", 0 if plan.site.tls.offloaded else plan.site.https_port)]
    wanted = [f"{name} {host}:{port}:{domain}" for host, domain in _bound_names(plan) for name, port in ports if port]
    own = [name for name in (plan.name, plan.second_site) if name]
    return ps_call("Assert-OtaUnclaimed", Sites=own, Bindings=wanted)


def _bound_names(plan: Plan) -> list[tuple[str, str]]:
    hosts = [bracketed(host) for host in plan.site.listen.hosts] or ["*"]
    return [(host, domain) for domain in plan.site.domains for host in hosts]


def bindings(plan: Plan) -> Step:
    """Bind every domain on every address, for http and https."""
    calls = [call for host, domain in _bound_names(plan) for call in _bound(plan, host, domain)]
    return Step(
        "Bindings",
        (
            "By name only: what nobody bound is answered by Windows, not by this site.",
            "SslFlags: 1 asks for the name in the handshake (SNI)" + _flag_words(plan) + ".",
        ),
        tuple(calls),
    )


def _bound(plan: Plan, host: str, domain: str) -> list[Quoted]:
    site, calls = plan.site, []
    if site.listen.http:
        information = f"{host}:{site.listen.http}:{domain}"
        key: dict[str, PsValue] = {"protocol": "http", "bindingInformation": information}
        place = within({"name": plan.second_site or plan.name})
        calls.append(add_element(f"binding {information}", SITES, key, Steps=place, In="bindings"))
    if not site.tls.offloaded:
        information = f"{host}:{site.https_port}:{domain}"
        which: dict[str, PsValue] = {"Certificate": _certificate(plan, domain)} if len(plan.shown) > 1 else {}
        flags = _ssl_flags(plan)
        calls.append(ps_call("Add-OtaTlsBinding", Site=plan.name, Information=information, SslFlags=flags, **which))
    return calls


def _certificate(plan: Plan, domain: str) -> int:
    """Return which of the certificates that setup.ps1 is given a name has, from 1."""
    return next(number for number, host in enumerate(plan.shown, 1) if domain in host.domains)


def _ssl_flags(plan: Plan) -> int:
    """1 SNI; on Windows 2022 and later 4 switches HTTP/2 off and 64 TLS 1.0 and 1.1, for this binding."""
    if not plan.caps.has("binding_tls_flags"):
        return 1
    return 1 + 64 + 4 * (not plan.site.http2)


def _flag_words(plan: Plan) -> str:
    flags = _ssl_flags(plan)
    return ", 64 refuses TLS 1.0 and 1.1" * bool(flags & 64) + ", 4 switches HTTP/2 off" * bool(flags & 4)


def directories(plan: Plan) -> Step:
    """Make a virtual directory for every prefix with files."""
    calls = [
        _directory(plan.name, location.path.rstrip("/"), _root(plan.site, location))
        for location in plan.site.static
        if location.path != "/"
    ]
    return Step("Folders of the other locations", ("A virtual directory for each prefix.",), tuple(calls))


def acme(plan: Plan) -> Step:
    """Serve ACME challenges from a folder of their own, over http."""
    if not serves_acme(plan.site):
        return Step("", (), ())
    name = plan.second_site or plan.name
    place = name + ACME_PREFIX
    calls = [
        _directory(name, ACME_PREFIX, _acme_root(plan.site)),
        add_element(
            "media type of ACME challenges",
            "system.webServer/staticContent",
            {"fileExtension": "."},
            Location=place,
            With={"mimeType": "text/plain"},
        ),
    ]
    if plan.second_site:
        section = "system.webServer/httpRedirect"
        calls.append(
            set_attribute("ACME challenges stay on http", section, "enabled", False, Location=place, Here=True)
        )
    return Step("ACME challenges over http", ("Their names have no extension, which IIS maps as '.'.",), tuple(calls))


def _acme_root(site: Site) -> str:
    return windows_path(site.redirect.acme_root, ("redirect", "acme_root")) + ACME_PREFIX.replace("/", "\\")


def _root(site: Site, location: Location) -> str:
    return windows_path(location.root or "", site.key_of(location, "root"))
