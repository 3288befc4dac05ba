"""The merged view of a section, an element or a collection entry: typed values, defaults applied, and who locked what."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from ota_proxy.servers.iis.schema import model
from ota_proxy.servers.text import Span

NOWHERE = Span("the schema's defaults")
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that a file sets, and where."""

    value: model.Value
    span: Span


@dataclass(frozen=True, slots=True)
class Lock:
    """What one file locks for the files below it; `…_except` is None if it is not used."""

    level: int
    attributes: frozenset[str] = _NONE
    attributes_except: frozenset[str] | None = None
    elements: frozenset[str] = _NONE
    elements_except: frozenset[str] | None = None
    item: bool = False

    def attribute(self, name: str) -> bool:
        """Say whether the attribute is locked."""
        return bool({name, "*"} & self.attributes) or _left_out(name, self.attributes_except)

    def element(self, name: str) -> bool:
        """Say whether the element, or the directive of a collection, is locked."""
        return bool({name, "*"} & self.elements) or _left_out(name, self.elements_except)


def _left_out(name: str, others: frozenset[str] | None) -> bool:
    return others is not None and name not in others


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A section, element or entry. Two nodes are never equal; compare what `get` returns."""

    shape: model.Element = field(repr=False)
    name: str
    span: Span = NOWHERE
    settings: Mapping[str, Setting] = field(default_factory=dict, repr=False)
    children: Mapping[str, Node] = field(default_factory=dict, repr=False)
    members: Mapping[Hashable, Node] = field(default_factory=dict, repr=False)
    locks: tuple[Lock, ...] = ()
    fallback: Node | None = field(default=None, repr=False)
    """Where the defaults of an entry stand (siteDefaults)."""

    def get(self, attribute: str) -> model.Value:
        """Return the typed value, the default where none is set; KeyError for an attribute that the schema lacks.

        A bool, an int, a timedelta, or a str: enums and flags in the schema's spelling, flags joined by commas.
        """
        spec = self.shape.attributes[attribute]
        setting = self.setting(attribute)
        return setting.value if setting else spec.default

    def flag(self, attribute: str) -> bool:
        """Return a bool attribute."""
        return self.get(attribute) is True

    def number(self, attribute: str) -> int:
        """Return an integer attribute; TypeError for another type."""
        value = self.get(attribute)
        if not isinstance(value, int):
            raise TypeError(attribute)
        return value

    def text(self, attribute: str) -> str:
        """Return a string, enum or flags attribute; TypeError for another type."""
        value = self.get(attribute)
        if not isinstance(value, str):
            raise TypeError(attribute)
        return value

    def explicit(self, attribute: str) -> bool:
        """Say whether a file (the defaults of IIS 10 count as one) sets the attribute."""
        return self.setting(attribute) is not None

    def where(self, attribute: str) -> Span | None:
        """Return where the attribute is set, None if it is not."""
        setting = self.setting(attribute)
        return setting.span if setting else None

    def child(self, name: str) -> Node:
        """Return a sub-element, one with defaults where no file has it; KeyError for one that the schema lacks."""
        shape = self.shape.elements[name]
        found = self.children.get(name) or Node(shape, name)
        below = self.fallback.child(name) if self.fallback and name in self.fallback.shape.elements else None
        return found.over(below)

    def entries(self, name: str = "") -> tuple[Node, ...]:
        """Return the entries in effective order, of one add element or all; none if there is no collection."""
        collection = self.shape.collection
        if collection is None:
            return ()
        below = self.child(collection.defaults) if collection.defaults in self.shape.elements else None
        return tuple(one.over(below) for one in self.members.values() if name in {"", one.name})

    def setting(self, attribute: str) -> Setting | None:
        """Return the value that a file sets, None if none does."""
        if attribute in self.settings:
            return self.settings[attribute]
        return self.fallback.setting(attribute) if self.fallback else None

    def over(self, fallback: Node | None) -> Node:
        """Return the node with another one to take what no file sets here from."""
        if fallback is None:
            return self
        return Node(self.shape, self.name, self.span, self.settings, self.children, self.members, self.locks, fallback)
