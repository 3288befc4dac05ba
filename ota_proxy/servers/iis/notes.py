"""What has to be said about a site on IIS: what it cannot enforce, what it needs around it, what to know. One sentence each."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ota_proxy.policy.guideline import HSTS_MINIMUM_AGE
from ota_proxy.servers.iis.plan import Plan
from ota_proxy.servers.iis.quote import windows_path
from ota_proxy.servers.iis.setup import capacity
from ota_proxy.servers.rendered import Note, NoteKind, Scope
from ota_proxy.servers.shared import error_files, proxy_notes, read_timeouts, upload_notes
from ota_proxy.site import Site


def notes(plan: Plan, scope: Scope) -> tuple[Note, ...]:
    """Return all notes in the order of the header."""
    parts: tuple[tuple[NoteKind, Iterator[str]], ...] = (
        ("cannot-enforce", _cannot(plan, scope)),
        ("needs-parent", _needs(plan, scope)),
        ("warning", _warnings(plan)),
        ("info", _info(plan, scope)),
    )
    return tuple(Note(kind, text) for kind, texts in parts for text in texts)


def _cannot(plan: Plan, scope: Scope) -> Iterator[str]:
    site = plan.site
    yield "a method other than GET and HEAD is refused with 404.6 instead of 405"
    if plan.rewrite and site.redirect.status == 308:
        yield "URL Rewrite knows no 308: http is redirected with 301, after which a client may change the method to GET"
    if site.unknown_hosts == "refuse" and not plan.rewrite:
        yield "without URL Rewrite only the bindings decide which Host is served; a binding without a name catches all"
    if not plan.rewrite:
        yield "without URL Rewrite a manifest cannot be told from a package: everything is sent with no-store"
        yield "without URL Rewrite a dot file whose extension has a media type is served"
    if scope == "snippet" and not plan.rewrite and not site.tls.offloaded:
        yield "a web.config without URL Rewrite cannot redirect from http to https"
    yield from _cannot_tls(plan, scope)
    yield from _cannot_hsts(plan, scope)
    yield from _cannot_network(plan)
    if any(not location.websocket for location in site.proxied):
        yield "an application gets WebSocket requests wherever the feature WebSocket is installed, whatever its websocket says"
    if site.trusted_proxies and not plan.rewrite:
        yield "without URL Rewrite X-Forwarded-Proto is not read: the connection alone says whether a device came by https"
    if site.log.error or site.log.access:
        yield "log.access and log.error name files: IIS has a log folder for each site and no error log of its own"
    yield plan.caps.cannot("remove_server_header")


def _cannot_tls(plan: Plan, scope: Scope) -> Iterator[str]:
    site = plan.site
    way = "setup.ps1 -Schannel" if scope != "snippet" else "setup.ps1 -Schannel of scope site"
    if site.tls.offloaded:
        return
    yield "the name in the TLS handshake is not compared with Host: a connection made for another site may ask for this one"
    yield f"cipher suites and versions belong to Windows, not to a site: {way} sets them for the whole machine"
    yield "the order of key exchange groups is left to Windows"
    yield plan.caps.cannot("tls13")
    yield plan.caps.cannot("binding_tls_flags")
    if site.tls.profile == "modern":
        yield f"TLS 1.2 can be refused for the whole machine only: {way} does it, for every service on it"
    if any(len(host.certificates) > 1 for host in site.virtual_hosts):
        yield "a binding has one certificate: give setup.ps1 the one you want, the other cannot be used beside it"
    if not site.http2 and not plan.caps.has("binding_tls_flags"):
        yield "HTTP/2 cannot be switched off for one site on this Windows (registry, HTTP\\Parameters, EnableHttp2Tls)"


def _cannot_hsts(plan: Plan, scope: Scope) -> Iterator[str]:
    site = plan.site
    if not site.hsts.enabled or site.tls.offloaded:
        return
    if plan.rewrite and scope != "snippet":
        yield plan.caps.cannot("native_hsts")
    if not plan.rewrite and scope == "snippet":
        yield "Strict-Transport-Security is not sent: a snippet without URL Rewrite cannot tell https from http"


def _cannot_network(plan: Plan) -> Iterator[str]:
    site = plan.site
    if site.trusted_proxies:
        yield "IIS cannot replace the peer's address: logs and access show the proxy in front, not the device"
    if not site.listen.ipv6 and not site.listen.hosts:
        yield "a binding for all addresses listens on IPv6 too: name the IPv4 addresses in listen.addresses"
    if site.access.allow or site.access.deny:
        yield "a refused network gets 403 for http too instead of the redirect; a denied one for ACME challenges as well"


def _needs(plan: Plan, scope: Scope) -> Iterator[str]:
    site = plan.site
    if plan.rewrite:
        yield "URL Rewrite 2.1 (2.0 does not know useOriginalURLEncoding and would answer 500.19)"
    if site.proxied:
        yield from _needs_applications(site, scope)
    yield from error_files(site)
    if scope == "snippet":
        yield _where(site)
        if site.proxied:
            yield "HTTP_X_FORWARDED_PROTO, _HOST and _PORT among rewrite/allowedServerVariables of the site"
        if site.access.allow or site.access.deny:
            yield "access by network in ipSecurity of applicationHost.config; scope site writes it"
        return
    yield "setup.ps1 run as administrator, with web.config and OtaProxy.psm1 in its folder; IISAdministration 1.1 (Windows 2016: Install-Module IISAdministration)"
    if len(plan.shown) > 1:
        names = "; ".join(", ".join(host.domains) for host in plan.shown)
        yield (
            "certificates in LocalMachine\\My (-CertificateThumbprint), or PFX files (-PfxPath, -PfxPassword), "
            f"{len(plan.shown)} of them in this order: {names}"
        )
    elif site.certificates:
        yield "a certificate in LocalMachine\\My (-CertificateThumbprint), or a PFX file (-PfxPath, -PfxPassword)"


def _needs_applications(site: Site, scope: Scope) -> Iterator[str]:
    yield "Application Request Routing 3, its proxy enabled for the server" + (
        "; preserveHostHeader on, reverseRewriteHostInResponseHeaders off" * (scope == "snippet")
    )
    if any(location.websocket for location in site.proxied):
        yield "the feature WebSocket (Install-WindowsFeature Web-WebSockets), without which no application gets one"
    for location in site.proxied:
        if location.upstream_ca:
            yield f"{location.upstream_ca} in the machine's trusted roots, or the https upstream of {location.path} is 502.3"


def _where(site: Site) -> str:
    """Say where a snippet's web.config goes and what it holds for: a file of IIS governs a folder and all below, whatever the prefix."""
    around, paths = "a site with bindings by name and a certificate", [location.path for location in site.locations]
    if "/" in paths:
        return f"{around}, whose root folder this web.config lies in"
    if not site.proxied:
        return (
            f"{around}; this web.config in the folder behind {' and '.join(paths)}, not in the site's root: everything here (methods, headers, "
            "media types, redirect, 421) holds for its folder and all below"
        )
    return (
        f"{around}, whose root folder this web.config lies in; what names no prefix (methods, headers, media types, compression, redirect, 421, "
        "Strict-Transport-Security) then holds for that whole site: give this one a site of its own where that is not wanted"
    )


def _warnings(plan: Plan) -> Iterator[str]:
    hsts, ends_here = plan.site.hsts, not plan.site.tls.offloaded
    if ends_here and not hsts.enabled:
        yield "Strict-Transport-Security is switched off: a first visit over http can be intercepted"
    if ends_here and hsts.enabled and hsts.max_age < HSTS_MINIMUM_AGE:
        yield f"hsts.max_age {hsts.max_age} is below the guideline's {HSTS_MINIMUM_AGE} seconds"
    if plan.site.proxied:
        yield "proxy settings count for every site of this server that proxies: see what else uses them before setup.ps1"


def _info(plan: Plan, scope: Scope) -> Iterator[str]:
    site = plan.site
    yield "checked without Windows: this follows the documentation of IIS, no IIS has run it for this rendering"
    if plan.site.tls.offloaded:
        yield "Strict-Transport-Security belongs to the proxy in front, where TLS ends"
        yield "the proxy in front must pass on the device's Host: the bindings are by name"
    yield from _applications(plan, scope)
    if site.tls.profile == "modern":
        yield "the modern profile wants an ECDSA certificate"
    roots = {location.root: location for location in site.static if location.root and location.root.startswith("/")}
    for text, location in roots.items():
        yield f"{text} is {windows_path(text, site.key_of(location, 'root'))} on Windows"
    if scope != "snippet":
        for number, host in enumerate(plan.shown, 1):
            certificate = site.certificates[host.certificates[0]]
            name = "site.pfx" if len(plan.shown) == 1 else f"site{number}.pfx"
            yield (
                "a PFX from the PEM files: openssl pkcs12 -export "
                f"-in {shlex.quote(certificate.cert)} -inkey {shlex.quote(certificate.key)} -out {name}"
            )
        yield "folders with content need read permission for IIS AppPool\\" + plan.name
    if scope == "snippet" and (limits := capacity(plan)):
        names = " and ".join(f"{name} {value}" for name, value in limits.items())
        yield f"{site.expected_devices} phones at the same time need {names} in applicationHost.config; scope site sets it"
    if scope == "full":
        yield "scope full is scope site: IIS has one configuration for the whole machine"


def _applications(plan: Plan, scope: Scope) -> Iterator[str]:
    site, timeouts = plan.site, read_timeouts(plan.site)
    if plan.rewrite:
        yield from proxy_notes(site)
    yield from upload_notes(site)
    if timeouts:
        yield f"the timeout of {timeouts[0].read_timeout} seconds holds for every application of this server" + (
            "; set proxy/@timeout in applicationHost.config, scope site does it" * (scope == "snippet")
        )
    if site.proxied:
        yield "X-Forwarded-For ends with address:port of the peer; what a client sent in it stands before that"
