"""What the emulator does not model: found in the configuration before anything is served, and refused by name instead of guessed.

Silent differences would be worse than none: a setting that could change an answer and is not read here ends the start (exit 3).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ota_proxy.errors import NoVerdictError
from ota_proxy.servers.iis import defaults
from ota_proxy.servers.iis.in_force import Configuration, Node, Site


class UnmodelledError(NoVerdictError):
    """The configuration uses something whose behaviour is not modelled: exit 3, with its name."""

    def __init__(self, what: str, *, place: str = "", why: str = "") -> None:
        reason = why or "the emulator does not model it"
        super().__init__(
            f"{what}: {reason}", place=place, hint="only Windows can tell; leave it out, or test on a real IIS"
        )
        self.construct = what


WEB = "system.webServer/"
_HANDLER_MODULES = frozenset(
    ("ProtocolSupportModule", "StaticFileModule", "DefaultDocumentModule", "DirectoryListingModule")
)
_AUTHENTICATION = {
    "anonymousAuthentication": True,
    "basicAuthentication": False,
    "clientCertificateMappingAuthentication": False,
    "digestAuthentication": False,
    "windowsAuthentication": False,
    "iisClientCertificateMappingAuthentication": False,
}
"""Section → the only value of `enabled` that is modelled."""
_PLAIN_VALUES = {
    "httpProtocol": ("allowKeepAlive",),
    "httpCompression": ("sendCacheHeaders",),
    "httpErrors": ("defaultPath", "defaultResponseMode"),
    "serverRuntime": ("enabled", "alternateHostName", "maxRequestEntityAllowed"),
}
"""Section → attributes that must have their default."""
_PROXY_VALUES = (
    "httpVersion",
    "keepAlive",
    "xForwardedByHeader",
    "clientCertFileName",
    "clientCertHash",
    "proxy",
    "proxyBypass",
    "stealthMode",
    "passConnectionCloseHeader",
)
_NOT_EMPTY = ("rewrite/providers", "isapiFilters", "security/authorization", "security/dynamicIpSecurity")
"""Sections that must not be used."""
_OTHER_MODULES = {"DynamicCompressionModule": "it would compress what applications answer"}


def check(configuration: Configuration, refused: Collection[str]) -> None:
    """Raise UnmodelledError for the first construct that is not modelled; what IIS refuses anyway (`refused` URL paths) does not count."""
    if "/" in refused:
        return
    for what in configuration.unmodelled():
        if what.kind != "foreign":  # .NET's own sections: no module of a plain role reads them
            raise UnmodelledError(what.what, place=f"{what.span.file}:{what.span.line}")
    _server(configuration)
    for path in configuration.targets():
        if path not in refused:
            _at(configuration, path)


def _server(configuration: Configuration) -> None:
    sites = configuration.sites
    if len(sites) > 1:
        raise UnmodelledError(f"{len(sites)} sites", why="the emulator runs exactly one")
    _site(sites[0])
    farms = configuration.server_section("webFarms").entries("webFarm") if _has(configuration, "webFarms") else ()
    for farm in farms:
        raise UnmodelledError(f"webFarms/webFarm {farm.text('name')}", place=_place(farm))
    if _has(configuration, WEB + "proxy"):
        proxy = configuration.server_section(WEB + "proxy")
        for name in _PROXY_VALUES:
            _default(proxy, name)
    for module in configuration.server_section(WEB + "globalModules").entries():
        if module.text("name") in _OTHER_MODULES:
            raise UnmodelledError(f"the module {module.text('name')}", why=_OTHER_MODULES[module.text("name")])


def _has(configuration: Configuration, name: str) -> bool:
    try:
        configuration.server_section(name)
    except KeyError:
        return False
    return True


def _site(site: Site) -> None:
    for binding in site.bindings:
        if binding.protocol not in ("http", "https"):
            raise UnmodelledError(f"the binding {binding.protocol} {binding.information}")
        if binding.port is None:
            raise UnmodelledError(f"the binding '{binding.information}'", why="it is not address:port:host")
        if binding.ssl_flags & 2:
            raise UnmodelledError(
                f"sslFlags {binding.ssl_flags} of a binding", why="the central certificate store is not modelled"
            )
    _default(site.node, "serverAutoStart")
    for name in ("maxBandwidth", "maxConnections"):
        _default(site.node.child("limits"), name)


def _at(configuration: Configuration, path: str) -> None:
    def section(name: str) -> Node:
        return configuration.section(WEB + name, path)

    for name, value in _AUTHENTICATION.items():
        node = section(f"security/authentication/{name}")
        if node.flag("enabled") != value:
            raise UnmodelledError(f"{name}/@enabled {str(not value).lower()}", place=_place(node))
    for name, attributes in _PLAIN_VALUES.items():
        for attribute in attributes:
            _default(section(name), attribute)
    for name in _NOT_EMPTY:
        for node in _used(configuration, name, path):
            raise UnmodelledError(WEB + name, place=_place(node))
    for profile in section("caching").child("profiles").entries():
        raise UnmodelledError("caching/profiles", place=_place(profile))
    _code(section("handlers"), section("modules"))


def _code(handlers: Node, modules: Node) -> None:
    for handler in handlers.entries():
        named = {one.strip() for one in handler.text("modules").split(",")}
        if handler.text("type") or handler.text("scriptProcessor") or not named <= _HANDLER_MODULES:
            raise UnmodelledError(f"the handler {handler.text('name')}", place=_place(handler))
    for module in modules.entries():
        if module.text("type"):
            raise UnmodelledError(f"the managed module {module.text('name')}", place=_place(module))


def _used(configuration: Configuration, name: str, path: str) -> Iterator[Node]:
    try:
        node = configuration.section(WEB + name, path)
    except KeyError:
        return
    yield from (one for one in node.entries() if one.span.file != defaults.FILE)
    yield from (one for one in node.children.values() if any(one.explicit(name) for name in one.shape.attributes))


def _default(node: Node, attribute: str) -> None:
    if node.get(attribute) != node.shape.attributes[attribute].default:
        where = node.where(attribute)
        place = f"{where.file}:{where.line}" if where else ""
        raise UnmodelledError(f"{node.name}/@{attribute} {node.get(attribute)}", place=place)


def _place(node: Node) -> str:
    return f"{node.span.file}:{node.span.line}"
