"""What nginx does about the optional keys of a site: the templates' variables, what has to be said, and what it refuses by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import Capabilities, advisories
from ota_proxy.policy.media_types import extensions
from ota_proxy.servers.nginx.locations import ending
from ota_proxy.servers.nginx.quote import quote, quote_path
from ota_proxy.servers.rendered import Scope
from ota_proxy.servers.shared import certificate_warnings, error_files, for_folders_only, open_to_installers, refuse
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Site

_ALT_SVC_SECONDS = 86_400  # RFC 7838 section 3.1: the default, written down


@dataclass(frozen=True, slots=True)
class Features:
    """The optional keys; each is empty if its key is not given."""

    http3: bool
    reuseport: bool
    alt_svc: Quoted
    proxy_protocol: bool
    htpasswd: Quoted | None
    realm: Quoted
    images: Quoted | None
    limit_rate: int
    limit_burst: int
    cors: tuple[Quoted, ...]
    cors_max_age: int
    client_ca: Quoted | None
    client_depth: int
    error_folder: Quoted | None
    error_statuses: tuple[int, ...]


def possible(site: Site, caps: Capabilities, scope: Scope) -> None:
    """Raise UsageError for a key that this version cannot do, with the way out."""
    refuse(site, "nginx")
    if site.http3 and scope != "snippet" and not caps.has("http3"):
        which = "the oldest supported nginx" if caps.portable else f"nginx {caps.version}"
        raise UsageError(
            f"{which} has no HTTP/3, which came with 1.25.0",
            key=("http3",),
            hint="name a later version (--server-version 1.26.3, or auto for the one of this machine), or leave http3 out",
        )


def features(site: Site, scope: Scope) -> Features:
    """Return what the templates print of the optional keys."""
    inside = scope == "snippet"
    http3 = site.http3 and not inside
    told_apart = site.auth.htpasswd or site.limits.requests_per_second
    return Features(
        http3=http3,
        reuseport=http3 and site.unknown_hosts == "ignore" and scope == "full",
        alt_svc=quote(f'h3=":{site.public_port}"; ma={_ALT_SVC_SECONDS}', ("http3",)),
        proxy_protocol=site.listen.proxy_protocol,
        htpasswd=quote_path(site.auth.htpasswd, ("auth", "htpasswd")) if site.auth.htpasswd else None,
        realm=quote(site.auth.realm, ("auth", "realm")),
        images=ending(extensions("image")) if told_apart else None,
        limit_rate=0 if inside else site.limits.requests_per_second or 0,
        limit_burst=site.limits.burst,
        cors=tuple(quote(origin, ("cors", "origins")) for origin in site.cors.origins),
        cors_max_age=site.cors.max_age,
        client_ca=_client_ca(site) if not inside else None,
        client_depth=site.client_certificates.depth,
        error_folder=_error_folder(site),
        error_statuses=tuple(site.error_pages.statuses),
    )


def _client_ca(site: Site) -> Quoted | None:
    path = site.client_certificates.ca
    return quote_path(path, ("client_certificates", "ca")) if path else None


def _error_folder(site: Site) -> Quoted | None:
    path = site.error_pages.folder
    return quote_path(path.rstrip("/") + "/", ("error_pages", "folder")) if path else None


def modules(site: Site, scope: Scope) -> Iterator[str]:
    """Yield the modules that the optional keys need."""
    inside = scope == "snippet"
    wanted = {
        "http_v3": site.http3 and not inside,
        "http_geo": site.listen.proxy_protocol and not inside,
        "http_auth_basic": site.auth.htpasswd is not None,
        "http_limit_req": site.limits.requests_per_second is not None and not inside,
        "http_access": site.error_pages.folder is not None,
    }
    yield from (name for name, needed in wanted.items() if needed)


def cannot(site: Site, scope: Scope) -> Iterator[str]:
    """Yield what this scope leaves out."""
    if scope != "snippet":
        return
    if site.http3:
        yield "HTTP/3 is not offered from this file: http3 takes listen lines of its own in the server block around it"
    if site.limits.requests_per_second:
        yield "limits has no effect: counting requests takes a limit_req_zone in the http block"
    if site.listen.proxy_protocol:
        yield "a client that connects directly is not refused: that takes a geo block in the http block"
    if site.error_pages.folder:
        yield "errors outside these locations keep the pages of the server block around this file"


def needs(site: Site, scope: Scope) -> Iterator[str]:
    """Yield what the optional keys need from the configuration and the machine around them."""
    if site.http3 and scope != "snippet":
        yield (
            f"port {site.https_port} open for UDP, in the firewall and wherever the port is mapped: HTTP/3 is UDP, and"
            " without it devices quietly stay with HTTP/2"
        )
        if site.unknown_hosts == "ignore" and scope != "full":
            yield f"listen {site.https_port} quic reuseport in the port's default server, once: it is what keeps a connection with one worker"
    if site.listen.proxy_protocol and scope == "snippet":
        yield "proxy_protocol on the listen lines of the server block around it"
    if site.auth.htpasswd:
        yield (
            f"{site.auth.htpasswd}, readable by nginx's workers: htpasswd -B -c {site.auth.htpasswd} NAME makes it (without"
            " it the pages answer 403)"
        )
    if site.client_certificates.ca and scope == "snippet":
        yield (
            f"ssl_client_certificate {site.client_certificates.ca} and ssl_verify_client optional in the server block"
            " around it; without them the locations refuse everybody"
        )
    for files in error_files(site):
        yield f"{files}; an error whose page is missing becomes 404"


def warnings(site: Site, caps: Capabilities, scope: Scope) -> Iterator[str]:
    """Yield known vulnerabilities of this version and what installs would break on."""
    asked = {"http3": site.http3 and scope != "snippet", "client_certificates": bool(site.client_certificates.ca)}
    for feature, wanted in asked.items():
        known = advisories("nginx", feature, caps.version) if wanted and not caps.portable else ()
        for cve, mended in known:
            yield f"{feature} of nginx {caps.version} is known to be vulnerable, {cve}, mended in {mended} (a distribution may have mended its own)"
    yield from certificate_warnings(site)


def infos(site: Site, scope: Scope) -> Iterator[str]:
    """Yield what is good to know about the optional keys."""
    if site.listen.proxy_protocol:
        yield (
            "every connection must begin with a PROXY header: nginx ends one without it, also a health check;"
            " from an address outside trusted_proxies it is answered 403"
        )
    if site.auth.htpasswd:
        yield open_to_installers(site)
    if site.limits.requests_per_second and scope != "snippet":
        yield "limits counts pages of folders by address; what an installer fetches, and applications, are never counted"
    if site.client_certificates.ca:
        yield "a client certificate that does not verify gets 400 everywhere on this host; no certificate is fine outside its locations"
    yield from for_folders_only(site)
