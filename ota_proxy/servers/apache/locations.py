"""The locations of a site in Apache's words: how paths reach folders and applications, and the rules for both."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.media_types import extensions, ota_types, served
from ota_proxy.policy.server_values import apache_section as section
from ota_proxy.policy.server_values import claims
from ota_proxy.servers.apache import quote
from ota_proxy.servers.apache.features import ERRORS
from ota_proxy.servers.rendered import Scope
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Location, Site, Upstream

_LINE = 126


@dataclass(frozen=True, slots=True)
class Map:
    """One prefix and what it leads to: a folder (`folder`, and `document_root` for the prefix /) or an application (`url`).

    `bare` is the prefix without its slash, None for the prefix /; `pattern`, `encoded` and `url_rest` stand for a prefix that is written
    otherwise in a URL.
    """

    prefix: Quoted
    covered: bool
    bare: Quoted | None
    bare_match: Quoted
    slashed: Quoted
    status: int
    folder: Quoted | None
    document_root: Quoted | None
    url: Quoted | None
    pattern: Quoted | None
    encoded: Quoted | None
    url_rest: Quoted | None


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of files; `hidden` is the condition on a path with a name that starts with a dot."""

    prefix: Quoted
    directory: Quoted
    hidden: Quoted


@dataclass(frozen=True, slots=True)
class App:
    """An application, and how it is reached; an upload is refused under the conditions `too_large` (413) and `unmeasured` (411)."""

    shown: Quoted
    prefix: Quoted
    url: Quoted
    tls: bool
    ca: Quoted
    protocols: Quoted
    depth: int
    timeout: int
    websocket: bool
    keep_host: Quoted
    too_large: Quoted | None
    unmeasured: Quoted | None


@dataclass(frozen=True, slots=True)
class Type:
    """A media type, the files that have it, and their own Cache-Control with the condition on it."""

    match: Quoted
    type: Quoted
    cache: Quoted | None
    when: Quoted | None


@dataclass(frozen=True, slots=True)
class Kinds:
    """Kinds of files: `all` is the condition on a file of the OTA set in a folder, `whole` the paths that are never compressed."""

    types: tuple[Type, ...]
    all: Quoted
    whole: Quoted
    proxied_manifest: Quoted
    encodings: Quoted
    languages: tuple[Quoted, ...]
    filters: Quoted


@dataclass(frozen=True, slots=True)
class Header:
    """A header of the site; `stands` is the condition for it where an application is silent."""

    name: Quoted
    value: Quoted
    stands: Quoted | None


@dataclass(frozen=True, slots=True)
class Access:
    """Networks of `access`."""

    allow: Quoted | None
    deny: Quoted | None


@dataclass(frozen=True, slots=True)
class Locations:
    """All of them. Maps stand longest prefix first, as Alias and ProxyPass take the first that fits; the others shortest first."""

    maps: tuple[Map, ...]
    bare: bool
    covered: bool
    folders: tuple[Folder, ...]
    apps: tuple[App, ...]
    forwarded_host: Quoted
    forwarded_port: int
    claims: tuple[Quoted, ...]
    kinds: Kinds
    inside: Quoted
    headers: tuple[Header, ...]
    access: Access | None
    statuses: tuple[int, ...]


def locations(site: Site, caps: Capabilities, scope: Scope) -> Locations:
    """Return the locations; UsageError for a value Apache cannot take."""
    every = _shortest_first(site.locations)
    port = "" if site.public_port == 443 else f":{site.public_port}"
    return Locations(
        maps=tuple(_map(site, location) for location in reversed(every)),
        bare=any(location.path != "/" for location in every),
        covered=any(_covered(site, location) for location in site.static),
        folders=tuple(_folder(site, location) for location in _shortest_first(site.static)),
        apps=tuple(_app(site, location, caps) for location in _shortest_first(site.proxied)),
        forwarded_host=quote.word(site.public_host + port, ("public_url",)),
        forwarded_port=site.public_port,
        claims=tuple(Quoted(name) for name in claims()),
        kinds=_kinds(site, scope),
        inside=quote.argument(_prefixes(site), ("locations",)),
        headers=tuple(_header(name, value) for name, value in sorted(site.headers.items())),
        access=_access(site),
        statuses=_statuses(site),
    )


def _shortest_first(some: Iterable[Location]) -> list[Location]:
    return sorted(some, key=lambda location: (len(location.path), location.path))


def _map(site: Site, location: Location) -> Map:
    bare, key, root = location.path.rstrip("/"), site.key_of(location, "path"), site.key_of(location, "root")
    files = location.root is not None
    return Map(
        prefix=quote.location(location.path, key),
        covered=_covered(site, location),
        bare=quote.location(bare, key) if bare else None,
        bare_match=quote.argument(f"^{quote.regex(bare)}$", key),
        slashed=quote.argument(site.base_url + location.path.replace("$", "\\$"), key),
        status=site.redirect.status,
        folder=quote.folder(location.root, root) if location.root is not None else None,
        document_root=quote.path(location.root, root) if location.root is not None and not bare else None,
        url=None if files or location.target is None else _upstream_url(site, location, location.target),
        **_encoded(site, location),
    )


def _covered(site: Site, location: Location) -> bool:
    return any(app != location and location.path.startswith(app.path) for app in site.proxied)


def _encoded(site: Site, location: Location) -> dict[str, Quoted | None]:
    """Return what ProxyPassMatch needs for a prefix that is written otherwise in a URL: ProxyPass with `nocanon` takes no such prefix (AH01136)."""
    if location.target is None or location.path == location.url_path:
        return {"pattern": None, "encoded": None, "url_rest": None}
    key = site.key_of(location, "path")
    return {
        "pattern": quote.argument(f"^{quote.encoded_regex(location.path)}(.*)$", key),
        "encoded": quote.argument(location.url_path, key),
        "url_rest": quote.upstream(location.target, location.url_path + "$1", site.key_of(location, "upstream")),
    }


def _upstream_url(site: Site, location: Location, target: Upstream) -> Quoted:
    quote.worker(target, location.url_path, site.key_of(location, "path"))
    return quote.upstream(target, location.url_path, site.key_of(location, "upstream"))


def _folder(site: Site, location: Location) -> Folder:
    hidden = f"%{{REQUEST_URI}} =~ m#^{quote.regex(location.path)}(?:.*/)?[.](?!well-known(?:/|$))#"
    return Folder(
        prefix=Quoted(location.path),
        directory=quote.directory(location.root or "", site.key_of(location, "root")),
        hidden=quote.argument(hidden, site.key_of(location, "path")),
    )


def _kinds(site: Site, scope: Scope) -> Kinds:
    types, words = ota_types(site.media_types), section("metadata")
    folders = "|".join(quote.regex(location.path) for location in _shortest_first(site.static))
    named = f"%{{REQUEST_URI}} =~ m#^(?:{folders}).*{quote.extensions(types)}#i"
    own = "%{HANDLER} != 'proxy-server' && " if site.proxied else ""
    manifest, whole = (
        quote.extensions(extensions("manifest")),
        (*extensions("manifest"), *served("package", site.media_types)),
    )
    proxied_manifest = f"expr=%{{HANDLER}} == 'proxy-server' && %{{REQUEST_URI}} =~ m#{manifest}#i"
    within = f"{_prefixes(site)}.*" if scope == "snippet" else ""
    return Kinds(
        types=tuple(_types(site, types)),
        all=quote.argument(own + named, ("media_types",)),
        whole=quote.argument(f"{within}{quote.extensions(whole)}", ("media_types",)),
        proxied_manifest=quote.argument(proxied_manifest, ("media_types",)),
        encodings=Quoted(" ".join(words["encodings"])),
        languages=tuple(Quoted(line) for line in textwrap.wrap(" ".join(words["languages"]), _LINE)),
        filters=Quoted(" ".join(words["filters"])),
    )


def _types(site: Site, types: Mapping[str, str]) -> Iterator[Type]:
    """Yield each media type with its extensions; manifests, and packages that caches may keep, have a Cache-Control of their own."""
    kept = f"public, max-age={site.cache.max_age}, immutable" if site.cache.packages == "immutable" else None
    groups: dict[tuple[str, str | None], list[str]] = {}
    for extension, media_type in types.items():
        cache = "no-store" if extension in extensions("manifest") else None
        cache = kept if extension in extensions("package") else cache
        groups.setdefault((media_type, cache), []).append(extension)
    for (media_type, cache), named in groups.items():
        yield Type(
            match=quote.argument(f"(?i){quote.extensions(named)}", ("media_types",)),
            type=quote.argument(media_type, ("media_types",)),
            cache=None if cache is None else quote.header_value(cache, ("cache",)),
            when=Quoted('"expr=%{REQUEST_STATUS} -lt 400"') if cache and cache == kept else None,
        )


def _statuses(site: Site) -> tuple[int, ...]:
    """Return the statuses of errors that this site answers with, but for those that have a page of its own."""
    pages = section("pages")
    chosen = {*pages["files"]}
    chosen |= {*pages["auth"]} if site.auth.htpasswd else set()
    chosen |= {*pages["proxied"]} if site.proxied else set()
    return tuple(sorted(chosen - {*(site.error_pages.statuses if site.error_pages.folder else ())}))


def _app(site: Site, location: Location, caps: Capabilities) -> App:
    target = location.target
    if target is None:
        raise TypeError(location.path)  # only proxied locations come here
    _check_possible(site, location, target, caps)
    return App(
        shown=Quoted(location.path),
        prefix=quote.location(location.path, site.key_of(location, "path")),
        url=_upstream_url(site, location, target),
        tls=target.scheme == "https",
        ca=quote.path(location.upstream_ca or caps.layout.ca_bundle, site.key_of(location, "upstream_ca")),
        protocols=Quoted("-all +TLSv1.2" + (" +TLSv1.3" if caps.has("tls13") else "")),
        depth=section("upstream")["verify_depth"],
        timeout=location.read_timeout or section("timeouts")["upstream"],
        websocket=location.websocket,
        keep_host=Quoted("Off" if target.scheme == "https" else "On"),
        **_uploads(site, location),
    )


def _check_possible(site: Site, location: Location, target: Upstream, caps: Capabilities) -> None:
    """Refuse an https upstream whose certificate has another name than its host, and a WebSocket where mod_proxy_http hands none on.

    Apache has no way to check another name (observed behaviour, 2.4.71).
    """
    if target.scheme == "https" and location.upstream_name not in (None, target.host):
        raise UsageError(
            f"Apache checks the certificate of {target} against {target.host}, not against '{location.upstream_name}'",
            key=site.key_of(location, "upstream_name"),
            hint="write the certificate's name into upstream and give this host its address (DNS or /etc/hosts)",
        )
    if location.websocket and not caps.has("proxy_upgrade") and not caps.portable:
        raise UsageError(
            f"Apache {caps.version} cannot pass a WebSocket on to the path that it was asked for; 2.4.47 and later can",
            key=site.key_of(location, "websocket"),
            hint="choose a later version, another server, or leave websocket out",
        )


def _uploads(site: Site, location: Location) -> dict[str, Quoted | None]:
    """Return the conditions under which an upload is refused; not for an application inside this one, which has its own."""
    inner = [other for other in site.proxied if other != location and other.path.startswith(location.path)]
    key = site.key_of(location, "max_body")
    elsewhere = "".join(f" && !(%{{REQUEST_URI}} =~ m#^{quote.regex(other.path)}#)" for other in inner)
    large = f"%{{HTTP:Content-Length}} -gt {location.body_limit}{elsewhere}"
    return {
        "too_large": quote.argument(large, key) if location.body_limit else None,
        "unmeasured": quote.argument("-n %{HTTP:Transfer-Encoding}" + elsewhere, key) if location.max_body else None,
    }


def _prefixes(site: Site) -> str:
    """Return a regular expression for the begin of every path that a location covers, its folder without the slash too."""
    bare = [quote.regex(location.path.rstrip("/")) for location in _shortest_first(site.locations)]
    return f"^(?:{'|'.join(bare)})(?:/|$)" if all(bare) else "^/"


def outside(site: Site) -> Quoted | None:
    """Return a pattern for paths of no location; None if a location of the prefix / leaves none."""
    prefixes = [location.path.strip("/") for location in _shortest_first(site.locations)]
    if "" in prefixes:
        return None
    prefixes += [ERRORS.strip("/")] if site.error_pages.folder else []
    return quote.argument(f"^(?!/(?:{'|'.join(map(quote.regex, prefixes))})(?:/|$))", ("locations", "path"))


def _header(name: str, value: str) -> Header:
    """Return a header of the site.

    A frame-ancestors of ours would overrule an X-Frame-Options of the application (CSP Level 3 §6.4.2.1), which then stands for both.
    """
    policy = name.lower() == "content-security-policy"
    return Header(
        name=Quoted(name),
        value=quote.header_value(value, ("headers", name)),
        stands=quote.argument("expr=-z resp('X-Frame-Options')", ()) if policy else None,
    )


def _access(site: Site) -> Access | None:
    if not (site.access.allow or site.access.deny):
        return None
    return Access(
        allow=networks(_halves(site.access.allow), "access", "allow"),
        deny=networks(_halves(site.access.deny), "access", "deny"),
    )


def _halves(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return every network that has all addresses as its two halves: `Require ip` takes no mask of 0 bits (httpd 2.4.71)."""
    every = {"0.0.0.0/0": ("0.0.0.0/1", "128.0.0.0/1"), "::/0": ("::/1", "8000::/1")}
    return tuple(part for network in given for part in every.get(network, (network,)))


def networks(given: tuple[str, ...], *key: str) -> Quoted | None:
    """Quote networks; None for none."""
    words = [quote.word(network, (*key, index)) for index, network in enumerate(given)]
    return Quoted(" ".join(words)) if words else None
