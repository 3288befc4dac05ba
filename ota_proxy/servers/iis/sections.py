"""The sections of a file: which exist for a server, whether a web.config may set them, and the rules about location tags and configSections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast, get_args

from ota_proxy.errors import did_you_mean
from ota_proxy.servers.iis import violations
from ota_proxy.servers.iis.schema import table
from ota_proxy.servers.iis.schema.model import Definition, Section
from ota_proxy.servers.iis.schema.model import Element as Shape
from ota_proxy.servers.iis.syntax import Attribute, Document, Element
from ota_proxy.servers.iis.violations import Violation
from ota_proxy.servers.text import Span

ROOTS = ("system.webServer", "system.applicationHost")
"""The groups that are IIS's own: below them a name is known, or wrong, or some module's."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A section that exists here. `shape` is None if we know its name only; `missing` names its module where that is not installed."""

    name: str
    shape: Shape | None
    allow: bool
    definition: Definition
    location: bool = True
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Unmodelled:
    """Something that is there and that we cannot judge: `what` is a section's path or a sentence.

    `kind` is `foreign` (sections of .NET and others, in groups that are not IIS's), `section` (below IIS's own groups) or
    `construct` (a setting whose effect we do not know).
    """

    kind: str
    what: str
    span: Span


class Registry:
    """The sections of one server; `complete` where a whole applicationHost.config registers them, so that no other can exist."""

    def __init__(self, sections: Mapping[str, Declared], *, complete: bool, without: frozenset[str]) -> None:
        self.sections = sections
        self.complete = complete
        self._without = without
        self._groups = _groups((*sections, *table.sections(), *table.known()["sections"]))

    def group(self, path: str) -> bool:
        """Say whether the path is a section group."""
        return path in self._groups

    def judge(self, path: str, element: Element, unmodelled: Callable[[Unmodelled], None]) -> Violation | None:
        """Return the violation of an element that stands where a section is expected and is none; None if nobody can tell."""
        known = table.known()
        parent, _, name = path.rpartition("/")
        module = known["modules"].get(path, "")
        described = table.sections().get(path)
        if module in self._without or (described and described.separate):
            return violations.no_declaration(element.span, path, module or (described.module if described else ""))
        if path.partition("/")[0] not in ROOTS:
            return self._top(path, element, unmodelled)
        siblings = [
            one.rpartition("/")[2] for one in (*self.sections, *self._groups) if one.rpartition("/")[0] == parent
        ]
        hint = known["misplaced"].get(name, "") or did_you_mean(name, siblings)
        if not module and (hint or self.complete):
            return violations.unknown_element(name, element.span, parent, hint)
        unmodelled(Unmodelled("section", path, element.span))
        return None

    def _top(self, path: str, element: Element, unmodelled: Callable[[Unmodelled], None]) -> Violation | None:
        """Judge a child of `configuration`: only another case of a known name is surely wrong, .NET registers too many others."""
        right = next((one for one in self._groups if one.lower() == path.lower() and "/" not in one), "")
        if right and right != path:
            return violations.unknown_element(path, element.span, "", f"did you mean '{right}'?")
        unmodelled(Unmodelled("foreign", path, element.span))
        return None


def built_in(without: frozenset[str], extra: Mapping[str, Section]) -> Registry:
    """Return the sections of a server of which only the modules are known; `extra` are those of a machine's schema folder."""
    described = {**extra, **table.sections()}
    sections = {name: _declared(section, without) for name, section in described.items()}
    for name, words in table.known()["sections"].items():
        definition: Definition = "AppHostOnly" if "AppHostOnly" in words else "Everywhere"
        sections.setdefault(name, Declared(name, None, "Deny" not in words, definition))
    return Registry({name: one for name, one in sections.items() if one}, complete=False, without=without)


def _declared(section: Section, without: frozenset[str]) -> Declared:
    gone = section.module if section.separate and section.module in without else ""
    return Declared(section.name, section.shape, section.allow, section.definition, missing=gone)


def registered(declared: Iterable[Declared], without: frozenset[str], extra: Mapping[str, Section]) -> Registry:
    """Return the sections that a whole applicationHost.config registers in its configSections."""
    described = {**extra, **table.sections()}
    found = {}
    for one in declared:
        ours = described.get(one.name)
        gone = ours.module if ours and ours.separate and ours.module in without else ""
        found[one.name] = replace(one, shape=ours.shape if ours else None, missing=gone)
    return Registry(found, complete=True, without=without)


def _groups(paths: Iterable[str]) -> frozenset[str]:
    steps = (path.split("/") for path in paths)
    return frozenset("/".join(parts[:count]) for parts in steps for count in range(1, len(parts)))


Mode = Literal["Inherit", "Allow", "Deny"]
_LOCATION = ("path", "overrideMode", "allowOverride", "inheritInChildApplications")
_SECTION = (
    "name",
    "type",
    "overrideModeDefault",
    "allowDefinition",
    "allowLocation",
    "requirePermission",
    "restartOnExternalChanges",
)
_FIRST = (
    "Only one <configSections> element allowed. It must be the first child element of the root <configuration> element"
)
_DEFINITIONS: dict[str, Definition] = {
    "MachineOnly": "AppHostOnly",
    "AppHostOnly": "AppHostOnly",
    "MachineToRootWeb": "AppHostOnly",
    "MachineToApplication": "MachineToApplication",
}


@dataclass(frozen=True, slots=True)
class Placement:
    """One section of a file: `path` is the location's, in lower case and relative to the file, () for the file's own level."""

    section: str
    path: tuple[str, ...]
    element: Element
    mode: Mode = "Inherit"
    inherit: bool = True
    """inheritInChildApplications."""
    tag: Span | None = None
    """The location tag, None for a section that stands bare."""


@dataclass(slots=True)
class Layout:
    """What one file holds, and what is wrong with its structure."""

    file: str
    placements: dict[tuple[str, ...], list[Placement]] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    unmodelled: list[Unmodelled] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    """Sections that the file registers for itself."""

    def at(self, path: tuple[str, ...]) -> list[Placement]:
        """Return the sections for one path below the file's level."""
        return self.placements.get(path, [])


def lay_out(document: Document, registry: Registry, *, declares: bool = False) -> Layout:
    """Return a file's structure. `declares` is for the applicationHost.config whose configSections made the registry."""
    layout = Layout(document.file)
    root = document.root
    if root.name != "configuration":
        layout.violations.append(violations.unknown_element(root.name, root.span, "", "the root is <configuration>"))
        return layout
    _no_attributes(root, "", layout)
    for number, child in enumerate(root.children):
        if child.name == "configSections":
            _config_sections(child, number, registry, layout, declares=declares)
        elif child.name == "location":
            _location(child, registry, layout)
        else:
            for path, element in _sections(child, child.name, registry, layout):
                _place(Placement(path, (), element), layout)
    return layout


def _no_attributes(element: Element, path: str, layout: Layout) -> None:
    for one in element.attributes:
        if one.name != "xmlns" and not one.name.startswith("xmlns:"):
            layout.violations.append(violations.unknown_attribute(one.name, one.span, path))


def _sections(element: Element, path: str, registry: Registry, layout: Layout) -> Iterator[tuple[str, Element]]:
    """Yield (section path, element); groups nest only as deep as the registry knows them."""
    declared = registry.sections.get(path)
    if declared is not None and declared.missing:
        layout.violations.append(violations.no_declaration(element.span, path, declared.missing))
    elif declared is not None and declared.shape is not None:
        yield path, element
    elif declared is not None or path in layout.own:
        layout.unmodelled.append(Unmodelled("section" if declared else "foreign", path, element.span))
        if declared is not None:
            yield path, element
    elif registry.group(path):
        _no_attributes(element, path, layout)
        for child in element.children:
            yield from _sections(child, f"{path}/{child.name}", registry, layout)
    elif violation := registry.judge(path, element, layout.unmodelled.append):
        layout.violations.append(violation)


def _place(placement: Placement, layout: Layout) -> None:
    others = layout.placements.setdefault(placement.path, [])
    twice = next((one for one in others if one.section == placement.section), None)
    if twice is not None:
        hint = f"it stands for the same path in line {twice.element.span.line}"
        layout.violations.append(violations.section_twice(placement.section, placement.element.span, hint))
    else:
        others.append(placement)


# -- location tags -------------------------------------------------------------------------------------------------------


def _location(element: Element, registry: Registry, layout: Layout) -> None:
    attributes = {one.name: one for one in element.attributes}
    for one in element.attributes:
        if one.name not in _LOCATION:
            layout.violations.append(violations.unknown_attribute(one.name, one.span, ""))
    mode, inherit = _mode(attributes, layout), _boolean(attributes, "inheritInChildApplications", layout)
    path = _path(attributes.get("path"), layout)
    if path is None:
        return
    for child in element.children:
        if child.name in {"location", "configSections"}:
            layout.violations.append(violations.unknown_element(child.name, child.span, "", "not inside a location"))
            continue
        for section, inner in _sections(child, child.name, registry, layout):
            declared = registry.sections[section]
            if path and not declared.location:
                hint = 'registered with allowLocation="false"'
                layout.violations.append(violations.locked_section(inner.span, section, hint))
            else:
                _place(Placement(section, path, inner, mode, inherit is not False, element.span), layout)


def _path(attribute: Attribute | None, layout: Layout) -> tuple[str, ...] | None:
    """Return the steps of a location's path; None, and a note, for a form whose meaning is not documented."""
    text = attribute.value if attribute else ""
    if text in {"", "."}:
        return ()
    steps = text.split("/")
    if attribute and ("" in steps or {".", ".."} & set(steps) or "\\" in text or text != text.strip()):
        layout.unmodelled.append(Unmodelled("construct", f"the location path '{text}'", attribute.span))
        return None
    return tuple(step.lower() for step in steps)


def _mode(attributes: dict[str, Attribute], layout: Layout) -> Mode:
    mode, legacy = attributes.get("overrideMode"), _boolean(attributes, "allowOverride", layout)
    if mode is not None and "allowOverride" in attributes:
        hint = "overrideMode and allowOverride exclude each other"
        place = attributes["allowOverride"].span
        layout.violations.append(violations.unknown_attribute("allowOverride", place, "", hint))
    if mode is not None and mode.value not in get_args(Mode):
        reason = f"Enum must be one of {', '.join(get_args(Mode))}"
        layout.violations.append(violations.invalid_value("overrideMode", reason, mode.span, ""))
        return "Inherit"
    if mode is not None:
        return cast("Mode", mode.value)
    return "Inherit" if legacy is None else "Allow" if legacy else "Deny"


def _boolean(attributes: dict[str, Attribute], name: str, layout: Layout) -> bool | None:
    attribute = attributes.get(name)
    if attribute is None:
        return None
    if attribute.value.lower() not in {"true", "false"}:
        layout.violations.append(violations.invalid_value(name, "Not a valid boolean", attribute.span, ""))
        return None
    return attribute.value.lower() == "true"


# -- configSections ------------------------------------------------------------------------------------------------------


def _config_sections(element: Element, number: int, registry: Registry, layout: Layout, *, declares: bool) -> None:
    if number:
        layout.violations.append(Violation("schema", _FIRST, violations.INVALID, element.span))
    seen: set[str] = set()
    for declared, place in _declarations(element, "", layout):
        if declared.name in seen or (not declares and declared.name in registry.sections):
            layout.violations.append(violations.defined_twice(declared.name, place))
        seen.add(declared.name)
    if not declares:
        layout.own |= seen


def declarations(document: Document) -> list[Declared] | None:
    """Return the sections that a file registers, None if it has no configSections."""
    found = next((one for one in document.root.children if one.name == "configSections"), None)
    return None if found is None else [one for one, _ in _declarations(found, "", Layout(document.file))]


def _declarations(element: Element, group: str, layout: Layout) -> Iterator[tuple[Declared, Span]]:
    pending = [(child, group) for child in reversed(element.children)]
    while pending:
        one, above = pending.pop()
        name = one.value("name")
        if one.name in {"clear", "remove"}:
            continue  # of .NET's own configuration system
        if one.name not in {"section", "sectionGroup"}:
            layout.violations.append(violations.unknown_element(one.name, one.span, "configSections"))
        elif not name:
            layout.violations.append(violations.missing_attribute("name", one.span, "configSections"))
        elif one.name == "sectionGroup":
            pending += [(child, f"{above}{name}/") for child in reversed(one.children)]
        else:
            yield _declaration(one, f"{above}{name}", layout), one.span


def _declaration(element: Element, path: str, layout: Layout) -> Declared:
    for one in element.attributes:
        if one.name not in _SECTION:
            layout.violations.append(violations.unknown_attribute(one.name, one.span, "configSections"))
    return Declared(
        name=path,
        shape=None,
        allow=element.value("overrideModeDefault") != "Deny",
        definition=_DEFINITIONS.get(element.value("allowDefinition") or "", "Everywhere"),
        location=(element.value("allowLocation") or "true").lower() == "true",
    )
