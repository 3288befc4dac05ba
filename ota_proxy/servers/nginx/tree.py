"""A whole nginx configuration: includes followed in nginx's order, each read again in every context it is used in.

Given a main file, a folder that has one, what `nginx -T` printed, or a fragment; which of these it is, is said. What keeps nginx from
reading it (and what nginx would not survive: a circle of includes) is a problem with its place.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ota_proxy.errors import UsageError
from ota_proxy.limits import MIB
from ota_proxy.reading import read_file
from ota_proxy.servers.nginx.contexts import ABOUT, INSIDE, is_nginx, recognised
from ota_proxy.servers.nginx.placeholders import defined_variables, first_placeholder
from ota_proxy.servers.nginx.syntax import Comment, Directive, Document, Item, Problem, parse
from ota_proxy.servers.text import Span
from ota_proxy.servers.tree_files import MAGIC, DiskFiles, DumpFiles, PathMap, TreeFiles

DEEPEST: Final = 30
"""Includes inside each other."""
MOST_NODES: Final = 500_000
"""Directives of a tree, those of a file that is included twice counted twice."""
MOST_BYTES: Final = 64 * MIB
_TABLES: Final = frozenset({"types", "map", "geo", "split_clients", "charset_map"})
"""Blocks whose lines are data: nginx takes no block inside them."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A directive in its place in the tree, with the file it stands in; an include is replaced by what it reads."""

    directive: Directive
    document: Document
    children: tuple[Node, ...] = ()

    @property
    def name(self) -> str:
        """Return the directive's name."""
        return self.directive.words[0].text

    @property
    def args(self) -> tuple[str, ...]:
        """Return the arguments' values."""
        return self.directive.args

    @property
    def span(self) -> Span:
        """Return where its name and arguments stand."""
        return self.document.head(self.directive)

    @property
    def text(self) -> str:
        """Return name and arguments as they are written, on one line."""
        first, last = self.directive.start, self.directive.words[-1].end
        return " ".join(self.document.source.data[first:last].decode("utf-8", "replace").split())


@dataclass(frozen=True, slots=True)
class Hole:
    """An include that is not here, of a file whose name says what it is about."""

    span: Span
    about: str
    """`types`, `tls`, `upstream` (what an upstream is told) or `modules`."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A configuration: its main level, what it is, and what keeps it from being read."""

    nodes: tuple[Node, ...]
    main: str
    """The server's path of the file that was read first."""
    context: str = "main"
    """`main`, or the level at which a fragment would be included: `http`, `server`, `location`."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """What was recognised and taken for granted, for people."""
    holes: tuple[Hole, ...] = ()
    files: TreeFiles = field(default_factory=DumpFiles)
    documents: tuple[Document, ...] = ()

    @property
    def prefix(self) -> str:
        """Return the folder that relative paths of configuration files start from."""
        return posixpath.dirname(self.main)


def load(path: Path, maps: tuple[PathMap, ...] = ()) -> Tree:
    """Read a file, folder or dump; UsageError if there is nothing to read, everything else is a problem of the tree."""
    here = Path(path.absolute())
    if here.is_dir():
        here = _main_of(here)
    root = here.parent if not path.is_dir() else Path(path.absolute())
    try:
        data = read_file(here)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", hint="name a file or folder that is here"
        ) from None
    dump = DumpFiles.parsed(data)
    if dump is not None:
        first = next(iter(dump.files))
        return _Loader(dump, first).tree(f"read as what `nginx -T` printed: {len(dump.files)} files")
    files = DiskFiles((root, *(one.here for one in maps)), maps)
    return _Loader(files, files.server_path(here)).tree()


def _main_of(folder: Path) -> Path:
    """Return a folder's main file: `nginx.conf` in it or in the nearest folder below, else the only file that nginx could read."""
    found = [
        one for pattern in ("nginx.conf", "*/nginx.conf", "*/*/nginx.conf") for one in sorted(folder.glob(pattern))
    ]
    if not found:
        found = sorted(folder.glob("*.conf"))
        if len(found) > 1:
            raise UsageError(
                f"{folder} has no nginx.conf and {len(found)} other files", hint=f"name one of them, such as {found[0]}"
            )
    if not found:
        raise UsageError(f"{folder} has no nginx.conf", hint="name the file, or what `nginx -T` printed")
    return found[0]


@dataclass(slots=True)
class _Loader:
    files: TreeFiles
    main: str
    documents: dict[str, Document] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    nodes: int = 0
    read_bytes: int = 0

    def tree(self, *notes: str) -> Tree:
        """Read everything from the main file on."""
        document = self._document(self.main)
        nodes = self._nodes(document, document.items, (self.main,), "")
        self._placeholders()
        context = recognised({node.name for node in nodes})
        self._foreign(document, nodes)
        said = list(notes)
        if context != "main":
            said.append(
                f"read as a fragment for `{INSIDE[context]}`: what people set on the levels around it is not known, the rest is taken for nginx's default"
            )
        return Tree(
            tuple(nodes), self.main, context, tuple(self.problems), (*said, *self.notes), tuple(self.holes),
            self.files, tuple(self.documents.values()),
        )  # fmt: skip

    def _foreign(self, document: Document, nodes: list[Node]) -> None:
        """Name a file in which nothing is nginx's."""
        names = {node.name for node in nodes} | {item.name for item in document.items if isinstance(item, Directive)}
        if names and not is_nginx(names) and not self.problems:
            span = document.head(next(item for item in document.items if isinstance(item, Directive)))
            self.problems.append(
                Problem(span, "nothing here is a directive of nginx that is known: it may be a file of another program")
            )

    def _document(self, path: str) -> Document:
        """Read one file, once; OSError where it cannot be."""
        if path not in self.documents:
            data = self.files.read(path)
            self.read_bytes += len(data)
            if self.read_bytes > MOST_BYTES:
                raise OSError(27, f"all files together have more than {MOST_BYTES} bytes")
            document = parse(data, self.files.shown(path))
            self.documents[path] = document
            if document.problem:
                self.problems.append(document.problem)
        return self.documents[path]

    def _nodes(self, document: Document, items: tuple[Item, ...], stack: tuple[str, ...], inside: str) -> list[Node]:
        found: list[Node] = []
        for item in items:
            if isinstance(item, Comment):
                continue
            self.nodes += 1
            if self.nodes > MOST_NODES:
                self._once(document.span(item), f"the tree has more than {MOST_NODES} directives")
                return found
            if item.name == "include" and len(item.words) == 2 and item.block is None:
                found += self._included(document, item, stack, inside)
            else:
                if item.block and inside in _TABLES:
                    self._once(document.span(item.block), f'unexpected "{{" inside `{inside}`')
                block = item.block.items if item.block else ()
                found.append(Node(item, document, tuple(self._nodes(document, block, stack, item.name))))
        return found

    def _included(self, document: Document, item: Directive, stack: tuple[str, ...], inside: str) -> list[Node]:
        span, pattern = document.head(item), item.args[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.main), pattern))
        if len(stack) > DEEPEST:
            self.problems.append(Problem(span, f"more than {DEEPEST} includes stand inside each other"))
            return []
        found: list[Node] = []
        for one in self._paths(path, span, inside):
            if one in stack:
                self.problems.append(Problem(span, f"{one} includes itself: nginx crashes on a circle of includes"))
                continue
            try:
                included = self._document(one)
            except OSError as error:
                self._missing(span, one, error, inside)
                continue
            found += self._nodes(included, included.items, (*stack, one), inside)
        return found

    def _paths(self, path: str, span: Span, inside: str) -> list[str]:
        if not MAGIC.search(path):
            return [path]
        matches = self.files.matches(path)
        folder = posixpath.dirname(path)
        if (
            matches
            or not isinstance(self.files, DiskFiles)
            or MAGIC.search(folder)
            or self.files.folder_is_there(folder)
        ):
            return matches
        return self._without_folder(self.files, path, span, inside)

    def _without_folder(self, files: DiskFiles, path: str, span: Span, inside: str) -> list[str]:
        """Return what a pattern of a folder that is not here stands for all the same; what is not known is noted."""
        folder = posixpath.dirname(path)
        if posixpath.basename(folder) == "sites-enabled":
            other = posixpath.join(posixpath.dirname(folder), "sites-available")
            matches = files.matches(posixpath.join(other, posixpath.basename(path)))
            if matches:
                self.notes.append(f"{span.place}: there is no {folder} here; all of {other} was read instead")
                return matches
        if files.covers(folder):
            self.notes.append(f"{span.place}: there is no {folder} here: nothing is included")
        elif not inside and "modules" in path:
            self.holes.append(Hole(span, "modules"))
        else:
            hint = f"; --path-map {folder}=FOLDER says where it is"
            self._once(span, f"{path}: the folder {folder} is not here, so it is not known what is included{hint}")
        return []

    def _missing(self, span: Span, path: str, error: OSError, inside: str) -> None:
        about = ABOUT.get(posixpath.basename(path)) or ("modules" if not inside and "/modules" in path else "")
        if about:
            self.holes.append(Hole(span, about))
            self.notes.append(
                f"{span.place}: {path} was not read ({error.strerror}): what it says about {about} is not known"
            )
            return
        self._once(span, f"{path} cannot be included: {error.strerror}")

    def _once(self, span: Span, message: str) -> None:
        problem = Problem(span, message)
        if problem not in self.problems:
            self.problems.append(problem)

    def _placeholders(self) -> None:
        defined = {name for document in self.documents.values() for name in defined_variables(document)}
        holes = [first_placeholder(document, defined) for document in self.documents.values()]
        self.problems[:0] = [hole for hole in holes if hole]


def descendants(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """Yield all nodes, each before what stands in it."""
    for node in nodes:
        yield node
        yield from descendants(node.children)
