"""Carries out what setup.ps1 does to applicationHost.config, from the same commands, as XML for the emulator.

Nothing is decided here: each command says the section, the steps into it and the value; names of entries come from the schema.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from ota_proxy.servers.iis import setup as iis_setup
from ota_proxy.servers.iis.plan import SITES, Plan, within
from ota_proxy.servers.iis.quote import Call, PsValue
from ota_proxy.servers.iis.schema import table
from ota_proxy.servers.iis.schema.model import Element as Shape

Moved = Callable[[str], str]
"""Where a Windows path is on this machine."""
_SITE_ID = "(Get-OtaSiteId)"


def site_names(plan: Plan) -> tuple[str, ...]:
    """Return the IIS sites of a plan: the one, and the plain one that redirects where there is one."""
    return (plan.name, plan.second_site) if plan.second_site else (plan.name,)


def asserted(plan: Plan) -> frozenset[str]:
    """Return the modules that setup.ps1 wants to be installed."""
    calls = cast("tuple[Call, ...]", iis_setup.checks(plan))
    return frozenset(str(call.arguments["Name"]) for call in calls if call.command == "Assert-OtaModule")


def apphost(plan: Plan, site: str, moved: Moved) -> str:
    """Return the overlay of applicationHost.config for one of the plan's sites, with its location tags."""
    server = _Server(moved)
    for step in iis_setup.steps(plan):
        for call in step.calls:
            server.carry_out(cast("Call", call))
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
        given = dict(call.arguments)
        section, location = str(given.get("Section", SITES)), str(given.get("Location", ""))
        steps = cast("list[Mapping[str, PsValue]]", given.get("Steps", []))
        if call.command == "Set-OtaAttribute":
            element, _ = self.find(section, location, steps)
            element.set(str(given["Name"]), self._text(str(given["Name"]), given["Value"]))
        elif call.command == "Add-OtaElement":
            key = dict(cast("Mapping[str, PsValue]", given["Key"]))
            key |= cast("Mapping[str, PsValue]", given.get("With", {}))
            key |= cast("Mapping[str, PsValue]", given.get("New", {}))
            self.add(section, location, steps, str(given.get("In", "")), key)
        elif call.command == "Add-OtaTlsBinding":
            key = {"protocol": "https", "bindingInformation": given["Information"], "sslFlags": given["SslFlags"]}
            self.add(SITES, "", within({"name": str(given["Site"])}), "bindings", key)
        else:
            raise ValueError(f"setup.ps1 has a command that nobody taught the emulator: {call.command}")

    def add(
        self, section: str, location: str, steps: Iterable[PsValue], collection: str, key: Mapping[str, PsValue]
    ) -> None:
        """Add an entry to a collection."""
        parent, shape = self.find(section, location, cast("list[Mapping[str, PsValue]]", list(steps)))
        if collection:
            parent, shape = _child(parent, shape, collection)
        element = ET.SubElement(parent, _entry_name(shape))
        for name, value in key.items():
            element.set(name, self._text(name, value))

    def find(self, section: str, location: str, steps: Iterable[Mapping[str, PsValue]]) -> tuple[ET.Element, Shape]:
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
            element, shape = self._entry(element, shape, cast("Mapping[str, PsValue]", step["Key"]))
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
        if value == _SITE_ID:
            self.sites += 1
            return str(self.sites)
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
    for sites in server.findall(SITES):
        for other in [one for one in sites.findall("site") if one.get("name") != site]:
            sites.remove(other)
    return list(server)


def _sub(parent: ET.Element, name: str) -> ET.Element:
    found = parent.find(name)
    return found if found is not None else ET.SubElement(parent, name)


def _child(parent: ET.Element, shape: Shape, name: str) -> tuple[ET.Element, Shape]:
    return _sub(parent, name), shape.elements[name]


def _entry_name(shape: Shape) -> str:
    if shape.collection is None:
        raise ValueError(f"{shape.name} has no entries")
    return next(iter(shape.collection.add))
