"""Which sections exist for a server, whether a web.config may set them, and what is said about a name that is none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ota_proxy.errors import did_you_mean
from ota_proxy.servers.iis import violations
from ota_proxy.servers.iis.schema import table
from ota_proxy.servers.iis.schema.model import Definition, Section
from ota_proxy.servers.iis.schema.model import Element as Shape
from ota_proxy.servers.iis.syntax import Element
from ota_proxy.servers.iis.violations import Violation
from ota_proxy.servers.text import Span

ROOTS = ("system.webServer", "system.applicationHost")
"""The groups that are IIS's own: below them a name is known, or wrong, or some module's."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A section that exists here. `shape` is None where we know its name only; `missing` names its module where that is not installed."""

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
        """Return the violation of an element that stands where a section is expected and is none; None where nobody can tell."""
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
