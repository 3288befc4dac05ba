r"""Carries out what setup.ps1 does to applicationHost.config, from the same commands, as XML for the emulator; and where its folders are here.

Nothing is decided here: each command does to a bare server what the function of this name in OtaProxy.psm1 does, which a test compares;
names of entries come from the schema. `%SystemDrive%\srv\ota` is /srv/ota on this machine, our own folders are in the run's.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from ota_proxy.servers.iis import setup as iis_setup
from ota_proxy.servers.iis.plan import Plan
from ota_proxy.servers.iis.quote import Call, PsValue
from ota_proxy.servers.iis.schema import table
from ota_proxy.servers.iis.schema.model import Element as Shape

Moved = Callable[[str], str]
"""Where a Windows path is on this machine."""
_SITES, _POOLS = "system.applicationHost/sites", "system.applicationHost/applicationPools"
_DRIVE, _OWN = "%SystemDrive%", r"%SystemDrive%\inetpub\ota-proxy"
_Given = Mapping[str, PsValue]
_Steps = list[Mapping[str, PsValue]]


class Places:
    """The folders of one run."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        self._directory, self._plan = directory, plan

    def folder(self, windows: str) -> str:
        """Return the folder of a Windows path that the renderer wrote."""
        inside = windows.removeprefix(_OWN)
        if inside != windows:
            return str(self._directory / "inetpub" / inside.strip("\\").replace("\\", "/"))
        return windows.removeprefix(_DRIVE).replace("\\", "/")

    def site(self, name: str) -> Path:
        """Return the root folder of one of the plan's IIS sites."""
        return Path(self.folder(self._plan.root if name == self._plan.name else self._plan.folder(name)))

    def apphost(self, name: str) -> Path:
        """Return the file with the server's part of the configuration for a site."""
        return self._directory / "config" / name / "applicationHost.config"


def site_names(plan: Plan) -> tuple[str, ...]:
    """Return the IIS sites of a plan: the one, and the plain one that redirects if there is one."""
    return (plan.name, plan.second_site) if plan.second_site else (plan.name,)


def asserted(plan: Plan) -> frozenset[str]:
    """Return the modules that setup.ps1 wants to be installed."""
    calls = iis_setup.checks(plan)
    return frozenset(str(call.arguments["Name"]) for call in calls if call.command == "Assert-OtaModule")


def apphost(plan: Plan, site: str, moved: Moved) -> str:
    """Return the overlay of applicationHost.config for one of the plan's sites, with its location tags."""
    server = _Server(moved)
    for step in iis_setup.steps(plan):
        for call in step.calls:
            server.carry_out(call)
    for module in sorted(asserted(plan) & _OPTIONAL):
        server.add("system.webServer/globalModules", "", [], "", {"name": module})
    return server.text(site)


_OPTIONAL = frozenset({"IpRestrictionModule"})
"""Modules that a plain server does not have."""


class _Server:
    """applicationHost.config while commands change it."""

    def __init__(self, moved: Moved) -> None:
        self.moved = moved
        self.roots: dict[str, ET.Element] = {}
        self.sites = 0

    def carry_out(self, call: Call) -> None:
        """Do what one command of setup.ps1 does."""
        verb = _VERBS.get(call.command)
        if verb is None:
            raise ValueError(f"setup.ps1 has a command that the emulator does not know: {call.command}")
        verb(self, call.arguments)

    def add(self, section: str, location: str, steps: _Steps, collection: str, key: _Given) -> None:
        """Add an entry to a collection."""
        parent, shape = self.find(section, location, steps)
        if collection:
            parent, shape = _child(parent, shape, collection)
        element = ET.SubElement(parent, _entry_name(shape))
        for name, value in key.items():
            element.set(name, self._text(name, value))

    def set(self, section: str, location: str, steps: _Steps, values: _Given) -> None:
        """Set attributes of a section, or of the element that the steps lead to."""
        element, _ = self.find(section, location, steps)
        for name, value in values.items():
            element.set(name, self._text(name, value))

    def find(self, section: str, location: str, steps: _Steps) -> tuple[ET.Element, Shape]:
        """Follow the steps into a section, making what is not there yet."""
        element = self.roots.setdefault(location, ET.Element("location", {"path": location}))
        for name in section.split("/"):
            element = _sub(element, name)
        shape = table.sections()[section].shape
        for step in steps:
            if "Child" in step:
                element, shape = _child(element, shape, str(step["Child"]))
                continue
            if step["In"]:
                element, shape = _child(element, shape, str(step["In"]))
            element, shape = self._entry(element, shape, cast("_Given", step["Key"]))
        return element, shape

    def _entry(self, parent: ET.Element, shape: Shape, key: Mapping[str, PsValue]) -> tuple[ET.Element, Shape]:
        name = _entry_name(shape)
        wanted = {one: self._text(one, value) for one, value in key.items()}
        found = next(
            (one for one in parent.findall(name) if all(one.get(key) == value for key, value in wanted.items())), None
        )
        if shape.collection is None:
            raise ValueError(f"{shape.name} has no entries")
        return found if found is not None else ET.SubElement(parent, name, wanted), shape.collection.add[name]

    def _text(self, name: str, value: PsValue) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return self.moved(str(value)) if name == "physicalPath" else str(value)

    def text(self, site: str) -> str:
        """Return the file with one of the sites."""
        root = ET.Element("configuration")
        for location, element in self.roots.items():
            if location and location.partition("/")[0] == site:
                root.append(element)
            elif not location:
                root.extend(_only(element, site))
        ET.indent(root)
        return ET.tostring(root, encoding="unicode")


def _only(server: ET.Element, site: str) -> list[ET.Element]:
    """Return the sections of the server level with the other sites left out."""
    for sites in server.findall(_SITES):
        for other in [one for one in sites.findall("site") if one.get("name") != site]:
            sites.remove(other)
    return list(server)


# What the functions of OtaProxy.psm1 with these names do to a server that has nothing yet.


def _within(*names: _Given) -> _Steps:
    """Return the steps into nested collections, one entry after the other, such as a site and its application."""
    return [{"In": "", "Key": name} for name in names]


def _pool(server: _Server, given: _Given) -> None:
    queue: _Given = {"queueLength": given["QueueLength"]} if "QueueLength" in given else {}
    server.add(_POOLS, "", [], "", {"name": given["Name"], "managedRuntimeVersion": ""} | dict(queue))


def _site(server: _Server, given: _Given) -> None:
    server.sites += 1
    server.add(_SITES, "", [], "", {"name": given["Site"], "id": server.sites})
    root: _Given = {"path": "/", "applicationPool": given["Pool"]}
    server.add(_SITES, "", _within({"name": given["Site"]}), "", root)
    _directory(server, {**given, "Path": "/"})


def _directory(server: _Server, given: _Given) -> None:
    place = _within({"name": given["Site"]}, {"path": "/"})
    server.add(_SITES, "", place, "", {"path": given["Path"], "physicalPath": given["Folder"]})


def _bindings(server: _Server, given: _Given) -> None:
    secure: _Given = {"sslFlags": given["SslFlags"]} if "SslFlags" in given else {}
    for information in cast("list[str]", given["Bindings"]):
        key = {"protocol": "https" if secure else "http", "bindingInformation": information} | dict(secure)
        server.add(_SITES, "", _within({"name": given["Site"]}), "bindings", key)


def _section(server: _Server, given: _Given) -> None:
    server.set(str(given["Section"]), str(given.get("Location", "")), [], cast("_Given", given["Values"]))


def _hsts(server: _Server, given: _Given) -> None:
    values: _Given = {
        "max-age": given["MaxAge"],
        "includeSubDomains": given["IncludeSubDomains"],
        "preload": given["Preload"],
        "redirectHttpToHttps": False,
        "enabled": True,
    }
    server.set(_SITES, "", [*_within({"name": given["Site"]}), {"Child": "hsts"}], values)


def _media_type(server: _Server, given: _Given) -> None:
    key: _Given = {"fileExtension": given["Extension"], "mimeType": given["Type"]}
    server.add("system.webServer/staticContent", str(given["Location"]), [], "", key)


def _variable(server: _Server, given: _Given) -> None:
    key: _Given = {"name": given["Name"]}
    server.add("system.webServer/rewrite/allowedServerVariables", str(given["Site"]), [], "", key)


def _network(server: _Server, given: _Given) -> None:
    key: _Given = {"ipAddress": given["Address"], "subnetMask": given["Mask"], "allowed": given["Allowed"]}
    server.add("system.webServer/security/ipSecurity", str(given["Site"]), [], "", key)


_VERBS: dict[str, Callable[[_Server, _Given], None]] = {
    "Add-OtaPool": _pool,
    "Add-OtaSite": _site,
    "Add-OtaDirectory": _directory,
    "Add-OtaHttpBinding": _bindings,
    "Add-OtaHttpsBinding": _bindings,
    "Set-OtaSection": _section,
    "Set-OtaHsts": _hsts,
    "Add-OtaMediaType": _media_type,
    "Add-OtaServerVariable": _variable,
    "Add-OtaNetwork": _network,
}


def _sub(parent: ET.Element, name: str) -> ET.Element:
    found = parent.find(name)
    return found if found is not None else ET.SubElement(parent, name)


def _child(parent: ET.Element, shape: Shape, name: str) -> tuple[ET.Element, Shape]:
    return _sub(parent, name), shape.elements[name]


def _entry_name(shape: Shape) -> str:
    if shape.collection is None:
        raise ValueError(f"{shape.name} has no entries")
    return next(iter(shape.collection.add))
