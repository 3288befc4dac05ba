"""What the nginx templates print: a site and a version turned into tokens, every decision already taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ota_proxy.errors import UsageError
from ota_proxy.model import Location, Site
from ota_proxy.policy import media_types
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import Profile
from ota_proxy.render.nginx_notes import limits, name_bucket
from ota_proxy.render.nginx_quote import identifier, quote, quote_path, quote_socket
from ota_proxy.render.quoting import Quoted
from ota_proxy.render.result import Scope

_REVALIDATE = "no-cache"  # RFC 9111 section 5.2.2.4: may be stored, is asked for again before every use
_NEVER = "no-store"


@dataclass(frozen=True, slots=True)
class Kind:
    """Files of one media type and one cache rule inside a static location; `pattern` is a regular expression on the path."""

    pattern: Quoted
    media_type: Quoted
    cache: Quoted


@dataclass(frozen=True, slots=True)
class Static:
    """A prefix with a folder: the `directive` root or alias, and its argument; `dotfiles` is a regular expression on the path."""

    path: Quoted
    dotfiles: Quoted
    directive: Quoted
    folder: Quoted


@dataclass(frozen=True, slots=True)
class Proxied:
    """A prefix with an application: `name` is its upstream block, `address` what that connects to, `tls_name` and `ca` for https."""

    path: Quoted
    name: Quoted
    scheme: Quoted
    address: Quoted
    url: Quoted
    tls_name: Quoted | None
    ca: Quoted | None


def view(site: Site, caps: Capabilities, scope: Scope, profile: Profile) -> dict[str, object]:
    """Return the templates' variables. UsageError for a value nginx cannot quote and for TLS that the version cannot speak."""
    name = identifier(site.domain, site.https_port)
    return {
        "id": name,
        "scope": Quoted(scope),
        "in_server": scope == "snippet",
        "offloaded": site.tls.offloaded,
        "refuse": site.unknown_hosts == "refuse",
        "domains": _joined(site.domains, "domains"),
        "static": [_static(location) for location in site.static],
        "proxied": [_proxied(location, name, number, caps) for number, location in enumerate(site.proxied, 1)],
        "has_root": any(location.path == "/" for location in site.locations),
        "kinds": list(_kinds(site)),
        "headers": [(quote(key, "headers"), quote(value, f"headers.{key}")) for key, value in site.headers.items()],
        "cache": Quoted(_REVALIDATE),
        "manifest_pattern": _pattern(media_types.extensions("manifest")),
        "allow": [quote(network, "access.allow") for network in site.access.allow],
        "deny": [quote(network, "access.deny") for network in site.access.deny],
        "trusted": [quote(network, "trusted_proxies") for network in site.trusted_proxies],
        **_public(site),
        **_listening(site, caps),
        **_tls(site, caps, profile),
        **_logs(site),
        **_main(site, caps),
    }


def _joined(values: tuple[str, ...], place: str) -> Quoted:
    return Quoted(" ".join(quote(value, place) for value in values))


def _public(site: Site) -> dict[str, object]:
    port = "" if site.public_port == 443 else f":{site.public_port}"
    return {
        "public": quote(site.base_url, "public_url"),
        "public_host": Quoted(f"$host{port}"),
        "public_port": site.public_port,
        "status": site.redirect.status,
        "acme_root": quote_path(site.redirect.acme_root, "redirect.acme_root"),
        "hsts": quote(site.hsts.value, "hsts") if site.hsts.enabled and not site.tls.offloaded else None,
    }


def _listening(site: Site, caps: Capabilities) -> dict[str, object]:
    return {
        "plain_listen": _addresses(site, site.listen.http) if site.listen.http else [],
        "tls_listen": [] if site.tls.offloaded else _addresses(site, site.https_port),
        "http2": site.http2,
        "http2_directive": caps.has("http2_directive"),
        "inherit": caps.has("header_inherit"),
        "reject": caps.has("reject_handshake"),
    }


def _addresses(site: Site, port: int) -> list[Quoted]:
    hosts = [f"[{host}]" if ":" in host else host for host in site.listen.hosts]
    every = [str(port), f"[::]:{port}"] if site.listen.ipv6 else [str(port)]
    return [quote(text, "listen") for text in ([f"{host}:{port}" for host in hosts] or every)]


def _tls(site: Site, caps: Capabilities, profile: Profile) -> dict[str, object]:
    protocols = [name for name in profile.protocols if name != "TLSv1.3" or caps.has("tls13")]
    if not protocols:
        raise UsageError(
            f"the profile {profile.name} is TLS 1.3 only, and nginx with {caps.tls_library} does not speak it",
            place="tls.profile",
            hint="choose the profile intermediate, or update OpenSSL to 1.1.1 or later",
        )
    groups = [name for name in profile.groups if "MLKEM" not in name or caps.has("mlkem")]
    return {
        "protocols": Quoted(" ".join(protocols)),
        "ciphers": Quoted(":".join(profile.ciphers)) if profile.ciphers else None,
        "groups": Quoted(":".join(groups)),
        "tickets": caps.has("ticket_rotation"),
        "certificates": [
            (quote_path(pair.cert, f"certificates[{index}].cert"), quote_path(pair.key, f"certificates[{index}].key"))
            for index, pair in enumerate(site.certificates)
        ],
    }


def _logs(site: Site) -> dict[str, object]:
    access, error = site.log.access, site.log.error
    return {
        "access_log": quote_path(access, "log.access") if isinstance(access, str) else None,
        "access_log_off": access is False,
        "error_log": quote_path(error, "log.error") if error else None,
        "log_level": Quoted(site.log.level),
    }


def _main(site: Site, caps: Capabilities) -> dict[str, object]:
    numbers = limits(site)
    return {
        "connections": numbers.connections,
        "files": numbers.files,
        "devices": site.expected_devices,
        "name_bucket": name_bucket(site),
        "user": quote(caps.layout["nginx_user"], "layout") if caps.layout["nginx_user"] else None,
        "pid": quote_path(caps.layout["nginx_pid"], "layout"),
        "mime_types": quote_path(caps.layout["nginx_conf"] + "/mime.types", "layout"),
        "main_error_log": quote_path(caps.layout["nginx_log"] + "/error.log", "layout"),
        "main_access_log": quote_path(caps.layout["nginx_log"] + "/access.log", "layout"),
    }


def _static(location: Location) -> Static:
    folder, at_root = location.root or "", location.path == "/"
    return Static(
        path=quote(location.path, "locations"),
        dotfiles=_dotfiles(location.path),
        directive=Quoted("root" if at_root else "alias"),
        folder=quote_path(folder if at_root else folder.rstrip("/") + "/", f"locations {location.path} root"),
    )


def _dotfiles(prefix: str) -> Quoted:
    """Match names with a dot in front; in a prefix that has one itself, only what comes after it."""
    start = f"^{re.escape(prefix)}(?:.*/)?" if "/." in prefix else "/"
    return Quoted(rf"{start}\.(?!well-known/)")


def _proxied(location: Location, site_name: Quoted, number: int, caps: Capabilities) -> Proxied:
    target, place = location.target, f"locations {location.path} upstream"
    if target is None:  # Site.proxied holds none of these
        raise TypeError(location.path)
    unix = target.scheme == "unix"
    address = quote_socket(target.path, place) if unix else quote(str(target).split("://")[1], place)
    scheme = "https" if target.scheme == "https" else "http"
    return Proxied(
        path=quote(location.path, "locations"),
        name=Quoted(f"ota_proxy_{site_name}_{number}"),
        scheme=Quoted(scheme),
        address=address,
        url=_whole_url(target.path, place) if unix else quote(f"{scheme}://{str(target).split('://')[1]}", place),
        tls_name=_tls_name(location, target.host, place) if scheme == "https" else None,
        ca=quote_path(location.upstream_ca or caps.layout["ca_bundle"], f"locations {location.path} upstream_ca"),
    )


def _whole_url(path: str, place: str) -> Quoted:
    return quote(f"http://unix:{path}:", place)


def _tls_name(location: Location, host: str, place: str) -> Quoted:
    if location.upstream_name is None and (":" in host or host.replace(".", "").isdigit()):
        raise UsageError(
            f"nginx cannot verify the certificate of the address {host}, it compares names only",
            place=place,
            hint="set upstream_name to the name in the upstream's certificate",
        )
    return quote(location.upstream_name or host, f"locations {location.path} upstream_name")


def _kinds(site: Site) -> Iterator[Kind]:
    """Group extensions by media type and cache rule, in the order of their first extension."""
    groups: dict[tuple[str, str], list[str]] = {}
    for extension, media_type in media_types.ota_types(site.media_types).items():
        groups.setdefault((media_type, _cache(site, extension)), []).append(extension)
    for (media_type, cache), extensions in groups.items():
        yield Kind(_pattern(extensions), quote(media_type, f"media_types.{extensions[0]}"), quote(cache, "cache"))


def _cache(site: Site, extension: str) -> str:
    if extension in media_types.extensions("manifest"):
        return _NEVER
    if extension in media_types.extensions("package") and site.cache.packages == "immutable":
        return f"public, max-age={site.cache.max_age}, immutable"
    return _REVALIDATE


def _pattern(extensions: list[str] | tuple[str, ...]) -> Quoted:
    names = [extension.removeprefix(".") for extension in extensions]  # letters, digits, `_` and `-` (model.values)
    return Quoted(rf"\.{names[0]}$" if len(names) == 1 else rf"\.(?:{'|'.join(names)})$")
