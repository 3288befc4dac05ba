"""Turns a configuration into what the emulator runs: settings for every URL that some file speaks of, and for the site.

All of it is made before the first request, so that what is not modelled ends the start and never a request.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ota_proxy.iis_emulator import modelled, read_rules
from ota_proxy.iis_emulator import read_sections as read_access
from ota_proxy.iis_emulator import read_sections as read_static
from ota_proxy.iis_emulator.compress import CompressionSettings
from ota_proxy.iis_emulator.guards import NetworkSettings, RedirectSettings
from ota_proxy.iis_emulator.modelled import UnmodelledError
from ota_proxy.iis_emulator.pipeline import AccessLog, Pipeline, Refusal
from ota_proxy.iis_emulator.request_routing import ProxySettings, Upstreams
from ota_proxy.iis_emulator.site_folder import Mount, Tree
from ota_proxy.iis_emulator.url_settings import Binding, SiteSettings, UrlSettings
from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.iis.in_force import Configuration, Node
from ota_proxy.servers.iis.server_level import module_names

WEB = "system.webServer/"
_WINDOWS_PATH = re.compile(r"[A-Za-z]:|%|\\\\")
_CERTIFICATE_FLAGS = frozenset(("SslNegotiateCert", "SslRequireCert"))


@dataclass(frozen=True, slots=True)
class Installed:
    """The modules of a server; `everything` that is not named counts as installed where only an overlay is known."""

    names: frozenset[str]
    without: frozenset[str]
    complete: bool

    def has(self, name: str) -> bool:
        """Say whether a module is there."""
        return name not in self.without and (
            name in self.names or (not self.complete and name == "IpRestrictionModule")
        )


def build(  # noqa: PLR0913 - the flags of the command
    configuration: Configuration,
    root: Path,
    log: AccessLog,
    upstreams: Upstreams,
    *,
    without_modules: frozenset[str] = frozenset(),
    windows: str = "2022",
) -> Pipeline:
    """Return a pipeline for the configuration's site; UnmodelledError for what is not modelled."""
    refusals = _refusals(configuration)
    refused = [path for path, refusal in refusals.items() if refusal]
    modelled.check(configuration, refused)
    globally = configuration.server_section(WEB + "globalModules").entries()
    installed = Installed(
        frozenset(one.text("name") for one in globally), module_names(without_modules), configuration.complete
    )
    site = _site(configuration, root, installed)
    reader = _Reader(configuration, installed, hides_server=resolve("iis", windows).has("remove_server_header"))
    settings = {path: reader.at(path) for path in configuration.targets() if path not in refused}
    return Pipeline(
        site,
        settings=lambda path: settings[_nearest(path, settings)],
        refusal=lambda path: refusals[_nearest(path, refusals)],
        log=log,
        upstreams=upstreams,
        asks_for_certificates=any(one.ssl_flags & _CERTIFICATE_FLAGS for one in settings.values()),
    )


def _nearest(path: str, targets: Collection[str]) -> str:
    """Return the longest target that a URL path lies at or below."""
    steps = [step for step in path.lower().split("/") if step]
    for count in range(len(steps), 0, -1):
        candidate = "/" + "/".join(steps[:count])
        if candidate in targets:
            return candidate
    return "/"


def _refusals(configuration: Configuration) -> dict[str, Refusal | None]:
    found: dict[str, Refusal | None] = {}
    for path in configuration.targets():
        violation = configuration.violation(path)
        found[path] = Refusal(violation.hresult, str(violation)) if violation else None
    return found


def _site(configuration: Configuration, root: Path, installed: Installed) -> SiteSettings:
    site = configuration.sites[0]
    rules, proxy = None, ProxySettings()
    if installed.has("RewriteModule"):
        maps = read_rules.rewrite_maps(configuration.server_section(WEB + "rewrite/rewriteMaps"))
        rules = read_rules.inbound(configuration.server_section(WEB + "rewrite/globalRules"), {}, maps, None)
    if installed.has("ApplicationRequestRouting"):
        proxy = read_access.proxy(configuration.server_section(WEB + "proxy"))
    written = bool(site.node.settings)  # a server without sites: the one we run speaks both
    bindings = tuple(Binding(one.protocol == "https", one.host, one.ssl_flags) for one in site.bindings if written)
    application = next(iter(site.node.entries("application")), None)
    return SiteSettings(
        name=site.name,
        id=str(site.id),
        pool=application.text("applicationPool") if application else "",
        bindings=bindings or (Binding(False, ""), Binding(True, "")),
        tree=Tree([Mount("", root), *_mounts(configuration)]),
        hsts=read_access.hsts(site.hsts),
        proxy=proxy,
        global_rules=rules if rules and rules.rules else None,
        most_segments=site.node.child("limits").number("maxUrlSegments"),
    )


def _mounts(configuration: Configuration) -> Iterator[Mount]:
    for one in configuration.sites[0].directories:
        if one.path == "/":
            continue
        if _WINDOWS_PATH.match(one.physical) or not one.physical:
            raise UnmodelledError(
                f"the folder '{one.physical}' of {one.path}", why="it cannot be there on a machine without Windows"
            )
        yield Mount(one.path.rstrip("/"), Path(one.physical))


class _Reader:
    """Reads the settings of one URL after the other."""

    def __init__(self, configuration: Configuration, installed: Installed, *, hides_server: bool) -> None:
        self.configuration, self.installed, self.hides_server = configuration, installed, hides_server
        self.targets: Sequence[str] = configuration.targets()

    def at(self, path: str) -> UrlSettings:
        """Return the settings of a URL path."""

        def section(name: str) -> Node:
            return self.configuration.section(WEB + name, path)

        there = frozenset(
            one.text("name") for one in section("modules").entries() if self.installed.has(one.text("name"))
        )
        filters, protocol = section("security/requestFiltering"), section("httpProtocol")
        files = any("StaticFileModule" in one.text("modules") for one in section("handlers").entries())
        rewrites = "RewriteModule" in there
        maps = read_rules.rewrite_maps(section("rewrite/rewriteMaps")) if rewrites else {}
        ip = self.installed.has("IpRestrictionModule")
        return UrlSettings(
            static=read_static.static(section, there) if files and "StaticFileModule" in there else None,
            filtering=read_access.filtering(filters) if "RequestFilteringModule" in there else None,
            ssl_flags=frozenset(section("security/access").text("sslFlags").replace(" ", "").split(",")),
            networks=read_access.networks(section("security/ipSecurity")) if ip else NetworkSettings(),
            redirect=self._redirect(section("httpRedirect"), path)
            if "HttpRedirectionModule" in there
            else RedirectSettings(),
            errors=read_static.errors(section("httpErrors")) if "CustomErrorModule" in there else None,
            compression=read_static.compression(section, there) if files else CompressionSettings(),
            custom_headers=_headers(protocol, "customHeaders"),
            redirect_headers=_headers(protocol, "redirectHeaders"),
            remove_server=filters.flag("removeServerHeader") and self.hides_server,
            inbound=read_rules.inbound(section("rewrite/rules"), self._bases(path), maps, self._allowed(path))
            if rewrites
            else None,
            outbound=read_rules.outbound(section("rewrite/outboundRules"), maps) if rewrites else None,
        )

    def _allowed(self, path: str) -> frozenset[str]:
        entries = self.configuration.section(WEB + "rewrite/allowedServerVariables", path).entries()
        return frozenset(one.text("name").upper() for one in entries)

    def _levels(self, path: str) -> list[str]:
        """Return the targets on the way to a path, the outermost first."""
        return [one for one in self.targets if one in ("/", path) or path.startswith(one + "/")]

    def _bases(self, path: str) -> dict[str, str]:
        """Return the level each rule stands at, as a URL path with its slash: the outermost at which this very entry is there."""
        found: dict[str, tuple[object, str]] = {}
        for level in self._levels(path):
            for rule in self.configuration.section(WEB + "rewrite/rules", level).entries("rule"):
                name = rule.text("name").lower()
                if name not in found or found[name][0] != rule.span:
                    found[name] = (rule.span, level.rstrip("/") + "/")
        return {name: base for name, (_, base) in found.items()}

    def _redirect(self, section: Node, path: str) -> RedirectSettings:
        wanted = section.where("destination")
        name = WEB + "httpRedirect"
        base = next(
            (one for one in self._levels(path) if self.configuration.section(name, one).where("destination") == wanted),
            "/",
        )
        return read_access.redirect(section, base)


def _headers(protocol: Node, name: str) -> tuple[tuple[str, str], ...]:
    return tuple((one.text("name"), one.text("value")) for one in protocol.child(name).entries())
