"""The server level: the built-in defaults of IIS 10, an applicationHost.config over them or in their place, and its sites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import resolve
from ota_proxy.reading import read_file
from ota_proxy.servers.iis import defaults
from ota_proxy.servers.iis.node import Node
from ota_proxy.servers.iis.schema import machine, table
from ota_proxy.servers.iis.schema.model import Section
from ota_proxy.servers.iis.section_registry import built_in, registered
from ota_proxy.servers.iis.sections import Layout, Placement, declarations, lay_out
from ota_proxy.servers.iis.sites import Binding, Site, read_sites
from ota_proxy.servers.iis.state import Key, Server, State, apply_file
from ota_proxy.servers.iis.syntax import Document, read
from ota_proxy.servers.iis.violations import Violation

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
