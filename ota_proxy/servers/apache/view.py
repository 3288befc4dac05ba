"""Turns a site into what the Apache templates print: nested dictionaries of `Quoted` tokens, integers and booleans."""

from __future__ import annotations

from collections.abc import Sequence

from ota_proxy.addresses import bracketed
from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.media_types import extensions, ota_types
from ota_proxy.policy.server_values import apache_section as section
from ota_proxy.policy.server_values import claims
from ota_proxy.servers.apache import hosts, quote
from ota_proxy.servers.apache.features import ERRORS, features
from ota_proxy.servers.apache.full import full_view
from ota_proxy.servers.apache.policy import hsts_of, log_of, tls_of
from ota_proxy.servers.applications import PLAIN, SECURE, claimed, fronted
from ota_proxy.servers.result import Scope
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Location, Site, Upstream

View = dict[str, object]
ACME = "/.well-known/acme-challenge/"
_BOX = 76


def view(site: Site, caps: Capabilities, scope: Scope, neighbours: Sequence[str] = ()) -> View:
    """Return everything the template of `scope` needs; UsageError for a value Apache cannot take.

    `neighbours` are the names of the other sites beside this one.
    """
    buffers, times = section("buffers"), section("timeouts")
    return {
        "box": _box,
        "offloaded": site.tls.offloaded,
        "snippet": scope == "snippet",
        "fronted": fronted(site),
        "proxies": bool(site.proxied),
        "statics": bool(site.static),
        "buffers": buffers,
        "read_buffer": caps.has("read_buffer"),
        "times": {name: value if isinstance(value, int) else Quoted(value) for name, value in times.items()},
        "handshake_timeout": caps.has("handshake_timeout"),
        "maps": _maps(site),
        "folders": [_folder(site, location) for location in _shortest_first(site.static)],
        "upstreams": _upstreams(site, caps),
        "apps": [_app(site, location) for location in _shortest_first(site.proxied)],
        "claims": [Quoted(name) for name in claims()],
        "kinds": _kinds(site, scope),
        "hsts": hsts_of(site),
        "inside": _inside(site),
        "headers": [_header(name, value) for name, value in sorted(site.headers.items())],
        "access": _access(site),
        "statuses": section("pages")["statuses"],
        **features(site, scope),
        **(_hosts_view(site, caps, neighbours) if scope != "snippet" else {}),
        "body": None,
        **(full_view(site, caps) if scope == "full" else {}),
    }


def _box(title: str) -> Quoted:
    """Return a boxed title; `title` is a constant of a template."""
    rule = "# " + "-" * _BOX
    return Quoted(f"{rule}\n# | {title:<{_BOX - 4}} |\n{rule}")


def _shortest_first(locations: tuple[Location, ...]) -> list[Location]:
    return sorted(locations, key=lambda location: (len(location.path), location.path))


def _maps(site: Site) -> list[View]:
    """Prefixes to folders and applications, longest first, as Alias and ProxyPass take the first that fits."""
    return [_map(site, location) for location in reversed(_shortest_first(site.locations))]


def _map(site: Site, location: Location) -> View:
    bare, key, root = location.path.rstrip("/"), site.key_of(location, "path"), site.key_of(location, "root")
    return {
        "prefix": quote.location(location.path, key),
        "covered": any(app != location and location.path.startswith(app.path) for app in site.proxied),
        "root": bare == "",
        "bare": quote.location(bare, key) if bare else None,
        "bare_match": quote.argument(f"^{quote.regex(bare)}$", key),
        "slashed": quote.argument(site.base_url + location.path.replace("$", "\\$"), key),
        "status": site.redirect.status,
        "folder": quote.folder(location.root, root) if location.root is not None else None,
        "document_root": quote.path(location.root, root) if location.root is not None else None,
        "url": _upstream_url(site, location, location.target) if location.target else None,
        **_encoded(site, location),
    }


def _encoded(site: Site, location: Location) -> View:
    """Return what ProxyPassMatch needs for a prefix that is written otherwise in a URL: ProxyPass with `nocanon` takes no such prefix (AH01136)."""
    if location.target is None or location.path == location.url_path:
        return {"pattern": None}
    url = quote.upstream(location.target, location.url_path + "$1", site.key_of(location, "upstream"))
    key = site.key_of(location, "path")
    pattern = f"^{quote.encoded_regex(location.path)}(.*)$"
    return {
        "pattern": quote.argument(pattern, key),
        "encoded": quote.argument(location.url_path, key),
        "url_rest": url,
    }


def _upstream_url(site: Site, location: Location, target: Upstream) -> Quoted:
    quote.worker(target, location.url_path, site.key_of(location, "path"))
    return quote.upstream(target, location.url_path, site.key_of(location, "upstream"))


def _folder(site: Site, location: Location) -> View:
    hidden = f"%{{REQUEST_URI}} =~ m#^{quote.regex(location.path)}(?:.*/)?[.](?!well-known(?:/|$))#"
    return {
        "directory": quote.directory(location.root or "", site.key_of(location, "root")),
        "prefix": Quoted(location.path),
        "hidden": quote.argument(hidden, site.key_of(location, "path")),
    }


def _kinds(site: Site, scope: Scope) -> View:
    types = ota_types(site.media_types)
    cache = f"public, max-age={site.cache.max_age}, immutable" if site.cache.packages == "immutable" else "no-cache"
    manifest = quote.extensions(extensions("manifest"))
    proxied_manifest = f"expr=%{{HANDLER}} == 'proxy-server' && %{{REQUEST_URI}} =~ m#{manifest}#i"
    folders = "|".join(quote.regex(location.path) for location in _shortest_first(site.static))
    whole = extensions("manifest") + extensions("package")
    within = f"{_prefixes(site)}.*" if scope == "snippet" else ""
    metadata = {name: Quoted(" ".join(words)) for name, words in section("metadata").items()}
    return {
        "types": [
            {
                "match": _match(quote.extensions([extension])),
                "type": quote.argument(media_type, ("media_types",)),
            }
            for extension, media_type in types.items()
        ],
        "all": quote.argument(f"%{{REQUEST_URI}} =~ m#^(?:{folders}).*{quote.extensions(types)}#i", ("media_types",)),
        "manifest": _match(manifest),
        "package": _match(quote.extensions(extensions("package"))),
        "whole": quote.argument(f"{within}{quote.extensions(whole)}", ("media_types",)),
        "proxied_manifest": quote.argument(proxied_manifest, ("media_types",)),
        "package_cache": quote.header_value(cache, ("cache",)),
        "metadata": metadata,
    }


def _match(pattern: str) -> Quoted:
    return quote.argument(f"(?i){pattern}", ("media_types",))


def _upstreams(site: Site, caps: Capabilities) -> list[View]:
    protocols = "-all +TLSv1.2" + (" +TLSv1.3" if caps.has("tls13") else "")
    return [
        {
            "url": _upstream_url(site, location, location.target),
            "tls": location.target.scheme == "https",
            "ca": quote.path(location.upstream_ca or caps.layout["ca_bundle"], site.key_of(location, "upstream_ca")),
            "protocols": Quoted(protocols),
            "timeout": location.read_timeout or section("timeouts")["upstream"],
            "websocket": location.websocket,
            "depth": section("upstream")["verify_depth"],
        }
        for location in _shortest_first(site.proxied)
        if location.target and _checkable(site, location) and _switchable(site, location, caps)
    ]


def _checkable(site: Site, location: Location) -> bool:
    """Refuse an https upstream with another name than its host: Apache has no way to check it (observed behaviour, 2.4.71)."""
    target = location.target
    if target is None or target.scheme != "https":
        return True
    if location.upstream_name not in (None, target.host):
        raise UsageError(
            f"Apache checks the certificate of {target} against {target.host}, not against '{location.upstream_name}'",
            key=site.key_of(location, "upstream_name"),
            hint="write the certificate's name into upstream and give this host its address (DNS or /etc/hosts)",
        )
    return True


def _switchable(site: Site, location: Location, caps: Capabilities) -> bool:
    """Refuse a WebSocket where mod_proxy_http cannot hand one on."""
    if location.websocket and not caps.has("proxy_upgrade") and not caps.portable:
        raise UsageError(
            f"Apache {caps.version} cannot pass a WebSocket on to the path that it was asked for; 2.4.47 and later can",
            key=site.key_of(location, "websocket"),
            hint="choose a later version, another server, or leave websocket out",
        )
    return True


def _app(site: Site, location: Location) -> View:
    port = "" if site.public_port == 443 else f":{site.public_port}"
    return {
        "prefix": quote.location(location.path, site.key_of(location, "path")),
        "keep_host": Quoted("Off" if location.target and location.target.scheme == "https" else "On"),
        "host": quote.word(site.public_host + port, ("public_url",)),
        "port": site.public_port,
        **_uploads(site, location),
    }


def _uploads(site: Site, location: Location) -> View:
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


def _inside(site: Site) -> Quoted:
    return quote.argument(_prefixes(site), ("locations",))


def _header(name: str, value: str) -> View:
    """Return a header; `stands` is the condition for it where the application is silent.

    A frame-ancestors of ours would overrule an X-Frame-Options of the application (CSP Level 3 §6.4.2.1), which then stands for both.
    """
    policy = name.lower() == "content-security-policy"
    return {
        "name": Quoted(name),
        "value": quote.header_value(value, ("headers", name)),
        "stands": quote.argument("expr=-z resp('X-Frame-Options')", ()) if policy else None,
    }


def _access(site: Site) -> View | None:
    if not (site.access.allow or site.access.deny):
        return None
    return {
        "allow": _networks(_halves(site.access.allow), "access", "allow"),
        "deny": _networks(_halves(site.access.deny), "access", "deny"),
    }


def _halves(networks: tuple[str, ...]) -> tuple[str, ...]:
    """Return every network that has all addresses as its two halves: `Require ip` takes no mask of 0 bits (httpd 2.4.71)."""
    every = {"0.0.0.0/0": ("0.0.0.0/1", "128.0.0.0/1"), "::/0": ("::/1", "8000::/1")}
    return tuple(part for network in networks for part in every.get(network, (network,)))


def _networks(networks: tuple[str, ...], *key: str) -> Quoted | None:
    words = [quote.word(network, (*key, index)) for index, network in enumerate(networks)]
    return Quoted(" ".join(words)) if words else None


def _hosts_view(site: Site, caps: Capabilities, neighbours: Sequence[str]) -> View:
    """Return what virtual hosts need beside the locations."""
    return {
        "http": _http(site),
        "https": _https(site, neighbours),
        "aliases": hosts.aliases(site, site.domains[1:]),
        "refuse": site.unknown_hosts == "refuse",
        "host_foreign": hosts.patterns(dict.fromkeys((*site.domains, site.public_host)))["host_foreign"],
        "redirect": {"status": site.redirect.status, "target": quote.argument(f"{site.base_url}%1", ("public_url",))},
        "acme": _acme(site),
        "trusted": _networks(site.trusted_proxies, "trusted_proxies"),
        "not_secure": quote.argument(f"!({_said(site, SECURE)})", ("trusted_proxies",)),
        "said_plain": quote.argument(_said(site, PLAIN), ("trusted_proxies",)),
        "acme_here": bool(site.listen.http and fronted(site)) and not claimed(site),
        "tls": None if site.tls.offloaded else tls_of(site, caps),
        "http2": site.http2,
        "log": log_of(site),
        "outside": _outside(site),
    }


def _http(site: Site) -> View | None:
    """Return the plain virtual host; behind a front its name carries the scheme, so that Apache's own redirects say https."""
    if site.listen.http is False:
        return None
    return virtual_host(site, site.listen.http, site.base_url if fronted(site) else f"{site.domain}:{site.listen.http}")


def _https(site: Site, neighbours: Sequence[str]) -> View | None:
    if site.tls.offloaded:
        return None
    return virtual_host(site, site.https_port, f"{site.domain}:{site.public_port}") | {
        "hosts": [hosts.tls_host(site, host, neighbours) for host in hosts.in_order(site.virtual_hosts)]
    }


def virtual_host(site: Site, port: int, name: str) -> View:
    """Return the addresses of a virtual host, and its name."""
    addresses = [bracketed(host) for host in site.listen.hosts] or ["*"]
    return {
        "addresses": Quoted(" ".join(f"{host}:{port}" for host in addresses)),
        "name": quote.word(name, ("domains",)),
    }


def _acme(site: Site) -> View:
    folder = site.redirect.acme_root.rstrip("/") + ACME.rstrip("/")
    return {
        "prefix": quote.location(ACME, ("redirect", "acme_root")),
        "match": quote.argument("^" + quote.regex(ACME), ("redirect", "acme_root")),
        "folder": quote.folder(folder, ("redirect", "acme_root")),
        "directory": quote.directory(folder, ("redirect", "acme_root")),
    }


def _said(site: Site, schemes: str) -> str:
    """Return the expression "a trusted proxy says that the device came by one of `schemes`": the first entry, empty ones left out."""
    peers = " || ".join(f"%{{CONN_REMOTE_ADDR}} -ipmatch '{network}'" for network in site.trusted_proxies) or "false"
    first = f"^[,[:blank:]]*(?:{schemes})[[:blank:]]*(?:,|$)"
    return f"({peers}) && %{{HTTP:X-Forwarded-Proto}} =~ m#{first}#i"


def _outside(site: Site) -> Quoted | None:
    """Return a pattern for paths of no location; None where a location of the prefix / leaves none."""
    prefixes = [location.path.strip("/") for location in _shortest_first(site.locations)]
    if "" in prefixes:
        return None
    prefixes += [ERRORS.strip("/")] if site.error_pages.folder else []
    return quote.argument(f"^(?!/(?:{'|'.join(map(quote.regex, prefixes))})(?:/|$))", ("locations", "path"))
