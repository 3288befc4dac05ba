"""How a site is laid out on IIS, and the words for changing applicationHost.config that setup.ps1 understands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.iis.quote import PsValue, ps_call, windows_path
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Site
from ota_proxy.site.names import VirtualHost

SITES = "system.applicationHost/sites"
POOLS = "system.applicationHost/applicationPools"
_POOL_LIMIT = 64  # longest application pool name


@dataclass(frozen=True, slots=True)
class Step:
    """One group of commands with its title and the reason for it."""

    title: str
    why: tuple[str, ...]
    calls: tuple[Quoted, ...]


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
        """Name of the site for http, or nothing where one site does both."""
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


def add_element(what: str, section: str, key: dict[str, PsValue], **rest: PsValue) -> Quoted:
    """Return the command that adds the entry `key` of a collection, and sets what `With` says where it is there already."""
    return ps_call("Add-OtaElement", What=what, Section=section, Key=key, **rest)


def set_attribute(what: str, section: str, name: str, value: PsValue, **rest: PsValue) -> Quoted:
    """Return the command that sets one attribute of a section, or of the element that `Steps` lead to.

    With `Here` it is written into the `Location` itself, even where the one around it says the same now.
    """
    return ps_call("Set-OtaAttribute", What=what, Section=section, Name=name, Value=value, **rest)


def within(*names: dict[str, PsValue]) -> list[PsValue]:
    """Return the steps into nested collections, one entry after the other, such as a site and its application."""
    return [{"In": "", "Key": name} for name in names]
