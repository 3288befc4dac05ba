"""Turns a site into what Apache's templates print: frozen values of `Quoted` tokens, integers and booleans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.server_values import Capacity
from ota_proxy.policy.server_values import apache_capacity as capacity
from ota_proxy.policy.server_values import apache_section as section
from ota_proxy.servers.apache import quote
from ota_proxy.servers.apache.features import Features, features
from ota_proxy.servers.apache.hosts import Hosts, hosts
from ota_proxy.servers.apache.locations import Locations, locations
from ota_proxy.servers.apache.notes import listens, needed_modules
from ota_proxy.servers.rendered import Scope
from ota_proxy.servers.shared import proxy_believed
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Site

_ERROR = "%{REQUEST_STATUS} -ge 300 && %{REQUEST_STATUS} -ne 304"
"""Answers that Apache makes from the table `always` alone: redirects and errors."""


@dataclass(frozen=True, slots=True)
class Hsts:
    """The value of Strict-Transport-Security, with the conditions under which it is sent or taken away."""

    value: Quoted
    condition: Quoted
    silent: Quoted
    error: Quoted
    proxied: Quoted


@dataclass(frozen=True, slots=True)
class Module:
    """A module and its file."""

    name: Quoted
    file: Quoted


@dataclass(frozen=True, slots=True)
class Listen:
    """What Listen takes, and whether TLS is spoken there."""

    place: Quoted
    tls: bool


@dataclass(frozen=True, slots=True)
class Full:
    """What a whole httpd.conf has beside its sites."""

    server_root: Quoted
    pid: Quoted
    mime: Quoted
    user: Quoted
    runtime: Quoted
    main_name: Quoted
    main_error: Quoted
    main_access: Quoted
    main_level: Quoted
    modules: tuple[Module, ...]
    modules_where_present: tuple[Module, ...]
    listens: tuple[Listen, ...]
    devices: int
    limits: Capacity
    session_cache: bool
    sni_policy: bool


@dataclass(frozen=True, slots=True)
class View:
    """Everything the templates print. `hosts` is None for a snippet, `full` for anything but a whole httpd.conf."""

    snippet: bool
    offloaded: bool
    proxy_believed: bool
    proxies: bool
    read_buffer: bool
    handshake_timeout: bool
    buffers: Mapping[str, int]
    times: Mapping[str, Quoted | int]
    hsts: Hsts | None
    locations: Locations
    features: Features
    hosts: Hosts | None
    full: Full | None


def view(site: Site, caps: Capabilities, scope: Scope, neighbours: Sequence[str] = ()) -> View:
    """Return everything the template of `scope` needs; UsageError for a value Apache cannot take.

    `neighbours` are the names of the other sites beside this one.
    """
    times = section("timeouts")
    return View(
        snippet=scope == "snippet",
        offloaded=site.tls.offloaded,
        proxy_believed=proxy_believed(site),
        proxies=bool(site.proxied),
        read_buffer=caps.has("read_buffer"),
        handshake_timeout=caps.has("handshake_timeout"),
        buffers=section("buffers"),
        times={name: value if isinstance(value, int) else Quoted(value) for name, value in times.items()},
        hsts=hsts_of(site),
        locations=locations(site, caps, scope),
        features=features(site, scope),
        hosts=hosts(site, caps, neighbours) if scope != "snippet" else None,
        full=full(site, caps) if scope == "full" else None,
    )


def hsts_of(site: Site) -> Hsts | None:
    """Return what is sent of Strict-Transport-Security; None if it is not sent."""
    if site.tls.offloaded or not site.hsts.enabled:
        return None
    return Hsts(
        value=quote.header_value(site.hsts.value, ("hsts",)),
        condition=quote.argument("expr=%{HTTPS} == 'on'", ("hsts",)),
        # The table `onsuccess` is written after `always`, and %{resp:…} looks into both.
        silent=quote.argument("expr=%{HTTPS} == 'on' && %{resp:Strict-Transport-Security} == ''", ("hsts",)),
        error=quote.argument(f"expr=%{{HTTPS}} == 'on' && {_ERROR}", ("hsts",)),
        proxied=quote.argument("expr=%{HANDLER} == 'proxy-server'", ("hsts",)),
    )


def full(site: Site, caps: Capabilities) -> Full:
    """Return what a whole httpd.conf has beside the site."""
    layout, needed = caps.layout, needed_modules(site, "full")
    return Full(
        server_root=quote.path(layout.folder, ()),
        pid=quote.path(layout.pid, ()),
        mime=quote.path(layout.mime_types, ()),
        user=quote.word(layout.user, ()),
        runtime=quote.path(layout.pid.rpartition("/")[0] or "/", ()),
        main_name=quote.word(site.domain, ("domains",)),
        main_error=quote.path(f"{layout.log}/error.log", ()),
        main_access=quote.path(f"{layout.log}/access.log", ()),
        main_level=Quoted(site.log.level),
        modules=tuple(_module(name, caps) for name in needed),
        modules_where_present=tuple(_module(name, caps) for name in section("modules")["where_present"]),
        listens=tuple(Listen(Quoted(place), tls) for place, tls in listens(site)),
        devices=site.expected_devices,
        limits=capacity(site.expected_devices),
        session_cache="ssl" in needed,
        sni_policy=caps.has("sni_policy") and not site.tls.offloaded,
    )


def _module(name: str, caps: Capabilities) -> Module:
    return Module(Quoted(f"{name}_module"), quote.path(f"{caps.layout.modules}/mod_{name}.so", ()))
