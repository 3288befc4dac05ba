"""The site as a tree of frozen, validated values. Field descriptions are the documentation of `ota-proxy.toml`."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import BeforeValidator, Field, model_validator

from ota_proxy.errors import Key
from ota_proxy.site.checks import CHECKS
from ota_proxy.site.features import Auth, ClientCertificates, Cors, ErrorPages, Limits
from ota_proxy.site.names import VirtualHost, virtual_hosts
from ota_proxy.site.networks import Network, TrustedNetwork
from ota_proxy.site.response import Access, Cache, Hsts, Part
from ota_proxy.site.values import (
    Domain,
    Extension,
    FilePath,
    HeaderName,
    HeaderValue,
    MediaType,
    PartError,
    PublicUrl,
    Size,
    Upstream,
    UpstreamUrl,
    UrlPrefix,
    parse_upstream,
)

MAX_BODY = 1 << 30
"""Bytes of an upload where `max_body` says nothing: more than a build has, less than a disk; httpd's own default since 2.4.54."""
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]


def _only_false(value: object) -> object:
    if value is not False:
        raise ValueError("must be a value or false; true has no meaning here")
    return value


Off = Annotated[Literal[False], BeforeValidator(_only_false)]
"""The word `false`, where a value can be switched off; unlike Literal[False] it does not take a 0."""


class Location(Part):
    """One URL prefix: a folder (`root`) or an application behind the server (`upstream`), exactly one of the two."""

    path: UrlPrefix = Field(
        "/",
        description="URL prefix, from slash to slash, as it is read or percent-encoded (/my apps/, /my%20apps/); /ota/app.ipa of the location /ota/ is ROOT/app.ipa.",
    )
    root: FilePath | None = Field(None, description="Folder with the files of this location.")
    upstream: UpstreamUrl | None = Field(
        None,
        description="http://host:port, https://host:port (verified) or unix:/path.sock; it gets the path unchanged.",
    )
    upstream_ca: FilePath | None = Field(
        None, description="CA file that vouches for an https upstream; without it the system's own CA bundle."
    )
    upstream_name: Domain | None = Field(
        None, description="Name in the https upstream's certificate, if it is not the upstream's host."
    )
    websocket: bool = Field(
        False,
        description="Pass requests to switch to WebSocket on to the upstream; without it the application answers them as plain requests.",
    )
    max_body: Size | Off | None = Field(
        None,
        description="Largest upload (request body) of this upstream, else 413: bytes, or a number with K, M or G of 1024 each"
        ' ("500M"); false: no limit; default: 1G.',
    )
    read_timeout: int | None = Field(
        None,
        ge=1,
        le=86_400,
        strict=True,
        description="Seconds that the upstream may be silent before 504, on an open WebSocket too; default: 60, on IIS its own 120.",
    )

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        if (self.root is None) == (self.upstream is None):
            raise PartError(
                f"the location {self.path} needs exactly one of root (a folder) and upstream (an application)",
                *(("upstream",) if self.upstream else ()),
            )
        for key, given in (
            ("websocket", self.websocket),
            ("max_body", self.max_body is not None),
            ("read_timeout", self.read_timeout is not None),
        ):
            if given and self.upstream is None:
                raise PartError(f"{key} is about an upstream, and the location {self.path} is a folder", key)
        https = self.upstream is not None and self.upstream.startswith("https:")
        if not https and (self.upstream_ca or self.upstream_name):
            raise PartError(
                f"the location {self.path} has upstream_ca or upstream_name, but its upstream is not https",
                "upstream_ca" if self.upstream_ca else "upstream_name",
            )
        return self

    @property
    def url_path(self) -> str:
        """The prefix as it stands in a URL, percent-encoded where it must be."""
        return quote(self.path, safe="/._~@+,=:!-")

    @property
    def body_limit(self) -> int:
        """Bytes of the largest upload; 0 for no limit."""
        return MAX_BODY if self.max_body is None else int(self.max_body)

    @property
    def target(self) -> Upstream | None:
        """The upstream in parts, or None for a folder."""
        return parse_upstream(self.upstream) if self.upstream else None


class Certificate(Part):
    """One leaf with its chain, and its key; give an RSA and an ECDSA one side by side if you need both."""

    cert: FilePath = Field(description="PEM file: the leaf first, then every intermediate.")
    key: FilePath = Field(description="PEM file of the private key, readable by root only.")
    domains: tuple[Domain, ...] = Field(
        (),
        description="Names that use this certificate; default: with several certificates, the names in their files if these can be read, else all names that no other one claims.",
    )


class Tls(Part):
    """What the server speaks to devices."""

    profile: Literal["intermediate", "modern"] = Field(
        "intermediate", description="Profile of the server-side TLS guideline 6.0; modern is TLS 1.3 only."
    )
    offloaded: bool = Field(
        False,
        description="TLS is terminated by a proxy in front of this server (see trusted_proxies); this server has one plain listener, listen.http.",
    )


class Listen(Part):
    """Where the server listens; what devices see is public_url."""

    http: Port | Off = Field(
        80, description="Port that redirects to https; false: none. With tls.offloaded, the only port."
    )
    https: Port | None = Field(None, description="TLS port; default: the port of public_url.")
    addresses: tuple[Network, ...] = Field((), description="Addresses to listen on; default: all.")
    ipv6: bool = Field(True, description="Listen on IPv6 too (only if addresses is not given).")
    proxy_protocol: bool = Field(
        False,
        description="Every connection begins with a PROXY header (version 1 or 2), accepted from trusted_proxies only.",
    )

    @model_validator(mode="after")
    def _single_addresses(self) -> Self:
        for index, address in enumerate(self.addresses):
            if not address.endswith(("/32", "/128")):
                text = f"listen.addresses has the network {address}; a server listens on single addresses"
                raise PartError(text, "addresses", index)
        return self

    @property
    def hosts(self) -> tuple[str, ...]:
        """The listening addresses without their /32 or /128; empty means all."""
        return tuple(address.rsplit("/", 1)[0] for address in self.addresses)


class Redirect(Part):
    """From http to https, path and query kept byte for byte."""

    status: Literal[301, 308] = Field(308, description="308 keeps the method, 301 is older.")
    acme_root: FilePath = Field(
        "/var/www/acme",
        description="Folder whose /.well-known/acme-challenge/ is served over http, exempt from the redirect.",
    )


class Log(Part):
    """Log files; the level is the server's own word for it."""

    access: FilePath | Off | None = Field(None, description="Access log file; default: the server's; false: none.")
    error: FilePath | None = Field(None, description="Error log file; default: the server's.")
    level: Literal["warn", "error", "info"] = Field("warn", description="Lowest severity in the error log.")


DEFAULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Robots-Tag": "noindex",
}


class Site(Part):
    """What is hosted, where, and for whom."""

    domains: tuple[Domain, ...] = Field(
        min_length=1, description="Names of the site; the first is canonical, *.example.com is an alias."
    )
    public_url: PublicUrl | None = Field(
        None, description="Scheme, host and port as the device sees them; default: https:// and the first domain."
    )
    listen: Listen = Field(Listen(), description="Ports and addresses of this server.")
    locations: tuple[Location, ...] = Field(min_length=1, description="What is served under which prefix.")
    certificates: tuple[Certificate, ...] = Field(
        (), description="One for all names, or several: for one name at most one RSA and one ECDSA certificate."
    )
    tls: Tls = Field(Tls(), description="TLS policy.")
    redirect: Redirect = Field(Redirect(), description="The redirect from http to https.")
    hsts: Hsts = Field(Hsts(), description="Strict-Transport-Security.")
    trusted_proxies: tuple[TrustedNetwork, ...] = Field(
        (),
        description="Proxies in front of this server that are trusted, whether TLS ends there or here: the first entry of X-Forwarded-Proto says how the device came"
        " (https is served, http is redirected), X-Forwarded-For (or a PROXY header) which device it is. Headers from anybody else are ignored.",
    )
    media_types: dict[Extension, MediaType] = Field(
        {}, description="Your own, in addition to (or instead of) the OTA set."
    )
    cache: Cache = Field(Cache(), description="Cache rules by kind of file.")
    headers: dict[HeaderName, HeaderValue] = Field(
        DEFAULT_HEADERS,
        description="Security headers of every answer; an application's own are kept if it sends them. Replaces the default set.",
    )
    access: Access = Field(Access(), description="Access by network.")
    auth: Auth = Field(Auth(), description="A password on the landing page.")
    limits: Limits = Field(Limits(), description="Requests for pages from one address.")
    cors: Cors = Field(Cors(), description="Scripts of other sites.")
    client_certificates: ClientCertificates = Field(
        ClientCertificates(), description="Locations that require a client certificate."
    )
    error_pages: ErrorPages = Field(ErrorPages(), description="Error pages of your own.")
    http2: bool = Field(True, description="Offer HTTP/2.")
    http3: bool = Field(
        False, description="Offer HTTP/3 too (nginx from 1.25.0 with its module); it needs the UDP port open."
    )
    unknown_hosts: Literal["refuse", "ignore"] = Field(
        "refuse",
        description="What a request for an unknown host gets: refuse claims the default server of these ports, ignore leaves it alone.",
    )
    log: Log = Field(Log(), description="Logs.")
    expected_devices: int = Field(
        1000,
        ge=1,
        le=30_000,
        strict=True,
        description="Phones that download at the same time; sizes the server's limits.",
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for check in CHECKS:
            check(self)
        return self

    @property
    def domain(self) -> str:
        """The canonical name."""
        return self.domains[0]

    @property
    def base_url(self) -> str:
        """Scheme, host and port as the device sees them, without a slash at the end."""
        return self.public_url or f"https://{self.domain}"

    @property
    def public_host(self) -> str:
        """The host of the public URL."""
        return urlsplit(self.base_url).hostname or self.domain

    @property
    def public_port(self) -> int:
        """The port of the public URL."""
        return urlsplit(self.base_url).port or 443

    @property
    def https_port(self) -> int:
        """The port TLS is spoken on."""
        return self.listen.https or self.public_port

    def key_of(self, location: Location, *part: str) -> Key:
        """Return the key of a location of this site, or of a part of it."""
        return ("locations", self.locations.index(location), *part)

    @property
    def virtual_hosts(self) -> tuple[VirtualHost, ...]:
        """The names by what they are shown: one virtual host for every set of certificates, the canonical name in the first."""
        return virtual_hosts(self.domains, [certificate.domains for certificate in self.certificates])

    @property
    def static(self) -> tuple[Location, ...]:
        """The locations that are folders."""
        return tuple(location for location in self.locations if location.root is not None)

    @property
    def proxied(self) -> tuple[Location, ...]:
        """The locations that are applications."""
        return tuple(location for location in self.locations if location.upstream is not None)
