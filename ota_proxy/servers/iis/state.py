"""One step of a URL path while configuration is laid over configuration: its files, what is in force there, who locked what, what is refused.

Files are found as Windows does, whatever the case of their names; a stamp tells when one changes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ota_proxy.limits import TREE_FILES
from ota_proxy.servers.iis import violations
from ota_proxy.servers.iis.merge import Source, merge, outside
from ota_proxy.servers.iis.node import Node
from ota_proxy.servers.iis.schema import table
from ota_proxy.servers.iis.schema.model import Element as Shape
from ota_proxy.servers.iis.sections import Layout, Mode, Placement, Registry, Unmodelled
from ota_proxy.servers.iis.syntax import Document
from ota_proxy.servers.iis.violations import Violation

WEB_CONFIG = "web.config"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells two states of a file apart without reading it."""

    path: Path
    modified: int
    size: int


def stamp(path: Path | None) -> Stamp | None:
    """Return the stamp of a file, None if there is none. One that is there and cannot be looked at has one too: reading it says why."""
    if path is None:
        return None
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return Stamp(path, 0, 0)
    return Stamp(path, found.st_mtime_ns, found.st_size)


def below(folder: Path, name: str) -> Path | None:
    """Return the entry of a folder whose name is `name` in any case, the exact spelling first; None if there is none."""
    exact = folder / name
    try:
        if exact.exists():
            return exact
        names = sorted(one.name for one in folder.iterdir() if one.name.lower() == name.lower())
    except (OSError, ValueError):  # a name that this system cannot have
        return None
    return folder / names[0] if names else None


def subfolder(folder: Path, name: str) -> Path | None:
    """Return a folder inside a folder, None if there is none; never the folder itself or its parent."""
    if name in {"", ".", ".."} or "/" in name or "\\" in name:
        return None
    found = below(folder, name)
    return found if found is not None and found.is_dir() else None


def web_configs(root: Path) -> list[Path]:
    """Return every web.config below a folder, itself included, the upper ones first; links to folders are not followed."""
    found = [
        Path(folder) / name
        for folder, _, names in islice(os.walk(root), TREE_FILES)
        for name in sorted(names)
        if name.lower() == WEB_CONFIG
    ]
    return sorted(found, key=lambda path: (len(path.parts), str(path)))


Key = tuple[str, ...]
"""The site's name and the steps of a URL path, in lower case; () is the server."""


@dataclass(frozen=True, slots=True)
class Server:
    """What is the same for every path. `applications` are the keys of application roots, `file` the applicationHost.config's name."""

    registry: Registry
    file: str
    has: Callable[[str], bool]
    without: frozenset[str] = frozenset()
    """Modules that are said not to be installed."""
    applications: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class Level:
    """A file in force and the key it stands at; its number in `State.levels` is how deep it is."""

    layout: Layout
    key: Key

    def placements(self, key: Key) -> list[Placement]:
        """Return what the file's location tags say about a key below its own."""
        inner = key[len(self.key) :]
        return self.layout.at(inner) if inner and key[: len(self.key)] == self.key else []

    def targets(self) -> list[Key]:
        """Return the keys of the file's location tags."""
        return [(*self.key, *path) for path in self.layout.placements if path]


class Mark(NamedTuple):
    """A location tag's overrideMode. The last of a state's counts: they come from the outer path to the deeper, there from the outer file."""

    level: int
    section: str
    mode: Mode


class State:
    """What is in force at one key. Starts as its parent is, and is filled by `apply_locations` and `apply_file`."""

    def __init__(
        self,
        server: Server,
        key: Key = (),
        parent: State | None = None,
        folder: Path | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        self.server, self.key, self.parent, self.folder, self.stamp = server, key, parent, folder, stamp
        self.sections: dict[str, Node] = dict(parent.sections) if parent else {}
        self.levels: tuple[Level, ...] = parent.levels if parent else ()
        self.marks: tuple[Mark, ...] = parent.marks if parent else ()
        self.refused: list[Violation] = []
        self.unmodelled: list[Unmodelled] = []
        self.doubts: list[Unmodelled] = []
        self.documents: list[Document] = []

    def shape(self, section: str) -> Shape | None:
        """Return a section's shape, None if we have none; one that this server does not register counts with its defaults."""
        declared, described = self.server.registry.sections.get(section), table.sections().get(section)
        if declared and declared.shape:
            return declared.shape
        return described.shape if described else None

    def chain(self) -> Iterator[State]:
        """Yield the states from the server down to this one."""
        above: list[State] = []
        one: State | None = self
        while one is not None:
            above.append(one)
            one = one.parent
        yield from reversed(above)

    def problems(self) -> Iterator[Violation]:
        """Yield what is refused on the way here, outer files first."""
        for one in self.chain():
            yield from one.refused


def apply_locations(state: State) -> None:
    """Lay over what location tags of the files above say about this key."""
    for number, level in enumerate(state.levels):
        _apply(state, number, level.placements(state.key))


def apply_file(state: State, layout: Layout) -> None:
    """Lay a file over that stands at this key, and let its location tags count from here on."""
    number = len(state.levels)
    first = len(state.refused)
    state.refused += layout.violations
    state.unmodelled += layout.unmodelled
    _apply(state, number, layout.at(()))
    state.levels = (*state.levels, Level(layout, state.key))
    _conflicts(state, number, layout)
    state.refused[first:] = sorted(state.refused[first:], key=lambda one: one.span)


def _apply(state: State, number: int, placements: list[Placement]) -> None:
    first = len(state.refused)
    for placement in placements:
        _apply_one(state, number, placement)
    state.refused[first:] = sorted(state.refused[first:], key=lambda one: one.span)


def _apply_one(state: State, number: int, placement: Placement) -> None:
    section, element = placement.section, placement.element
    declared = state.server.registry.sections[section]
    if hint := _locked(state, number, section):
        state.refused.append(violations.locked_section(element.span, section, hint))
        return
    if placement.mode != "Inherit":
        state.marks = (*state.marks, Mark(number, section, placement.mode))
    if declared.shape is None:
        return
    if (attribute := outside(element)) is not None:
        state.unmodelled.append(Unmodelled("construct", f"{attribute.name} of {section}", attribute.span))
        return
    if not placement.inherit and len(state.server.applications) > 1 and placement.tag:
        state.unmodelled.append(Unmodelled("construct", "inheritInChildApplications", placement.tag))
    source = Source(
        level=number,
        section=section,
        report=state.refused.append,
        doubt=lambda place, what: state.doubts.append(Unmodelled("construct", what, place)),
        has=state.server.has,
    )
    state.sections[section] = merge(state.sections.get(section) or Node(declared.shape, element.name), element, source)


def _locked(state: State, number: int, section: str) -> str:
    """Return why a file of this number may not set the section here, empty if it may; applicationHost.config always may."""
    if number == 0:
        return ""
    declared = state.server.registry.sections[section]
    if declared.definition == "AppHostOnly":
        return "this section may stand in applicationHost.config only"
    if declared.definition == "MachineToApplication" and state.key not in state.server.applications:
        return "this section may stand in the web.config of an application's root only"
    marks = [one for one in state.marks if one.section == section and one.level < number]
    allowed = marks[-1].mode == "Allow" if marks else declared.allow
    if allowed:
        return ""
    return "a location tag above locks it" if marks else 'overrideModeDefault is "Deny"'


def _conflicts(state: State, number: int, layout: Layout) -> None:
    """Refuse a lock on a path below which an outer file unlocks the section: illegal, says the IIS manual."""
    denied = [
        (one, len(state.key) + len(path))
        for path, group in layout.placements.items()
        for one in group
        if one.mode == "Deny"
    ]
    for placement, depth in denied if number else ():
        key = (*state.key, *placement.path)
        for level in state.levels[:number]:
            for path, group in level.layout.placements.items():
                deeper = (*level.key, *path)
                allows = any(one.section == placement.section and one.mode == "Allow" for one in group)
                if allows and len(deeper) > depth and deeper[:depth] == key:
                    hint = f"{level.layout.file} unlocks it for /{'/'.join(deeper[1:])}"
                    place = placement.tag or placement.element.span
                    state.refused.append(violations.locked_section(place, placement.section, hint))
