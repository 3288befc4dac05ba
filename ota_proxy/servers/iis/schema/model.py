"""The shape of a schema: sections, elements, collections and attributes, after the comment that opens IIS's schema files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

Type = Literal["bool", "enum", "flags", "uint", "int", "int64", "string", "timeSpan"]
Value = bool | int | str | timedelta
Definition = Literal["Everywhere", "MachineToApplication", "AppHostOnly"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. `default` is typed; flags and enums are words of the schema's spelling, flags joined by commas."""

    name: str
    type: Type
    default: Value
    required: bool = False
    key: Literal["", "unique", "combined"] = ""
    case_sensitive: bool = False
    members: tuple[str, ...] = ()
    validation: str = ""
    parameter: tuple[int, ...] = ()
    excluded: bool = False
    """The range is one that a value must not lie in."""
    infinite: bool = False
    time_format: Literal["string", "seconds", "minutes"] = "string"


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection: `add` maps each add element's name to the shape of an entry; `remove` and `clear` are names or empty."""

    add: Mapping[str, Element]
    remove: str = ""
    clear: str = ""
    append: bool = True
    """mergeAppend: False puts the entries of a lower level first."""
    duplicates: bool = False
    defaults: str = ""
    """The sibling element that holds defaults of the entries (`siteDefaults`)."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element: attributes, sub-elements and at most one collection."""

    name: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    elements: Mapping[str, Element] = field(default_factory=dict)
    collection: Collection | None = None
    any_attribute: bool = False
    needs: str = ""
    """A feature of `policy.capabilities` without which IIS does not know the element (`native_hsts`)."""
    keys: tuple[Attribute, ...] = field(init=False)
    """The attributes that tell entries apart; none: entries may repeat."""
    required: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        specs = self.attributes.values()
        object.__setattr__(self, "keys", tuple(one for one in specs if one.key))  # how a frozen dataclass derives
        object.__setattr__(self, "required", tuple(one.name for one in specs if one.required))


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its shape, where it may be set, and the module that reads it."""

    name: str
    shape: Element
    allow: bool = True
    """overrideModeDefault: False locks it for web.config."""
    definition: Definition = "Everywhere"
    module: str = ""
    """The module that reads it, by its name in globalModules."""
    separate: bool = False
    """The module brings the schema with it (URL Rewrite, ARR): without it IIS does not know the section at all."""
