"""The server level: the built-in defaults of IIS 10, an applicationHost.config over them or in their place, and its sites with bindings and folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ota_proxy import numbers
from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import resolve
from ota_proxy.reading import read_file
from ota_proxy.servers.iis import defaults
from ota_proxy.servers.iis.node import Node
from ota_proxy.servers.iis.schema import machine, table
from ota_proxy.servers.iis.schema.model import Section
from ota_proxy.servers.iis.sections import Layout, Placement, built_in, declarations, lay_out, registered
from ota_proxy.servers.iis.state import Key, Server, State, apply_file
from ota_proxy.servers.iis.syntax import Document, read
from ota_proxy.servers.iis.violations import Violation


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding. `information` is `address:port:host`; `certificate` the hash where a file names one (IIS keeps it elsewhere)."""

    protocol: str
    information: str
    ssl_flags: int = 0
    certificate: str = ""

    @property
    def port(self) -> int | None:
        """The port, None if the information is not valid."""
        return numbers.port(self.information.rpartition(":")[0].rpartition(":")[2])

    @property
    def host(self) -> str:
        """The host name, empty for any."""
        return self.information.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Directory:
    """A virtual directory: its URL path from the site's root (`/`, `/ota`), its folder as written, and whether a web.config below it counts."""

    path: str
    physical: str
    application: bool
    deep: bool


@dataclass(frozen=True, slots=True)
class Site:
    """One site; `hsts` has the defaults of siteDefaults applied, `node` is the whole entry."""

    name: str
    id: int
    bindings: tuple[Binding, ...]
    hsts: Node
    physical_path: str
    directories: tuple[Directory, ...]
    node: Node


def read_sites(section: Node) -> tuple[Site, ...]:
    """Return the sites of `system.applicationHost/sites`."""
    return tuple(_site(one) for one in section.entries("site"))


def _site(node: Node) -> Site:
    directories = tuple(
        _directory(application, one) for application in node.entries("application") for one in application.entries()
    )
    return Site(
        name=node.text("name"),
        id=node.number("id"),
        bindings=tuple(_binding(one) for one in node.child("bindings").entries()),
        hsts=node.child("hsts"),
        physical_path=next((one.physical for one in directories if one.path == "/"), ""),
        directories=directories,
        node=node,
    )


def _binding(node: Node) -> Binding:
    return Binding(
        protocol=node.text("protocol"),
        information=node.text("bindingInformation"),
        ssl_flags=node.number("sslFlags"),
        certificate=node.text("certificateHash"),
    )


def _directory(application: Node, node: Node) -> Directory:
    above, own = application.text("path").rstrip("/"), node.text("path")
    path = f"{above}{own if own != '/' else ''}" or "/"
    return Directory(path, node.text("physicalPath"), own in {"/", ""}, node.flag("allowSubDirConfig"))


DEFAULT_SITE = "Default Web Site"
SITES = "system.applicationHost/sites"
_LISTS = ("system.webServer/globalModules", "system.webServer/modules")


@dataclass(frozen=True, slots=True)
class Base:
    """The state of the server and its sites; where it has none, the one site of a fresh IIS."""

    state: State
    sites: tuple[Site, ...]


def module_names(names: Iterable[str]) -> frozenset[str]:
    """Return module names as globalModules has them; `rewrite` and `arr` stand for theirs."""
    aliases: Mapping[str, list[str]] = table.known()["aliases"]
    return frozenset(one for name in names for one in aliases.get(name, [name]))


def load(apphost: Path | None, without: Iterable[str], windows: str, schema_dir: Path | None) -> Base:
    """Read the server level; UsageError for an unknown Windows, and for a file or folder that cannot be read."""
    gone, has = module_names(without), resolve("iis", windows).has
    extra: Mapping[str, Section] = machine.sections(schema_dir) if schema_dir else {}
    document, violation = _document(apphost)
    declared = declarations(document) if document else None
    registry = built_in(gone, extra) if declared is None else registered(declared, gone, extra)
    state = State(Server(registry, str(apphost or defaults.FILE), has, gone))
    if declared is None:
        _apply_defaults(state)
    if violation is not None:
        state.refused.append(violation)
    if document is not None:
        state.documents.append(document)
        state.levels = ()
        apply_file(state, lay_out(document, registry, declares=declared is not None))
    _without_modules(state, gone)
    return _with_sites(state)


def _document(path: Path | None) -> tuple[Document | None, Violation | None]:
    if path is None:
        return None, None
    try:
        return read(read_file(path), str(path)), None
    except Violation as violation:
        return None, violation
    except OSError as error:
        raise UsageError(
            f"applicationHost.config cannot be read: {error.strerror}", place=f"--apphost {path}"
        ) from None


def _apply_defaults(state: State) -> None:
    """Lay the defaults down at level 0, as if they stood in applicationHost.config."""
    layout = Layout(defaults.FILE)
    layout.placements[()] = [
        Placement(name, (), element)
        for name, element in defaults.elements().items()
        if name in state.server.registry.sections
    ]
    apply_file(state, layout)


def _without_modules(state: State, without: frozenset[str]) -> None:
    """Take modules that are said not to be installed out of the lists."""
    for name in _LISTS:
        node = state.sections.get(name)
        if node is None or not without:
            continue
        kept = {key: one for key, one in node.members.items() if one.get("name") not in without}
        state.sections[name] = replace(node, members=kept)


def _with_sites(state: State) -> Base:
    node = state.sections.get(SITES)
    sites = (read_sites(node) if node else ()) or (_default_site(state),)
    applications: set[Key] = {(sites[0].name.lower(),)}
    for one in sites[0].directories:
        if one.application:
            applications.add(
                (sites[0].name.lower(), *one.path.lower().strip("/").split("/")) if one.path != "/" else ()
            )
    state.server = replace(state.server, applications=frozenset(applications - {()}))
    return Base(state, sites)


def _default_site(state: State) -> Site:
    shape = table.sections()[SITES].shape
    assert shape.collection is not None  # noqa: S101 - our own table: sites is a collection
    site = Node(shape.collection.add["site"], "site")
    defaults_ = state.sections.get(SITES)
    if defaults_ is not None:
        site = replace(site, fallback=defaults_.child("siteDefaults"))
    return Site(DEFAULT_SITE, 1, (Binding("http", "*:80:"),), site.child("hsts"), "", (), site)
