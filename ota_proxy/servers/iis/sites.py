"""The sites of an applicationHost.config: names, bindings and folders."""

from __future__ import annotations

from dataclasses import dataclass

from ota_proxy import numbers
from ota_proxy.servers.iis.node import Node


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding. `information` is `address:port:host`; `certificate` the hash where a file names one (IIS keeps it elsewhere)."""

    protocol: str
    information: str
    ssl_flags: int = 0
    certificate: str = ""

    @property
    def port(self) -> int | None:
        """The port, None where the information is not valid."""
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
