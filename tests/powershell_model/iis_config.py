"""applicationHost.config in memory: sections, location tags, effective values, collections with inheritance, one commit.

Objects answer to the documented members of Microsoft.Web.Administration that the scripts use. What documentation leaves open is
modelled against us: an emptied section or location tag stays in the file unless somebody removes it.
"""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from typing import Any

from tests.powershell_model.iis_schema import Attribute, Collection, Element, Section
from tests.powershell_model.iis_values import Rows, certificate_key, formatted
from tests.powershell_model.values import PsError, Thing, text

LOCKED = (
    "This configuration section cannot be used at this path. This happens when the section is locked at a parent level. "
    "(0x80070021)"
)


class Server:
    """The configuration, what its schema knows, and the certificates that http.sys holds for bindings (by host and port)."""

    def __init__(self, config: str, schema: Mapping[str, Section]) -> None:
        self.root = ET.fromstring(config)  # noqa: S314 - our own text
        self.schema = schema
        self.bound: dict[str, tuple[str, str]] = {}
        self.locked: set[str] = set()
        self.saved: tuple[ET.Element, dict[str, tuple[str, str]]] | None = None

    def text(self) -> str:
        """Return what is on disk: indented, attributes in the order of their names."""
        tree = copy.deepcopy(self.root if self.saved is None else self.saved[0])
        ET.indent(tree)
        return ET.canonicalize(ET.tostring(tree, encoding="unicode"))

    def begin(self) -> None:
        """Delay the commit; PsError when it is delayed already."""
        if self.saved is not None:
            raise PsError("The commit is delayed already.")
        self.saved = (copy.deepcopy(self.root), dict(self.bound))

    def end(self, *, commit: bool) -> bool:
        """Commit or discard; PsError when nothing was delayed. Says whether the file changed."""
        if self.saved is None:
            raise PsError("The commit is not delayed.")
        before = self.text(), self.saved[1]
        if not commit:
            self.root, self.bound = self.saved
        self.saved = None
        return before != (self.text(), self.bound)

    def discard(self) -> None:
        """Forget what was not committed, as the end of a process does."""
        if self.saved is not None:
            self.end(commit=False)

    def section(self, path: str, location: str = "") -> ConfigElement:
        """Return a section at the server's level or in a location tag; PsError for one that does not exist or may not stand there."""
        if path not in self.schema:
            raise PsError(
                f"The configuration section '{path}' cannot be read because it is missing a section declaration."
            )
        known = self.schema[path]
        if location and known.apphost_only:
            raise PsError(f"The section '{path}' may not stand in a location tag.")
        above = [raw for outer in _outer(location) if (raw := self._raw(path, outer)) is not None]
        place = f"{location}|{path}"
        return ConfigElement(
            self, known.element, path.rpartition("/")[2], lambda: self._raw(path, location), lambda: self._make(path, location),
            above=above, section=path, place=place,
        )  # fmt: skip

    def locations(self) -> list[str]:
        """Return the paths of the location tags."""
        return [tag.get("path", "") for tag in self.root.findall("location")]

    def remove_location(self, path: str) -> None:
        """Remove a location tag with everything in it."""
        for tag in self.root.findall("location"):
            if tag.get("path", "").lower() == path.lower():
                self.root.remove(tag)

    def _holder(self, location: str) -> ET.Element | None:
        if not location:
            return self.root
        tags = self.root.findall("location")
        return next((tag for tag in tags if tag.get("path", "").lower() == location.lower()), None)

    def _raw(self, path: str, location: str) -> ET.Element | None:
        holder = self._holder(location)
        return None if holder is None else holder.find(path)

    def _make(self, path: str, location: str) -> ET.Element:
        if location and path in self.locked:
            raise PsError(LOCKED)
        holder = self._holder(location)
        if holder is None:
            holder = ET.SubElement(self.root, "location", path=location)
        for step in path.split("/"):
            found = holder.find(step)
            holder = ET.SubElement(holder, step) if found is None else found
        return holder

    def remove_section(self, path: str, location: str) -> None:
        """Remove a section and the groups that hold nothing any more; the location tag stays."""
        steps = path.split("/")
        for count in range(len(steps), 0, -1):
            raw = self._raw("/".join(steps[:count]), location)
            if raw is None or (count < len(steps) and len(raw)):
                return
            upper = self._holder(location) if count == 1 else self._raw("/".join(steps[: count - 1]), location)
            if upper is not None:
                upper.remove(raw)


def _outer(location: str) -> list[str]:
    steps = location.split("/") if location else []
    return (["/".join(steps[:count]) for count in range(len(steps))]) if steps else []


class ConfigElement(Thing):
    """ConfigurationElement: `find` and `make` give its own XML element, `above` are those it inherits from, outermost first."""

    def __init__(  # noqa: PLR0913 - what an element of a layered configuration is
        self, server: Server, schema: Element, tag: str, find: Callable[[], ET.Element | None], make: Callable[[], ET.Element],
        *, above: list[ET.Element] | None = None, defaults: list[ET.Element] | None = None, section: str = "", place: str = "",
        entry_of: ConfigCollection | None = None, parent: ConfigElement | None = None,
    ) -> None:  # fmt: skip
        self.server, self.schema, self.tag, self.find, self.make = server, schema, tag, find, make
        self.above, self.defaults = above or [], defaults or []
        self.section, self.place, self.entry_of, self.parent = section, place, entry_of, parent

    def attribute(self, name: str) -> ConfigAttribute:
        """Return an attribute; PsError for a name that the schema does not have."""
        for known, schema in self.schema.attributes.items():
            if known.lower() == name.lower():
                return ConfigAttribute(self, known, schema)
        raise PsError(f"Unrecognized attribute '{name}'")

    def child(self, name: str) -> ConfigElement:
        """Return a named child element; PsError for a name that the schema does not have."""
        if name not in self.schema.children:
            raise PsError(f"Unrecognized element '{name}'")

        def find() -> ET.Element | None:
            own = self.find()
            return None if own is None else own.find(name)

        def make() -> ET.Element:
            own = self.make()
            found = own.find(name)
            return ET.SubElement(own, name) if found is None else found

        return ConfigElement(
            self.server, self.schema.children[name], name, find, make,
            above=_children(self.above, name), defaults=_children(self.defaults, name), place=self.place, parent=self,
        )  # fmt: skip

    def collection(self) -> ConfigCollection:
        """Return the default collection; PsError for an element without one."""
        if self.schema.collection is None:
            raise PsError(f"The element '{self.tag}' has no collection.")
        return ConfigCollection(self, self.schema.collection)

    def remove(self) -> None:
        """Remove the element where it is stored; what it inherits counts again."""
        own = self.find()
        if self.section:
            self.server.remove_section(self.section, self.place.partition("|")[0])
        elif self.entry_of is not None:
            self.entry_of.drop(self)
        elif own is not None and self.parent is not None:
            outer = self.parent.find()
            if outer is not None:
                outer.remove(own)

    def member(self, name: str) -> Any:  # noqa: ANN401 - a PowerShell value
        """IsLocallyStored, Attributes, ChildElements, ElementTagName, Schema, SectionPath."""
        members: dict[str, Callable[[], Any]] = {
            "islocallystored": lambda: self.find() is not None,
            "attributes": lambda: [ConfigAttribute(self, *row) for row in self.schema.attributes.items()],
            "childelements": lambda: [self.child(one) for one in self.schema.children],
            "elementtagname": lambda: self.tag,
            "schema": lambda: Rows({"CollectionSchema": self.schema.collection}),
        }
        if self.section:
            members["sectionpath"] = lambda: self.section
        return members[name.lower()]() if name.lower() in members else super().member(name)

    def call(self, name: str, arguments: list[Any]) -> Any:  # noqa: ANN401 - a PowerShell value
        """GetAttribute, GetChildElement, GetCollection."""
        methods: dict[str, Callable[..., Any]] = {
            "getattribute": self.attribute, "getchildelement": self.child, "getcollection": self.collection
        }  # fmt: skip
        return methods[name.lower()](*arguments) if name.lower() in methods else super().call(name, arguments)


def _children(elements: list[ET.Element], name: str) -> list[ET.Element]:
    return [found for one in elements if (found := one.find(name)) is not None]


class ConfigAttribute(Thing):
    """ConfigurationAttribute: effective value, and whether anything but a default says it."""

    def __init__(self, element: ConfigElement, name: str, schema: Attribute) -> None:
        self.element, self.name, self.schema = element, name, schema

    def _explicit(self) -> str | None:
        own = self.element.find()
        for raw in ([] if own is None else [own]) + self.element.above[::-1]:
            if (found := raw.get(self.name)) is not None:
                return found
        return None

    @property
    def value(self) -> Any:  # noqa: ANN401 - a PowerShell value
        """Return the effective value; of an enumeration its number, as the COM layer answers."""
        if self.name in ("certificateHash", "certificateStoreName"):
            return self._certificate()
        raw = self._explicit()
        for default in [] if raw is not None else self.element.defaults[::-1]:
            raw = raw if raw is not None else default.get(self.name)
        kind, default_value = self.schema.type, self.schema.default
        if raw is None:
            return self.schema.enum[str(default_value)] if kind == "enum" else default_value
        if kind == "bool":
            return raw.lower() == "true"
        return self.schema.enum[raw] if kind == "enum" else int(raw) if kind == "uint" else raw

    def _certificate(self) -> str:
        own = self.element.find()
        key = "" if own is None else certificate_key(own.get("bindingInformation", ""))
        return self.element.server.bound.get(key, ("", ""))[self.name == "certificateStoreName"]

    def set(self, value: Any) -> None:  # noqa: ANN401 - a PowerShell value
        """Write a value; PsError for one that the type does not allow."""
        self.element.make().set(self.name, formatted(self.name, self.schema, value))

    def member(self, name: str) -> Any:  # noqa: ANN401 - a PowerShell value
        """Name, Value, IsInheritedFromDefaultValue, Schema."""
        rows = {
            "name": self.name,
            "value": self.value,
            "isinheritedfromdefaultvalue": self._explicit() is None,
            "schema": Rows({"Type": self.schema.type}, {"GetEnumValues": self._enum}),
        }
        return rows[name.lower()] if name.lower() in rows else super().member(name)

    def _enum(self) -> list[Rows]:
        return [Rows({"Name": name, "Value": number}) for name, number in self.schema.enum.items()]


class ConfigCollection(Thing):
    """ConfigurationElementCollection with what it inherits; `entries` are effective, in order."""

    def __init__(self, owner: ConfigElement, schema: Collection) -> None:
        self.owner, self.schema = owner, schema

    def entries(self) -> list[ConfigElement]:
        """Return the entries that count here."""
        own = self.owner.find()
        return [self._entry(raw, local=own is not None and raw in list(own)) for raw in self._raws()]

    def _raws(self) -> list[ET.Element]:
        own = self.owner.find()
        found: list[ET.Element] = []
        for raw in self.owner.above + ([] if own is None else [own]):
            for one in raw:
                if one.tag == "clear":
                    found.clear()
                elif one.tag == "remove":
                    found = [row for row in found if self._key(row) != self._key(one)]
                elif one.tag == self.schema.tag:
                    found.append(one)
        return found

    def _key(self, raw: ET.Element) -> tuple[str, ...]:
        attributes = self.schema.entry.attributes
        return tuple(raw.get(key, str(attributes[key].default)).lower() for key in self.schema.keys)

    def _entry(self, raw: ET.Element, *, local: bool) -> ConfigElement:
        root = self.owner
        while root.entry_of is not None or root.parent is not None:
            root = root.entry_of.owner if root.entry_of is not None else root.parent or root
        section = root.find()
        found = None if section is None or not self.schema.defaults else section.find(self.schema.defaults)
        return ConfigElement(
            self.owner.server, self.schema.entry, self.schema.tag, lambda: raw if self._holds(raw) else None,
            lambda: raw if local else self._own(raw), above=[] if local else [raw],
            defaults=[] if found is None else [found], place=self.owner.place, entry_of=self,
        )  # fmt: skip

    def _holds(self, raw: ET.Element) -> bool:
        own = self.owner.find()
        return own is not None and raw in list(own)

    def _own(self, raw: ET.Element) -> ET.Element:
        """An inherited entry is changed by removing it here and adding it anew."""
        holder = self.owner.make()
        ET.SubElement(holder, "remove", {key: raw.get(key, "") for key in self.schema.keys})
        return ET.SubElement(holder, self.schema.tag, dict(raw.attrib))

    def matching(self, wanted: Mapping[str, Any]) -> list[ConfigElement]:
        """Return the entries whose attributes have these values, in any case."""
        return [
            entry
            for entry in self.entries()
            if all(text(entry.attribute(name).value).lower() == text(value).lower() for name, value in wanted.items())
        ]

    def add(self, values: Mapping[str, Any]) -> None:
        """Add an entry; PsError for an unknown or missing attribute and for a key that is there already."""
        known = {name.lower(): (name, schema) for name, schema in self.schema.entry.attributes.items()}
        if unknown := [name for name in values if name.lower() not in known]:
            raise PsError(f"Unrecognized attribute '{unknown[0]}'")
        given = {known[key.lower()][0]: formatted(*known[key.lower()], value) for key, value in values.items()}
        if missing := [n for n, schema in self.schema.entry.attributes.items() if schema.required and n not in given]:
            raise PsError(f"Missing required attribute '{missing[0]}'")
        raw = ET.Element(self.schema.tag, given)
        if self._key(raw) in map(self._key, self._raws()):
            raise PsError(
                f"Cannot add duplicate collection entry of type '{self.schema.tag}' with key '{self._key(raw)}'"
            )
        self.owner.make().append(raw)

    def drop(self, entry: ConfigElement) -> None:
        """Remove an entry: one of its own from the file, an inherited one by <remove>."""
        own, raw = self.owner.find(), entry.find()
        if own is not None and raw is not None:
            own.remove(raw)
        else:
            holder = self.owner.make()
            ET.SubElement(holder, "remove", {key: text(entry.attribute(key).value) for key in self.schema.keys})

    def member(self, name: str) -> Any:  # noqa: ANN401 - a PowerShell value
        """Count."""
        return len(self.entries()) if name.lower() == "count" else super().member(name)
