"""Locations of nginx: a prefix with a folder or an application, and the kinds of files that have a type and a cache rule of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ota_proxy.addresses import is_address
from ota_proxy.errors import Key, UsageError
from ota_proxy.policy import media_types
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.nginx.quote import bucket, fits, quote, quote_path, quote_prefix, quote_socket, regex
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Location, Site
from ota_proxy.site.values import size_text

_REVALIDATE = "no-cache"  # RFC 9111 section 5.2.2.4: may be stored, is asked for again before every use
_NEVER = "no-store"
_FINE = "(?:200|206|301|304)$"  # answers that may be stored as the rule for their file says
_LONGEST_PATTERN = 3000  # bytes; nginx reads at most 4096 of one argument


@dataclass(frozen=True, slots=True)
class Kind:
    """Files inside a static location that have types of their own; `pattern` is a regular expression on the path."""

    pattern: Quoted
    types: tuple[tuple[Quoted, Quoted], ...]
    """Media type, and its extensions."""
    bucket: int
    """The types_hash_bucket_size that the longest extension needs, 0 if nginx's default does."""
    installer: bool
    """Whether devices fetch such files without a person."""


@dataclass(frozen=True, slots=True)
class CacheRule:
    """A Cache-Control: `of_answers` is a key of the map on path and status, `of_files` a regular expression on the path alone."""

    of_answers: Quoted
    of_files: Quoted | None
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


def static(site: Site, location: Location) -> Static:
    """Return what the templates print of a location with a folder."""
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


def proxied(site: Site, location: Location, name: Quoted, caps: Capabilities) -> Proxied:
    """Return what the templates print of a location with an application, whose upstream block has this name."""
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
        name=name,
        scheme=Quoted(scheme),
        address=address,
        url=quote(f"http://unix:{target.path}:" if unix else f"{scheme}://{str(target).split('://')[1]}", key),
        tls_name=_tls_name(site, location, target.host) if scheme == "https" else None,
        ca=quote_path(location.upstream_ca or caps.layout.ca_bundle, site.key_of(location, "upstream_ca")),
        body=Quoted(size_text(location.body_limit).lower() if location.body_limit else "0"),
        timeout=location.read_timeout or 0,
        websocket=location.websocket,
        certificate=location.path in site.client_certificates.locations,
    )


def kinds(site: Site) -> Iterator[Kind]:
    """Yield the files with types of their own: together, but apart where a password or a limit tells an installer from a person."""
    told_apart = bool(site.auth.htpasswd or site.limits.requests_per_second)
    every = media_types.ota_types(site.media_types)
    for installer in (True, False) if told_apart else (False,):
        chosen = {name: kind for name, kind in every.items() if not told_apart or _fetched(name) == installer}
        yield from (_kind(group, installer=installer) for group in _groups(chosen))


def _fetched(extension: str) -> bool:
    return media_types.for_installer(extension)


def _groups(types: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield extensions and their types in groups whose pattern nginx can read."""
    group: dict[str, str] = {}
    for extension, media_type in types.items():
        if group and sum(map(len, group)) + len(extension) > _LONGEST_PATTERN:
            yield group
            group = {}
        group[extension] = media_type
    if group:
        yield group


def _kind(group: dict[str, str], *, installer: bool) -> Kind:
    extensions: dict[str, list[str]] = {}
    for extension, media_type in group.items():
        fits(extension, extension, ("media_types", extension))
        extensions.setdefault(media_type, []).append(extension.removeprefix("."))
    return Kind(
        pattern=ending(group),
        types=tuple(
            (quote(media_type, ("media_types", f".{names[0]}")), Quoted(" ".join(names)))
            for media_type, names in extensions.items()
        ),
        bucket=bucket(max(len(name) - 1 for name in group)),
        installer=installer,
    )


def cache_rules(site: Site) -> Iterator[CacheRule]:
    """Yield the rules for Cache-Control in the order in which they are tried; what no rule fits is never stored."""
    manifests, packages = (media_types.served(kind, site.media_types) for kind in ("manifest", "package"))
    yield CacheRule(Quoted(rf"~*{_any(manifests)}:\d+$"), ending(manifests), Quoted(_NEVER))
    if site.cache.packages == "immutable":
        value = quote(f"public, max-age={site.cache.max_age}, immutable", ("cache",))
        yield CacheRule(Quoted(f"~*{_any(packages)}:{_FINE}"), ending(packages), value)
    yield CacheRule(Quoted(f"~:{_FINE}"), None, Quoted(_REVALIDATE))


def ending(extensions: Sequence[str] | dict[str, str]) -> Quoted:
    """Return a regular expression for paths that end in one of these extensions."""
    return Quoted(f"{_any(extensions)}$")


def _any(extensions: Sequence[str] | dict[str, str]) -> str:
    names = [extension.removeprefix(".") for extension in extensions]  # letters, digits, `_` and `-` (site.values)
    return rf"\.{names[0]}" if len(names) == 1 else rf"\.(?:{'|'.join(names)})"


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


def _tls_name(site: Site, location: Location, host: str) -> Quoted:
    if location.upstream_name is None and is_address(host):
        raise UsageError(
            f"nginx cannot verify the certificate of the address {host}, it compares names only",
            key=site.key_of(location, "upstream"),
            hint="set upstream_name to the name in the upstream's certificate",
        )
    return quote(location.upstream_name or host, site.key_of(location, "upstream_name"))
