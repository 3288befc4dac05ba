"""What the nginx templates print: a site and a version turned into tokens, every decision already taken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ota_proxy.addresses import bracketed
from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import Profile
from ota_proxy.policy.media_types import extensions
from ota_proxy.policy.server_values import claims
from ota_proxy.servers.nginx.features import Features, features
from ota_proxy.servers.nginx.hosts import Host, hosts_of
from ota_proxy.servers.nginx.locations import (
    CacheRule,
    Kind,
    Proxied,
    Static,
    cache_rules,
    ending,
    kinds,
    proxied,
    static,
)
from ota_proxy.servers.nginx.notes import limits, name_bucket, variable_bucket
from ota_proxy.servers.nginx.quote import identifier, quote, quote_path, regex
from ota_proxy.servers.rendered import Scope
from ota_proxy.servers.shared import ACME, PLAIN, SECURE, claimed, proxy_believed
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Site

COMMON = Quoted("_shared")
"""End of the names of what several sites share; no name of a site's own begins with `_` (nginx.quote.identifier)."""
_SAID = r"^trusted:[, \t]*(?:{})[ \t]*(?:,|$)"
"""A trusted proxy and the first entry of its X-Forwarded-Proto; empty entries count for nothing (RFC 9110 section 5.6.1.2)."""


@dataclass(frozen=True, slots=True)
class Names:
    """Variables of maps, one name for each site; in a snippet, which can have no map, variables of the server around it."""

    hsts: Quoted
    cache: Quoted
    silent: Quoted
    upgrade: Quoted
    hop: Quoted
    switched: Quoted
    trusted: Quoted
    peer: Quoted
    alt_svc: Quoted
    h3: Quoted


@dataclass(frozen=True, slots=True)
class Word:
    """A header for an answer that lacks it: its `name`, `value` and `variable`, and `source`, the upstream's own words, empty if there are none."""

    name: Quoted
    source: Quoted
    variable: Quoted
    value: Quoted


@dataclass(frozen=True, slots=True)
class Public:
    """What a device sees: the address, the name and port for applications, the redirect, the folder of ACME challenges."""

    url: Quoted
    host: Quoted
    port: int
    status: int
    acme: Quoted
    acme_path: Quoted
    acme_root: Quoted


@dataclass(frozen=True, slots=True)
class Listen:
    """Addresses of plain http and of TLS, and how HTTP/2 is switched on: by a directive of its own or on the listen line."""

    plain: tuple[Quoted, ...]
    tls: tuple[Quoted, ...]
    http2: bool
    http2_directive: bool


@dataclass(frozen=True, slots=True)
class Tls:
    """The profile as far as the library speaks it; no `ciphers` where it has TLS 1.3 only."""

    protocols: Quoted
    ciphers: Quoted | None
    groups: Quoted
    tickets: bool


@dataclass(frozen=True, slots=True)
class Log:
    """The site's own log files."""

    access: Quoted | None
    access_off: bool
    error: Quoted | None
    level: Quoted


@dataclass(frozen=True, slots=True)
class Main:
    """What a whole nginx.conf has beside the site."""

    connections: int
    files: int
    devices: int
    name_bucket: int
    variable_bucket: int
    user: Quoted | None
    pid: Quoted
    mime_types: Quoted
    error_log: Quoted
    access_log: Quoted


@dataclass(frozen=True, slots=True)
class View:
    """Everything the templates of nginx print, and the questions they ask."""

    id: Quoted
    common: Quoted
    names: Names
    alone: bool
    """Whether no other site is rendered beside this one."""
    whole: bool
    """Whether the http block is this site's alone, so that what all its servers have stands there."""
    in_server: bool
    offloaded: bool
    refuse: bool
    reject: bool
    own_default: bool
    """Whether the site's TLS server is the port's default server too: it shows its certificate to unknown names, as a catch-all would have to."""
    domains: Quoted
    hosts: tuple[Host, ...]
    static: tuple[Static, ...]
    proxied: tuple[Proxied, ...]
    claims: tuple[Quoted, ...]
    websocket: bool
    own_words: tuple[Word, ...]
    sniffing: bool
    said_https: Quoted
    said_http: Quoted
    shared: bool
    """Whether the plain listener is the https server's own: a trusted proxy may reach it there and say that the device came over https."""
    proxy_believed: bool
    acme_exempt: bool
    acme_here: bool
    has_root: bool
    kinds: tuple[Kind, ...]
    cache_rules: tuple[CacheRule, ...]
    compressors: tuple[Quoted, ...]
    headers: tuple[tuple[Quoted, Quoted], ...]
    manifest_pattern: Quoted
    allow: tuple[Quoted, ...]
    deny: tuple[Quoted, ...]
    trusted: tuple[Quoted, ...]
    inherit: bool
    hsts: Quoted | None
    public: Public
    listen: Listen
    tls: Tls
    log: Log
    main: Main
    features: Features


def view(
    site: Site, caps: Capabilities, scope: Scope, profile: Profile, neighbours: Sequence[str] | None = None
) -> View:
    """Return the templates' variables. UsageError for a value nginx cannot quote and for TLS that the version cannot speak.

    `neighbours` are the names of the other sites beside this one; None where it stands alone and shares nothing.
    """
    name, alone = identifier(site.domain, site.https_port), neighbours is None
    common = name if alone else COMMON
    names = names_of(name, common, scope)
    refuse, reject = site.unknown_hosts == "refuse", caps.has("reject_handshake")
    return View(
        id=name,
        common=common,
        names=names,
        alone=alone,
        whole=scope == "full" and alone,
        in_server=scope == "snippet",
        offloaded=site.tls.offloaded,
        refuse=refuse,
        reject=reject,
        own_default=alone and refuse and not reject and not site.tls.offloaded,
        domains=Quoted(" ".join(_each(site.domains, "domains"))),
        hosts=hosts_of(site, neighbours or ()),
        static=tuple(static(site, location) for location in site.static),
        proxied=tuple(
            proxied(site, location, Quoted(f"ota_proxy_{name}_{number}"), caps)
            for number, location in enumerate(site.proxied, 1)
        ),
        claims=tuple(Quoted(header) for header in claims()),
        websocket=any(location.websocket for location in site.proxied),
        own_words=_own_words(site, name),
        sniffing=any(header.lower() == "x-content-type-options" for header in site.headers),
        said_https=regex(_SAID.format(SECURE)),
        said_http=regex(_SAID.format(PLAIN)),
        shared=bool(proxy_believed(site) and site.listen.http and not site.tls.offloaded),
        proxy_believed=proxy_believed(site),
        acme_exempt=bool(site.listen.http and proxy_believed(site)),
        acme_here=bool(site.listen.http and proxy_believed(site)) and not claimed(site),
        has_root=any(location.path == "/" for location in site.locations),
        kinds=tuple(kinds(site)),
        cache_rules=tuple(cache_rules(site)),
        compressors=tuple(Quoted(line) for line in caps.compressors.values()),
        headers=tuple(
            (quote(key, ("headers",)), quote(value, ("headers", key))) for key, value in site.headers.items()
        ),
        manifest_pattern=ending(extensions("manifest")),
        allow=_each(site.access.allow, "access", "allow"),
        deny=_each(site.access.deny, "access", "deny"),
        trusted=_each(site.trusted_proxies, "trusted_proxies"),
        # Merged is what a server has, and a server without a header of its own has those of the http block around it.
        inherit=caps.has("header_inherit") and site.hsts.enabled and not site.tls.offloaded,
        hsts=quote(site.hsts.value, ("hsts",)) if site.hsts.enabled and not site.tls.offloaded else None,
        public=_public(site),
        listen=_listen(site, caps),
        tls=_tls(caps, profile),
        log=_log(site),
        main=_main(site, caps),
        features=features(site, scope),
    )


def names_of(name: Quoted, common: Quoted, scope: Scope) -> Names:
    """Return the variables of a site: `name` ends those of its own, `common` those that all sites share."""
    own, shared = (Quoted(""), Quoted("")) if scope == "snippet" else (Quoted(f"_{name}"), Quoted(f"_{common}"))
    return Names(
        hsts=Quoted(f"$ota_proxy_hsts{own}"),
        cache=Quoted(f"$ota_proxy_cache{own}"),
        silent=Quoted(f"$ota_proxy_silent{shared}"),
        upgrade=Quoted(f"$ota_proxy_upgrade{own}"),
        hop=Quoted(f"$ota_proxy_hop{own}"),
        switched=Quoted(f"$ota_proxy_{'switched' if own else 'upgrade'}{own}"),
        trusted=Quoted(f"$ota_proxy_trusted{own}"),
        peer=Quoted(f"$ota_proxy_peer{own}"),
        alt_svc=Quoted(f"$ota_proxy_alt_svc{own}"),
        h3=Quoted(f"$ota_proxy_h3{own}"),
    )


def addresses(site: Site, port: int) -> tuple[Quoted, ...]:
    """Return the arguments of `listen` for a port of a site."""
    hosts = [bracketed(host) for host in site.listen.hosts]
    every = [str(port), f"[::]:{port}"] if site.listen.ipv6 else [str(port)]
    after = " proxy_protocol" * site.listen.proxy_protocol
    return tuple(Quoted(quote(text, ("listen",)) + after) for text in ([f"{host}:{port}" for host in hosts] or every))


def _own_words(site: Site, site_name: Quoted) -> tuple[Word, ...]:
    """Return the headers that an answer of an application gets where it has none itself.

    A frame-ancestors of ours would overrule an X-Frame-Options of the application (CSP Level 3 section 6.4.2.1), which then stands for both.
    """
    found = []
    for number, (name, value) in enumerate(site.headers.items(), 1):
        sources = [name] + ["X-Frame-Options"] * (name.lower() == "content-security-policy")
        said = "".join("${upstream_http_" + source.lower().replace("-", "_") + "}" for source in sources)
        variable = Quoted(f"$ota_proxy_word_{number}_{site_name}")
        found.append(Word(quote(name, ("headers",)), Quoted(f'"{said}"'), variable, quote(value, ("headers", name))))
    return tuple(found)


def _each(values: tuple[str, ...], *key: str) -> tuple[Quoted, ...]:
    return tuple(quote(value, (*key, index)) for index, value in enumerate(values))


def _public(site: Site) -> Public:
    port = "" if site.public_port == 443 else f":{site.public_port}"
    return Public(
        url=quote(site.base_url, ("public_url",)),
        host=Quoted(f"$host{port}"),
        port=site.public_port,
        status=site.redirect.status,
        acme=quote(ACME, ()),
        acme_path=regex("^" + re.escape(ACME)),
        acme_root=quote_path(site.redirect.acme_root, ("redirect", "acme_root")),
    )


def _listen(site: Site, caps: Capabilities) -> Listen:
    return Listen(
        plain=addresses(site, site.listen.http) if site.listen.http else (),
        tls=() if site.tls.offloaded else addresses(site, site.https_port),
        http2=site.http2,
        http2_directive=caps.has("http2_directive"),
    )


def _tls(caps: Capabilities, profile: Profile) -> Tls:
    protocols = [name for name in profile.protocols if name != "TLSv1.3" or caps.has("tls13")]
    if not protocols:
        raise UsageError(
            f"the profile {profile.name} is TLS 1.3 only, and nginx with {caps.tls_library} does not speak it",
            key=("tls", "profile"),
            hint="choose the profile intermediate, or update OpenSSL to 1.1.1 or later",
        )
    groups = [name for name in profile.groups if "MLKEM" not in name or caps.has("mlkem")]
    return Tls(
        protocols=Quoted(" ".join(protocols)),
        ciphers=Quoted(":".join(profile.ciphers)) if profile.ciphers else None,
        groups=Quoted(":".join(groups)),
        tickets=caps.has("ticket_rotation"),
    )


def _log(site: Site) -> Log:
    access, error = site.log.access, site.log.error
    return Log(
        access=quote_path(access, ("log", "access")) if isinstance(access, str) else None,
        access_off=access is False,
        error=quote_path(error, ("log", "error")) if error else None,
        level=Quoted(site.log.level),
    )


def _main(site: Site, caps: Capabilities) -> Main:
    numbers = limits(site)
    return Main(
        connections=numbers.connections,
        files=numbers.files,
        devices=site.expected_devices,
        name_bucket=name_bucket(site),
        variable_bucket=variable_bucket(site),
        user=quote(caps.layout.user, ()) if caps.layout.user else None,
        pid=quote_path(caps.layout.pid, ()),
        mime_types=quote_path(caps.layout.folder + "/mime.types", ()),
        error_log=quote_path(caps.layout.log + "/error.log", ()),
        access_log=quote_path(caps.layout.log + "/access.log", ()),
    )
