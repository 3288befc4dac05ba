"""How a site is laid out on IIS: its name there, a second site where there has to be one, folders, certificates."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.iis.quote import Call, windows_path
from ota_proxy.site import Site
from ota_proxy.site.names import VirtualHost

_POOL_LIMIT = 64  # longest application pool name


@dataclass(frozen=True, slots=True)
class Step:
    """One group of commands with its title and the reason for it."""

    title: str
    why: tuple[str, ...]
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How this site is laid out on IIS; `second_site` is the http-only site that redirects where URL Rewrite is not there."""

    site: Site
    caps: Capabilities
    native_hsts: bool
    rewrite: bool

    @property
    def name(self) -> str:
        """The IIS site's name, its application pool's too: the canonical domain, shortened where a pool's name cannot hold it."""
        domain = self.site.domain
        if len(domain) + len(" http") <= _POOL_LIMIT:
            return domain
        return f"{domain[:45]}-{hashlib.sha256(domain.encode()).hexdigest()[:8]}"

    @property
    def second_site(self) -> str:
        """Name of the site for http, or nothing if one site does both."""
        redirects = not self.rewrite and not self.site.tls.offloaded and self.site.listen.http
        return f"{self.name} http" if redirects else ""

    @property
    def shown(self) -> tuple[VirtualHost, ...]:
        """The names by the one certificate that a binding can have: the first of each virtual host's, each certificate once."""
        names: dict[int, tuple[str, ...]] = {}
        for host in self.site.virtual_hosts:
            for first in host.certificates[:1]:
                names[first] = (*names.get(first, ()), *host.domains)
        return tuple(VirtualHost(domains, (index,)) for index, domains in names.items())

    @property
    def root(self) -> str:
        """Physical path of the site: the root of the location /, else a folder that has only web.config in it."""
        for location in self.site.static:
            if location.path == "/":
                return windows_path(location.root or "", self.site.key_of(location, "root"))
        return self.folder(self.name)

    def folder(self, name: str) -> str:
        """Return the path of a folder of our own."""
        return f"%SystemDrive%\\inetpub\\ota-proxy\\{name}"
