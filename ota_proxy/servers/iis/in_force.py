"""What IIS would use for a URL path: the defaults, applicationHost.config, then every web.config from the site's root downwards.

At each step of the path location tags of the files above come first, the outermost file's before the inner ones', then the
folder's own web.config. A web.config that changes on disk is read again; applicationHost.config is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ota_proxy.reading import is_below, read_below, read_file
from ota_proxy.servers.iis import server_level as server
from ota_proxy.servers.iis import state as files
from ota_proxy.servers.iis import violations
from ota_proxy.servers.iis.node import Node
from ota_proxy.servers.iis.sections import Unmodelled, lay_out
from ota_proxy.servers.iis.server_level import Binding, Directory, Site
from ota_proxy.servers.iis.state import Key, State, apply_file, apply_locations
from ota_proxy.servers.iis.syntax import Document, read
from ota_proxy.servers.iis.violations import Violation
from ota_proxy.servers.text import Span

__all__ = ["Binding", "Configuration", "Directory", "Node", "Site", "Unmodelled"]

LIMIT = 250 * 1024
"""Largest web.config in bytes that IIS reads unless the registry says otherwise (MaxWebConfigFileSizeInKB)."""


class Configuration:
    """One site's configuration, as a tree of URL paths. Load it with `Configuration.load`."""

    def __init__(self, base: server.Base, root: Path, *, with_files: bool) -> None:
        self._base, self._root, self._with_files = base.state, root, with_files
        self.sites: tuple[Site, ...] = base.sites
        self.site: Site = base.sites[0]
        self._name = self.site.name.lower()
        self._cache: dict[Key, State] = {}
        self._walked: list[Path] | None = None

    @classmethod
    def load(  # noqa: PLR0913 - each is a flag of the commands
        cls,
        site_root: Path,
        apphost: Path | None = None,
        *,
        without_modules: frozenset[str] = frozenset(),
        windows: str = "2022",
        schema_dir: Path | None = None,
        with_files: bool = True,
    ) -> Configuration:
        """Read a site. `apphost` overlays the defaults of IIS 10, or is the whole file where it has configSections.

        The first of its sites, or a built-in one, is the site that `site_root` belongs to: a folder, or one web.config
        alone. `with_files=False` reads no web.config. What IIS refuses is no error here, see `violation`. UsageError for an
        unknown Windows, and for a schema folder or applicationHost.config that cannot be read.
        """
        base = server.load(apphost, without_modules, windows, schema_dir)
        return cls(base, site_root, with_files=with_files)

    @property
    def server_file(self) -> str:
        """The name of applicationHost.config in places."""
        return self._base.server.file

    @property
    def reads_files(self) -> bool:
        """Whether web.config files count at all."""
        return self._with_files

    @property
    def complete(self) -> bool:
        """Whether applicationHost.config is a whole file and no overlay."""
        return self._base.server.registry.complete

    def missing(self, module: str) -> bool:
        """Say whether a module is known not to be installed: named so, or not in the globalModules of a whole file."""
        if module in self._base.server.without:
            return True
        names = {one.get("name") for one in self.server_section("system.webServer/globalModules").entries()}
        return self.complete and module not in names

    def folder_of(self, file: str) -> str:
        """Return the URL path of the folder of a web.config, `/` for another file."""
        return next((_url(one.key) for one in self._cache.values() if any(d.file == file for d in one.documents)), "/")

    def section(self, name: str, url_path: str) -> Node:
        """Return a section as it is in force for a decoded URL path (`/ota/App.ipa`); KeyError for one without a schema.

        What a violation refuses is left out. `/` is the site's root.
        """
        return _node(self._at((self._name, *steps(url_path))), name)

    def sections(self, url_path: str) -> Callable[[str], Node]:
        """Return `section` for one path, for a reader of many sections; what it returns does not follow later changes."""
        state = self._at((self._name, *steps(url_path)))
        return lambda name: _node(state, name)

    def server_section(self, name: str) -> Node:
        """Return a section as applicationHost.config has it at server level; KeyError for one without a schema."""
        return _node(self._base, name)

    def violation(self, url_path: str) -> Violation | None:
        """Return what makes IIS answer 500.19 for a path, the first in the order it reads: outer files first."""
        return next(self._at((self._name, *steps(url_path))).problems(), None)

    def problems(self) -> tuple[Violation, ...]:
        """Return every violation of applicationHost.config and of every file below the site's root, outer files first.

        This and the four below know the folders that had a web.config when the first of them was called.
        """
        return tuple(_once(one for state in self._everything() for one in state.refused))

    def unmodelled(self) -> tuple[Unmodelled, ...]:
        """Return what is there and cannot be judged, of every file."""
        return tuple(dict.fromkeys(one for state in self._everything() for one in state.unmodelled))

    def doubts(self) -> tuple[Unmodelled, ...]:
        """Return spellings of which nobody documented whether IIS takes them, of every file."""
        return tuple(dict.fromkeys(one for state in self._everything() for one in state.doubts))

    def documents(self) -> tuple[Document, ...]:
        """Return every file that was read and is XML, outer ones first."""
        return tuple({one.file: one for state in self._everything() for one in state.documents}.values())

    def targets(self) -> tuple[str, ...]:
        """Return every URL path that some file says something about: the root, folders with a web.config, location tags."""
        mine = {_url(key) for key in self._keys() if key[:1] == (self._name,)}
        return tuple(sorted(mine, key=lambda path: (path.count("/"), path)))

    # -- the tree --------------------------------------------------------------------------------------------------------

    def _at(self, key: Key) -> State:
        state = self._base
        for count in range(1, len(key) + 1):
            state = self._step(state, key[:count])
        return state

    def _step(self, parent: State, key: Key) -> State:
        """Return the state of one more step of the path; the parent's where no folder and no location tag is there."""
        folder = self._folder(parent, key)
        if folder is None and not any(level.placements(key) for level in parent.levels):
            return parent
        now = files.stamp(self._config(folder, key)) if folder else None
        cached = self._cache.get(key)
        if cached is not None and cached.parent is parent and cached.stamp == now and cached.folder == folder:
            return cached
        state = State(self._base.server, key, parent, folder, now)
        apply_locations(state)
        if now is not None:
            _read(state, now, (self._root, *(Path(one.physical) for one in self.site.directories if one.physical)))
        self._cache[key] = state
        return state

    def _folder(self, parent: State, key: Key) -> Path | None:
        if not self._with_files or key[0] != self._name:
            return None
        if len(key) == 1:
            return self._root
        own = next((one for one in self.site.directories if one.path.lower() == _url(key)), None)
        if own is not None and Path(own.physical).is_dir():
            return Path(own.physical)
        return files.subfolder(parent.folder, key[-1]) if parent.folder and parent.key == key[:-1] else None

    def _config(self, folder: Path, key: Key) -> Path | None:
        """Return the web.config of a folder; a site root that is a file is one itself, whatever its name."""
        if folder == self._root and folder.is_file():
            return folder
        return files.below(folder, files.WEB_CONFIG) if self._reads(key) else None

    def _reads(self, key: Key) -> bool:
        """Say whether a web.config counts here (allowSubDirConfig)."""
        above = [one for one in self.site.directories if _covers(one.path, _url(key))]
        nearest = max(above, key=lambda one: len(one.path), default=None)
        return nearest is None or nearest.deep or nearest.path.lower() == _url(key)

    def _everything(self) -> Iterator[State]:
        yield self._base
        for key in self._keys():
            state = self._at(key)
            if state.key == key:
                yield state

    def _keys(self) -> list[Key]:
        """Return the keys that some file says something about, the upper ones first."""
        site = (self._name,)
        found: dict[Key, None] = {site: None}
        if self._with_files:
            if self._walked is None:
                self._walked = files.web_configs(self._root)
            for path in self._walked:
                found[(*site, *(part.lower() for part in path.parent.relative_to(self._root).parts))] = None
            found.update(dict.fromkeys((*site, *steps(one.path)) for one in self.site.directories))
        for key in list(found):
            for level in self._at(key).levels:
                found.update(dict.fromkeys(level.targets()))
        return sorted(found, key=lambda key: (len(key), key))


def steps(url_path: str) -> tuple[str, ...]:
    """Return the steps of a decoded URL path in lower case; `.` and `..` are followed, never above the root."""
    found: list[str] = []
    for step in url_path.lower().replace("\\", "/").split("/"):
        if step == "..":
            del found[-1:]
        elif step not in {"", "."}:
            found.append(step)
    return tuple(found)


def _url(key: Key) -> str:
    return f"/{'/'.join(key[1:])}"


def _covers(path: str, url: str) -> bool:
    return path == "/" or f"{url}/".startswith(f"{path.lower()}/")


def _node(state: State, name: str) -> Node:
    found, shape = state.sections.get(name), state.shape(name)
    if shape is None:
        raise KeyError(name)
    return found or Node(shape, shape.name)


def _once(found: Iterator[Violation]) -> Iterator[Violation]:
    """Leave out what a file that two URL paths share reports again."""
    seen: set[tuple[Span, str]] = set()
    for one in found:
        if (one.span, one.message) not in seen:
            seen.add((one.span, one.message))
            yield one


def _bytes_of(path: Path, roots: Sequence[Path]) -> bytes:
    """Read a web.config; it may be the one that a person named, or lies in one of the site's folders and no link leads out of them."""
    if path == roots[0]:
        return read_file(path)
    return read_below(path, next((root for root in roots if is_below(path, root)), roots[0]))


def _read(state: State, now: files.Stamp, roots: Sequence[Path]) -> None:
    file = str(now.path)
    if now.size > LIMIT:
        state.refused.append(violations.too_large(Span(file, 1, 1, 0, 0, 1, 1), LIMIT))
    try:
        document = read(_bytes_of(now.path, roots), file)
    except Violation as violation:
        state.refused.append(violation)
    except OSError as error:
        state.refused.append(violations.unreadable(Span(file, 1, 1, 0, 0, 1, 1), error.strerror or str(error)))
    else:
        state.documents.append(document)
        apply_file(state, lay_out(document, state.server.registry))
