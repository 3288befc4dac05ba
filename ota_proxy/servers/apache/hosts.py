"""Virtual hosts of Apache: names, in an order in which the right one is the first that fits, certificates, TLS, logs, redirects."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ota_proxy.addresses import bracketed
from ota_proxy.policy import guideline
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.server_values import apache_section as section
from ota_proxy.servers.apache import quote
from ota_proxy.servers.apache.locations import networks, outside
from ota_proxy.servers.shared import ACME, PLAIN, SECURE, claimed, proxy_believed
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Site
from ota_proxy.site.names import VirtualHost, host_of, taken


@dataclass(frozen=True, slots=True)
class Tls:
    """The TLS policy in OpenSSL's words."""

    profile: Quoted
    protocols: Quoted
    ciphers: Quoted
    suites: Quoted | None
    groups: Quoted


@dataclass(frozen=True, slots=True)
class Log:
    """Log files, None for the server's own; the level is None if the site leaves it to the server."""

    access: Quoted | None
    error: Quoted | None
    format: Quoted
    level: Quoted | None


@dataclass(frozen=True, slots=True)
class Names:
    """Regular expressions that know names in Host and SNI, and their opposites."""

    host_ours: Quoted
    host_foreign: Quoted
    name_ours: Quoted
    name_foreign: Quoted


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    cert: Quoted
    key: Quoted


@dataclass(frozen=True, slots=True)
class TlsHost:
    """A virtual host that speaks TLS: its names, its certificates, and the names its wildcard covers that are another's."""

    name: Quoted
    aliases: Quoted
    pairs: tuple[Pair, ...]
    names: Names
    taken: Quoted | None


@dataclass(frozen=True, slots=True)
class Plain:
    """The virtual host that speaks http."""

    addresses: Quoted
    name: Quoted


@dataclass(frozen=True, slots=True)
class Challenge:
    """Where ACME challenges lie."""

    prefix: Quoted
    folder: Quoted
    directory: Quoted


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where requests go that came over http."""

    status: int
    target: Quoted


@dataclass(frozen=True, slots=True)
class Hosts:
    """What virtual hosts have beside the locations; `https_hosts` is empty with TLS offloaded, `http` None without a plain listener.

    `said_plain` and `not_secure` are conditions on what a trusted proxy says of the device's connection.
    """

    http: Plain | None
    https_addresses: Quoted
    https_hosts: tuple[TlsHost, ...]
    aliases: Quoted
    refuse: bool
    host_foreign: Quoted
    redirect: Redirect
    acme: Challenge
    acme_match: Quoted
    acme_here: bool
    trusted: Quoted | None
    not_secure: Quoted
    said_plain: Quoted
    tls: Tls | None
    http2: bool
    log: Log
    outside: Quoted | None


def tls_of(site: Site, caps: Capabilities) -> Tls:
    """Return the TLS policy in OpenSSL's words."""
    profile = guideline.profile(site.tls.profile)
    protocols = [name for name in profile.protocols if name != "TLSv1.3" or caps.has("tls13")]
    groups = [name for name in profile.groups if name != "X25519MLKEM768" or caps.has("mlkem")]
    new_suites = caps.has("tls13") and caps.has("cipher_suite_tls13")
    return Tls(
        profile=Quoted(f"{profile.version} {profile.name}"),
        protocols=Quoted(" ".join(f"+{name}" for name in protocols)),
        ciphers=Quoted(":".join(profile.ciphers)),
        suites=Quoted(":".join(profile.suites_tls13)) if new_suites else None,
        groups=Quoted(":".join(groups)),
    )


def log_of(site: Site) -> Log:
    """Return the log files and the level."""
    off = site.log.access is False
    path = quote.path(site.log.access, ("log", "access")) if isinstance(site.log.access, str) else None
    return Log(
        access=Quoted('"/dev/null"') if off else path,
        error=quote.path(site.log.error, ("log", "error")) if site.log.error else None,
        format=quote.argument(section("log")["format"], ("log", "access")),
        level=Quoted(site.log.level) if site.log.level != _LEVEL else None,
    )


_LEVEL = Site.model_fields["log"].default.level


def hosts(site: Site, caps: Capabilities, neighbours: Sequence[str]) -> Hosts:
    """Return what virtual hosts have; `neighbours` are the names of the other sites beside this one."""
    own_tls = not site.tls.offloaded
    return Hosts(
        http=_plain(site),
        https_addresses=addresses(site, site.https_port),
        https_hosts=tuple(tls_host(site, host, neighbours) for host in in_order(site.virtual_hosts)) if own_tls else (),
        aliases=_aliases(site, site.domains[1:]),
        refuse=site.unknown_hosts == "refuse",
        host_foreign=_names(dict.fromkeys((*site.domains, site.public_host))).host_foreign,
        redirect=Redirect(site.redirect.status, quote.argument(f"{site.base_url}%1", ("public_url",))),
        acme=_challenge(site),
        acme_match=quote.argument("^" + quote.regex(ACME), ("redirect", "acme_root")),
        acme_here=bool(site.listen.http and proxy_believed(site)) and not claimed(site),
        trusted=networks(site.trusted_proxies, "trusted_proxies"),
        not_secure=quote.argument(f"!({_said(site, SECURE)})", ("trusted_proxies",)),
        said_plain=quote.argument(_said(site, PLAIN), ("trusted_proxies",)),
        tls=tls_of(site, caps) if own_tls else None,
        http2=site.http2,
        log=log_of(site),
        outside=outside(site),
    )


def _plain(site: Site) -> Plain | None:
    """Return the plain virtual host; behind a proxy its name carries the scheme, so that Apache's own redirects say https."""
    if site.listen.http is False:
        return None
    name = site.base_url if proxy_believed(site) else f"{site.domain}:{site.listen.http}"
    return Plain(addresses(site, site.listen.http), quote.word(name, ("domains",)))


def addresses(site: Site, port: int) -> Quoted:
    """Return the addresses of a virtual host of this port."""
    hosts = [bracketed(host) for host in site.listen.hosts] or ["*"]
    return Quoted(" ".join(f"{host}:{port}" for host in hosts))


def in_order(hosts: Sequence[VirtualHost]) -> list[VirtualHost]:
    """Put plain names before wildcards, and the deeper wildcard first: Apache takes the first virtual host that fits."""
    if len(hosts) == 1:
        return list(hosts)
    parts: dict[tuple[int, int], VirtualHost] = {}
    for index, host in enumerate(hosts):
        for name in host.domains:
            depth = name.count(".") if name.startswith("*.") else sys.maxsize
            known = parts.get((depth, index), VirtualHost((), host.certificates))
            parts[depth, index] = VirtualHost((*known.domains, name), host.certificates)
    return [parts[key] for key in sorted(parts, key=lambda key: (-key[0], key[1]))]


def tls_host(site: Site, host: VirtualHost, neighbours: Sequence[str]) -> TlsHost:
    """Return what the template prints of one TLS virtual host."""
    public = host_of(site.virtual_hosts, site.public_host)
    more = (site.public_host,) if public and public.certificates == host.certificates else ()
    others = taken(site.virtual_hosts, host, neighbours)
    first = host.domains[0].replace("*", "wildcard")  # ServerName takes no pattern
    return TlsHost(
        name=quote.word(f"{first}:{site.public_port}", ("domains",)),
        aliases=_aliases(site, host.domains if host.domains[0].startswith("*.") else host.domains[1:]),
        pairs=pairs_of(site, host),
        names=_names(dict.fromkeys((*host.domains, *more))),
        taken=quote.argument(f"^(?:{quote.hosts(others)})$", ("domains",)) if others else None,
    )


def pairs_of(site: Site, host: VirtualHost) -> tuple[Pair, ...]:
    """Return the certificates of a virtual host."""
    return tuple(
        Pair(
            quote.path(site.certificates[index].cert, ("certificates", index, "cert")),
            quote.path(site.certificates[index].key, ("certificates", index, "key")),
        )
        for index in host.certificates
    )


def _aliases(site: Site, names: Sequence[str]) -> Quoted:
    return Quoted(" ".join(quote.word(name, ("domains", site.domains.index(name))) for name in names))


def _names(names: Iterable[str]) -> Names:
    ours = quote.hosts(names)
    host, name = f"^(?:{ours})[.]?(?::[0-9]+)?$", f"^(?:{ours})$"
    return Names(
        host_ours=quote.argument(host, ("domains",)),
        host_foreign=quote.argument("!" + host, ("domains",)),
        name_ours=quote.argument(name, ("domains",)),
        name_foreign=quote.argument(f"!^(?:{ours})?$", ("domains",)),
    )


def _challenge(site: Site) -> Challenge:
    folder, key = site.redirect.acme_root.rstrip("/") + ACME.rstrip("/"), ("redirect", "acme_root")
    return Challenge(quote.location(ACME, key), quote.folder(folder, key), quote.directory(folder, key))


def _said(site: Site, schemes: str) -> str:
    """Return the expression "a trusted proxy says that the device came by one of `schemes`": the first entry, empty ones left out."""
    peers = " || ".join(f"%{{CONN_REMOTE_ADDR}} -ipmatch '{network}'" for network in site.trusted_proxies) or "false"
    first = f"^[,[:blank:]]*(?:{schemes})[[:blank:]]*(?:,|$)"
    return f"({peers}) && %{{HTTP:X-Forwarded-Proto}} =~ m#{first}#i"
