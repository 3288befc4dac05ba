"""What Apache httpd does about the optional keys of a site: the templates' variables, and what has to be said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ota_proxy.policy.media_types import extensions, for_installer, ota_types
from ota_proxy.servers.apache import quote
from ota_proxy.servers.rendered import Scope
from ota_proxy.servers.shared import error_files, for_folders_only, open_to_installers
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Site

ERRORS = "/ota-proxy-errors/"


@dataclass(frozen=True, slots=True)
class Auth:
    """The password of pages; `open` matches the files that need none."""

    file: Quoted
    realm: Quoted
    open: Quoted


@dataclass(frozen=True, slots=True)
class Cors:
    """The conditions "the Origin is of the list" (`when`) and "this is a preflight"; seconds a preflight's answer may be kept."""

    when: Quoted
    preflight: Quoted
    max_age: int


@dataclass(frozen=True, slots=True)
class ClientCertificates:
    """The authority of client certificates, and the longest chain to it."""

    ca: Quoted
    depth: int


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """The path of a page for an error."""

    status: int
    path: Quoted


@dataclass(frozen=True, slots=True)
class ErrorPages:
    """Pages for errors: their URL prefix, and their folder as the target of Alias and as the name of a section."""

    prefix: Quoted
    folder: Quoted
    directory: Quoted
    pages: tuple[ErrorPage, ...]


@dataclass(frozen=True, slots=True)
class Features:
    """The optional keys of a site, None if a key is not given.

    `untrusted` is the condition "no trusted proxy made this connection", `guarded` "this location wants a client certificate, and there is none".
    """

    proxy_protocol: bool
    untrusted: Quoted
    auth: Auth | None
    cors: Cors | None
    client: ClientCertificates | None
    guarded: Quoted | None
    errors: ErrorPages | None


def features(site: Site, scope: Scope) -> Features:
    """Return what the templates print of the optional keys."""
    certificates = site.client_certificates
    asks = certificates.ca is not None and scope != "snippet"
    return Features(
        proxy_protocol=site.listen.proxy_protocol,
        untrusted=_untrusted(site),
        auth=_auth(site),
        cors=_cors(site),
        client=ClientCertificates(quote.path(certificates.ca or "", ("client_certificates", "ca")), certificates.depth)
        if asks
        else None,
        guarded=_guarded(site),
        errors=_errors(site),
    )


def _untrusted(site: Site) -> Quoted:
    """Return the condition on the address of the connection, not on what a header says."""
    peers = " || ".join(f"%{{CONN_REMOTE_ADDR}} -ipmatch '{network}'" for network in site.trusted_proxies)
    return quote.argument(f"!({peers or 'false'})", ("trusted_proxies",))


def _auth(site: Site) -> Auth | None:
    if site.auth.htpasswd is None:
        return None
    own = ota_types(site.media_types)
    names = [name for name in own if for_installer(name)] + [name for name in extensions("image") if name not in own]
    return Auth(
        file=quote.path(site.auth.htpasswd, ("auth", "htpasswd")),
        realm=quote.argument(site.auth.realm, ("auth", "realm")),
        open=quote.argument(f"(?i){quote.extensions(names)}", ("media_types",)),
    )


def _errors(site: Site) -> ErrorPages | None:
    folder, key = site.error_pages.folder, ("error_pages", "folder")
    if not folder:
        return None
    return ErrorPages(
        prefix=quote.location(ERRORS, ("error_pages",)),
        folder=quote.folder(folder, key),
        directory=quote.directory(folder, key),
        pages=tuple(
            ErrorPage(status, quote.argument(f"{ERRORS}{status}.html", ("error_pages", "statuses")))
            for status in site.error_pages.statuses
        ),
    )


def _cors(site: Site) -> Cors | None:
    if not site.cors.origins:
        return None
    listed = "|".join(quote.regex(origin) for origin in site.cors.origins)
    known = f"req_novary('Origin') =~ m#^(?:{listed})$#"
    return Cors(
        when=quote.argument(f"expr={known}", ("cors", "origins")),
        preflight=quote.argument(f"{known} && {_PREFLIGHT}", ("cors", "origins")),
        max_age=site.cors.max_age,
    )


_PREFLIGHT = "%{REQUEST_METHOD} == 'OPTIONS' && -n req_novary('Access-Control-Request-Method')"


def _guarded(site: Site) -> Quoted | None:
    """Return the condition; a preflight never has a certificate."""
    wanted = site.client_certificates.locations
    if not wanted:
        return None
    paths = [location.path for location in site.locations]
    each = []
    for path in wanted:
        inner = [
            quote.regex(one[len(path) :]) for one in paths if one != path and one.startswith(path) and one not in wanted
        ]
        each.append(quote.regex(path) + (f"(?!{'|'.join(inner)})" if inner else ""))
    test = f"%{{REQUEST_URI}} =~ m#^(?:{'|'.join(each)})# && %{{SSL_CLIENT_VERIFY}} != 'SUCCESS'"
    return quote.argument(
        test + (f" && !({_PREFLIGHT})" if site.cors.origins else ""), ("client_certificates", "locations")
    )


def cannot(site: Site, scope: Scope) -> Iterator[str]:
    """Yield what this scope leaves out."""
    if scope == "snippet" and site.listen.proxy_protocol:
        yield "a snippet decides nothing about connections: listen.proxy_protocol has no effect: connections that no trusted proxy made are not refused"


def needs(site: Site, scope: Scope) -> Iterator[str]:
    """Yield what the optional keys need from the configuration and the machine around them."""
    if site.listen.proxy_protocol:
        where = "the virtual host around it" if scope == "snippet" else "every other virtual host of these addresses"
        yield f"RemoteIPProxyProtocol On in {where}: Apache reads the header before it knows the name"
    if site.auth.htpasswd:
        yield (
            f"{site.auth.htpasswd}, readable by Apache's workers: htpasswd -B -c {site.auth.htpasswd} NAME makes it (without"
            " it the pages answer 500)"
        )
    if site.client_certificates.ca and scope == "snippet":
        yield (
            f"SSLVerifyClient optional and SSLCACertificateFile {site.client_certificates.ca} in the virtual host around it;"
            " without them the locations refuse everybody"
        )
    yield from error_files(site)


def infos(site: Site) -> Iterator[str]:
    """Yield what is good to know about the optional keys."""
    if site.listen.proxy_protocol:
        yield (
            "every connection must begin with a PROXY header: Apache ends one without it, also a health check;"
            " from an address outside trusted_proxies it is answered 403, and logged under the address it claims"
        )
    if site.auth.htpasswd:
        yield open_to_installers(site)
    if site.client_certificates.ca:
        yield "a client certificate that does not verify ends the handshake; no certificate is fine outside its locations"
    yield from for_folders_only(site)
