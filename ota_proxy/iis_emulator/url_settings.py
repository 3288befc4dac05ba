"""Everything configuration says about one URL and about the site, in plain values."""

from __future__ import annotations

from dataclasses import dataclass

from ota_proxy.iis_emulator.compress import CompressionSettings
from ota_proxy.iis_emulator.error_pages import ErrorSettings
from ota_proxy.iis_emulator.guards import FilterSettings, HstsSettings, NetworkSettings, RedirectSettings
from ota_proxy.iis_emulator.message import Header, Request
from ota_proxy.iis_emulator.request_routing import ProxySettings
from ota_proxy.iis_emulator.rewriting import HeaderRules, RuleSet
from ota_proxy.iis_emulator.site_folder import Tree
from ota_proxy.iis_emulator.static_files import StaticSettings


@dataclass(frozen=True, slots=True)
class UrlSettings:
    """What holds for one URL; None for a module that is not installed."""

    static: StaticSettings | None
    filtering: FilterSettings | None
    ssl_flags: frozenset[str]
    networks: NetworkSettings
    redirect: RedirectSettings
    errors: ErrorSettings | None
    compression: CompressionSettings
    custom_headers: tuple[Header, ...]
    redirect_headers: tuple[Header, ...]
    remove_server: bool
    inbound: RuleSet | None
    outbound: HeaderRules | None


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding: by name (empty: any, `*.` in front: any below), for http or https; `flags` are its sslFlags."""

    secure: bool
    host: str
    flags: int = 0

    @property
    def by_name(self) -> bool:
        """Whether TLS chooses it by the name in the handshake (SNI)."""
        return bool(self.flags & 1)

    def takes(self, host: str) -> bool:
        """Say whether a host name reaches this binding."""
        if not self.host:
            return True
        own = self.host.lower()
        if own.startswith("*."):
            return host.endswith(own[1:]) and len(host) >= len(own)
        return host == own


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """What holds for the whole site."""

    name: str
    id: str
    pool: str
    bindings: tuple[Binding, ...]
    tree: Tree
    hsts: HstsSettings
    proxy: ProxySettings
    global_rules: RuleSet | None
    most_segments: int = 32
    """maxUrlSegments: 404.20 above it."""

    def takes(self, request: Request) -> bool:
        """Say whether one of the bindings is for a request."""
        return any(one.secure == request.secure and one.takes(request.host) for one in self.bindings)
