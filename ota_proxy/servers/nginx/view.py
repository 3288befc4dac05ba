"""What the nginx templates print: a site and a version turned into tokens, every decision already taken."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ota_proxy.addresses import bracketed, is_address
from ota_proxy.errors import Key, UsageError
from ota_proxy.policy import media_types
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import Profile
from ota_proxy.policy.server_values import claims
from ota_proxy.servers.applications import ACME, PLAIN, SECURE, claimed, fronted
from ota_proxy.servers.nginx.features import features
from ota_proxy.servers.nginx.hosts import hosts_of, regex
from ota_proxy.servers.nginx.notes import limits, name_bucket, variable_bucket
from ota_proxy.servers.nginx.quote import fits, identifier, quote, quote_path, quote_prefix, quote_socket
from ota_proxy.servers.result import Scope
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Location, Site
from ota_proxy.site.values import size_text

COMMON = Quoted("_shared")
"""End of the names of what several sites share; no name of a site's own begins with `_` (nginx_quote.identifier)."""
_REVALIDATE = "no-cache"  # RFC 9111 section 5.2.2.4: may be stored, is asked for again before every use
_NEVER = "no-store"
_SAID = r"^front:[, \t]*(?:{})[ \t]*(?:,|$)"
"""A trusted proxy and the first entry of its X-Forwarded-Proto; empty entries count for nothing (RFC 9110 section 5.6.1.2)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Files of one media type and one cache rule inside a static location; `pattern` is a regular expression on the path."""

    pattern: Quoted
    media_type: Quoted
    cache: Quoted
    installer: bool
    """Whether devices fetch such files without a person."""


@dataclass(frozen=True, slots=True)
class Word:
    """A header for an answer that lacks it: its `name` and `value`, and `source`, the upstream's own words, empty where there are none."""

    name: Quoted
    source: Quoted
    value: Quoted


@dataclass(frozen=True, slots=True)
class Static:
    """A prefix with a folder: the `directive` root or alias, and its argument; `dotfiles` is a regular expression on the path."""

    path: Quoted
    bare: Quoted | None
    slashed: Quoted
    dotfiles: Quoted
    directive: Quoted
    folder: Quoted
    certificate: bool
    """Whether a client certificate is wanted here."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """A prefix with an application: `name` is its upstream block, `address` what that connects to, `tls_name` and `ca` for https."""

    path: Quoted
    bare: Quoted | None
    slashed: Quoted
    name: Quoted
    scheme: Quoted
    address: Quoted
    url: Quoted
    tls_name: Quoted | None
    ca: Quoted | None
    body: Quoted
    timeout: int
    websocket: bool
    certificate: bool
    """Whether a client certificate is wanted here."""


def view(
    site: Site, caps: Capabilities, scope: Scope, profile: Profile, neighbours: Sequence[str] | None = None
) -> dict[str, object]:
    """Return the templates' variables. UsageError for a value nginx cannot quote and for TLS that the version cannot speak.

    `neighbours` are the names of the other sites beside this one; None where it stands alone and shares nothing.
    """
    name = identifier(site.domain, site.https_port)
    return {
        "id": name,
        "alone": neighbours is None,
        "common": name if neighbours is None else COMMON,
        "body": None,
        "scope": Quoted(scope),
        "in_server": scope == "snippet",
        "offloaded": site.tls.offloaded,
        "refuse": site.unknown_hosts == "refuse",
        "domains": Quoted(" ".join(_each(site.domains, "domains"))),
        "hosts": hosts_of(site, neighbours or ()),
        "static": [_static(site, location) for location in site.static],
        "proxied": [_proxied(site, location, name, number, caps) for number, location in enumerate(site.proxied, 1)],
        "bare_static": any(location.path != "/" for location in site.static),
        "bare_proxied": any(location.path != "/" for location in site.proxied),
        "claims": [Quoted(name) for name in claims()],
        "websocket": any(location.websocket for location in site.proxied),
        "timeouts": any(location.read_timeout for location in site.proxied),
        **_switching(name, scope),
        "own_words": _own_words(site),
        "sniffing": any(name.lower() == "x-content-type-options" for name in site.headers),
        "said_https": regex(_SAID.format(SECURE)),
        "said_http": regex(_SAID.format(PLAIN)),
        "acme_path": regex("^" + re.escape(ACME)),
        "acme": quote(ACME, ()),
        "shared": _shared_listener(site),
        "fronted": fronted(site),
        "acme_exempt": bool(site.listen.http and fronted(site)),
        "acme_here": bool(site.listen.http and fronted(site)) and not claimed(site),
        "has_root": any(location.path == "/" for location in site.locations),
        "kinds": list(_kinds(site)),
        "compressors": [Quoted(line) for line in caps.compressors.values()],
        "headers": [(quote(key, ("headers",)), quote(value, ("headers", key))) for key, value in site.headers.items()],
        "cache": Quoted(_REVALIDATE),
        "manifest_pattern": _pattern(media_types.extensions("manifest")),
        "allow": _each(site.access.allow, "access", "allow"),
        "deny": _each(site.access.deny, "access", "deny"),
        "trusted": _each(site.trusted_proxies, "trusted_proxies"),
        **_public(site),
        **_listening(site, caps),
        **_tls(caps, profile),
        **_logs(site),
        **_main(site, caps),
        **features(site, scope),
    }


def _own_words(site: Site) -> list[Word]:
    """Return the headers that an answer of an application gets where it has none itself.

    A frame-ancestors of ours would overrule an X-Frame-Options of the application (CSP Level 3 section 6.4.2.1), which then stands for both.
    """
    found = []
    for name, value in site.headers.items():
        sources = [name] + ["X-Frame-Options"] * (name.lower() == "content-security-policy")
        variables = "".join("${upstream_http_" + source.lower().replace("-", "_") + "}" for source in sources)
        key = ("headers", name)
        found.append(Word(quote(name, ("headers",)), Quoted(f'"{variables}"'), quote(value, key)))
    return found


def _switching(name: Quoted, scope: Scope) -> dict[str, object]:
    """Return the variables of a request to switch protocols: maps, and in a snippet, which can have none, variables of the server."""
    if scope == "snippet":
        return {
            "upgrade": Quoted("$ota_proxy_upgrade"),
            "hop": Quoted("$ota_proxy_hop"),
            "switched": Quoted("$ota_proxy_upgrade"),
        }
    return {key: Quoted(f"$ota_proxy_{key}_{name}") for key in ("upgrade", "hop", "switched")}


def _shared_listener(site: Site) -> bool:
    """Say whether the plain listener is the https server's own: a front may reach it there and say that the device came over https."""
    return bool(fronted(site) and site.listen.http and not site.tls.offloaded)


def _each(values: tuple[str, ...], *key: str) -> list[Quoted]:
    return [quote(value, (*key, index)) for index, value in enumerate(values)]


def _public(site: Site) -> dict[str, object]:
    port = "" if site.public_port == 443 else f":{site.public_port}"
    return {
        "public": quote(site.base_url, ("public_url",)),
        "public_host": Quoted(f"$host{port}"),
        "public_port": site.public_port,
        "status": site.redirect.status,
        "acme_root": quote_path(site.redirect.acme_root, ("redirect", "acme_root")),
        "hsts": quote(site.hsts.value, ("hsts",)) if site.hsts.enabled and not site.tls.offloaded else None,
    }


def _listening(site: Site, caps: Capabilities) -> dict[str, object]:
    return {
        "plain_listen": addresses(site, site.listen.http) if site.listen.http else [],
        "tls_listen": [] if site.tls.offloaded else addresses(site, site.https_port),
        "http2": site.http2,
        "http2_directive": caps.has("http2_directive"),
        # Merged is what a server has, and a server without a header of its own has those of the http block around it.
        "inherit": caps.has("header_inherit") and site.hsts.enabled and not site.tls.offloaded,
        "reject": caps.has("reject_handshake"),
    }


def addresses(site: Site, port: int) -> list[Quoted]:
    """Return the arguments of `listen` for a port of a site."""
    hosts = [bracketed(host) for host in site.listen.hosts]
    every = [str(port), f"[::]:{port}"] if site.listen.ipv6 else [str(port)]
    after = " proxy_protocol" * site.listen.proxy_protocol
    return [Quoted(quote(text, ("listen",)) + after) for text in ([f"{host}:{port}" for host in hosts] or every)]


def _tls(caps: Capabilities, profile: Profile) -> dict[str, object]:
    protocols = [name for name in profile.protocols if name != "TLSv1.3" or caps.has("tls13")]
    if not protocols:
        raise UsageError(
            f"the profile {profile.name} is TLS 1.3 only, and nginx with {caps.tls_library} does not speak it",
            key=("tls", "profile"),
            hint="choose the profile intermediate, or update OpenSSL to 1.1.1 or later",
        )
    groups = [name for name in profile.groups if "MLKEM" not in name or caps.has("mlkem")]
    return {
        "protocols": Quoted(" ".join(protocols)),
        "ciphers": Quoted(":".join(profile.ciphers)) if profile.ciphers else None,
        "groups": Quoted(":".join(groups)),
        "tickets": caps.has("ticket_rotation"),
    }


def _logs(site: Site) -> dict[str, object]:
    access, error = site.log.access, site.log.error
    return {
        "access_log": quote_path(access, ("log", "access")) if isinstance(access, str) else None,
        "access_log_off": access is False,
        "error_log": quote_path(error, ("log", "error")) if error else None,
        "log_level": Quoted(site.log.level),
    }


def _main(site: Site, caps: Capabilities) -> dict[str, object]:
    numbers = limits(site)
    return {
        "connections": numbers.connections,
        "files": numbers.files,
        "devices": site.expected_devices,
        "name_bucket": name_bucket(site),
        "variable_bucket": variable_bucket(site),
        "user": quote(caps.layout["nginx_user"], ()) if caps.layout["nginx_user"] else None,
        "pid": quote_path(caps.layout["nginx_pid"], ()),
        "mime_types": quote_path(caps.layout["nginx_conf"] + "/mime.types", ()),
        "main_error_log": quote_path(caps.layout["nginx_log"] + "/error.log", ()),
        "main_access_log": quote_path(caps.layout["nginx_log"] + "/access.log", ()),
    }


def _static(site: Site, location: Location) -> Static:
    folder, at_root = location.root or "", location.path == "/"
    return Static(
        path=quote_prefix(location.path, site.key_of(location, "path")),
        bare=_bare(site, location),
        slashed=_slashed(site, location),
        dotfiles=_dotfiles(location.path, site.key_of(location, "path")),
        directive=Quoted("root" if at_root else "alias"),
        folder=quote_path(folder if at_root else folder.rstrip("/") + "/", site.key_of(location, "root")),
        certificate=location.path in site.client_certificates.locations,
    )


def _bare(site: Site, location: Location) -> Quoted | None:
    """Return the prefix without its slash at the end, None for `/`."""
    return quote_prefix(location.path.rstrip("/"), site.key_of(location, "path")) if location.path != "/" else None


def _slashed(site: Site, location: Location) -> Quoted:
    """Return where the bare prefix is sent: the path and the query, without host and port."""
    path = fits(location.url_path, location.path, site.key_of(location, "path"))
    return Quoted(f'"{path}$is_args$args"')  # a URL has no character to escape


def _dotfiles(prefix: str, key: Key) -> Quoted:
    """Match names with a dot in front; in a prefix that has one itself, only what comes after it."""
    start = f"^{re.escape(prefix)}(?:.*/)?" if "/." in prefix else "/"
    pattern = fits(rf"{start}\.(?!well-known/)", prefix, key)
    return regex(pattern) if re.search(r"[ ;'$]", prefix) else Quoted(pattern)


def _proxied(site: Site, location: Location, site_name: Quoted, number: int, caps: Capabilities) -> Proxied:
    target, key = location.target, site.key_of(location, "upstream")
    if target is None:  # Site.proxied holds none of these
        raise TypeError(location.path)
    unix = target.scheme == "unix"
    address = quote_socket(target.path, key) if unix else quote(str(target).split("://")[1], key)
    scheme = "https" if target.scheme == "https" else "http"
    return Proxied(
        path=quote_prefix(location.path, site.key_of(location, "path")),
        bare=_bare(site, location),
        slashed=_slashed(site, location),
        name=Quoted(f"ota_proxy_{site_name}_{number}"),
        scheme=Quoted(scheme),
        address=address,
        url=_whole_url(target.path, key) if unix else quote(f"{scheme}://{str(target).split('://')[1]}", key),
        tls_name=_tls_name(site, location, target.host) if scheme == "https" else None,
        ca=quote_path(location.upstream_ca or caps.layout["ca_bundle"], site.key_of(location, "upstream_ca")),
        body=Quoted(size_text(location.body_limit).lower() if location.body_limit else "0"),
        timeout=location.read_timeout or 0,
        websocket=location.websocket,
        certificate=location.path in site.client_certificates.locations,
    )


def _whole_url(path: str, key: Key) -> Quoted:
    return quote(f"http://unix:{path}:", key)


def _tls_name(site: Site, location: Location, host: str) -> Quoted:
    if location.upstream_name is None and is_address(host):
        raise UsageError(
            f"nginx cannot verify the certificate of the address {host}, it compares names only",
            key=site.key_of(location, "upstream"),
            hint="set upstream_name to the name in the upstream's certificate",
        )
    return quote(location.upstream_name or host, site.key_of(location, "upstream_name"))


def _kinds(site: Site) -> Iterator[Kind]:
    """Group extensions by media type and cache rule, in the order of their first extension."""
    groups: dict[tuple[str, str, bool], list[str]] = {}
    told_apart = bool(site.auth.htpasswd or site.limits.requests_per_second)
    for extension, media_type in media_types.ota_types(site.media_types).items():
        installer = told_apart and media_types.for_installer(extension)
        groups.setdefault((media_type, _cache(site, extension), installer), []).append(extension)
    for (media_type, cache, installer), extensions in groups.items():
        quoted = quote(media_type, ("media_types", extensions[0])), quote(cache, ("cache",))
        yield Kind(_pattern(extensions), *quoted, installer)


def _cache(site: Site, extension: str) -> str:
    if extension in media_types.extensions("manifest"):
        return _NEVER
    if extension in media_types.extensions("package") and site.cache.packages == "immutable":
        return f"public, max-age={site.cache.max_age}, immutable"
    return _REVALIDATE


def _pattern(extensions: list[str] | tuple[str, ...]) -> Quoted:
    names = [extension.removeprefix(".") for extension in extensions]  # letters, digits, `_` and `-` (model.values)
    return Quoted(rf"\.{names[0]}$" if len(names) == 1 else rf"\.(?:{'|'.join(names)})$")
