"""The files of a configuration tree under the paths that the server knows: on this disk, by `--path-map`, or inside a dump.

Only regular files below what was named are read: a hostile repository's `include /etc/shadow` is refused, with the way to allow it.
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ota_proxy.errors import UsageError
from ota_proxy.limits import TREE_FILES
from ota_proxy.reading import is_below, read_below

MAGIC: Final = re.compile(r"[*?\[]")
"""What makes a path a pattern, for nginx and for Apache."""
_LINKS: Final = 20
"""Links that are followed one after the other."""


class TreeFiles(Protocol):
    """Files by the server's paths."""

    def read(self, path: str) -> bytes:
        """Return a file's bytes; OSError, with a `strerror` for people, where it cannot be read."""

    def matches(self, pattern: str) -> list[str]:
        """Return the server's paths that a pattern stands for, in byte order as glob(3) has it in the C locale."""

    def shown(self, path: str) -> str:
        """Return the path under which a file is opened here."""


@dataclass(frozen=True, slots=True)
class PathMap:
    """`FROM=TO`: what the server knows as FROM lies here under TO."""

    server: str
    here: Path

    @classmethod
    def parsed(cls, text: str) -> PathMap:
        """Read a flag's value; UsageError where it is not `FROM=TO` with an absolute FROM and a TO that is there."""
        server, sign, here = text.partition("=")
        if not sign or not server.startswith("/") or not here:
            raise UsageError(
                f"'{text}' is not FROM=TO with an absolute FROM", hint="for example --path-map /etc/nginx=./nginx"
            )
        path = Path(os.path.abspath(here))  # noqa: PTH100  # resolve() would follow links, and lose the name that was given
        if not path.exists():
            raise UsageError(f"--path-map {text}: there is no {here}", hint="name a folder or file that is here")
        return cls(posixpath.normpath(server), path)


@dataclass(frozen=True, slots=True)
class DiskFiles:
    """Files on this disk below `roots`; the longest FROM of the maps that fits decides."""

    roots: tuple[Path, ...]
    maps: tuple[PathMap, ...] = ()

    def local(self, path: str) -> Path:
        """Return where a server's path lies here."""
        best = max(
            (one for one in self.maps if _below(path, one.server)), key=lambda one: len(one.server), default=None
        )
        if best is None:
            return Path(path)
        rest = path[len(best.server) :].lstrip("/")
        return best.here / rest if rest else best.here

    def mapped(self, path: str) -> bool:
        """Say whether a map says where a server's path lies."""
        return any(_below(path, one.server) for one in self.maps)

    def server_path(self, here: Path) -> str:
        """Return the path under which the server knows a file that lies here."""
        text = os.fspath(here)
        for one in sorted(self.maps, key=lambda one: -len(os.fspath(one.here))):
            if _below(text, os.fspath(one.here)):
                rest = text[len(os.fspath(one.here)) :].lstrip("/")
                return posixpath.join(one.server, rest) if rest else one.server
        return text

    def shown(self, path: str) -> str:
        """Return the path under which a file is opened here."""
        return os.fspath(self.local(path))

    def read(self, path: str) -> bytes:
        """Return a file's bytes; OSError where it lies outside of what was named, is not a file or is too large."""
        here = self._followed(path)
        root = next((one for one in self._allowed() if is_below(here, one)), None)
        if root is None:
            if not any(_below(os.fspath(here), os.fspath(one)) for one in self._allowed()):
                folder = posixpath.dirname(path)
                raise OSError(1, f"it lies outside of what was named; --path-map {folder}={folder} allows it")
            root = self.roots[0]
        return read_below(here, root if not root.is_file() else root.parent)

    def matches(self, pattern: str) -> list[str]:
        """Return the paths that a pattern stands for; nothing outside of what was named is listed."""
        return sorted(expand(pattern, self._names), key=os.fsencode)

    def folder_is_there(self, path: str) -> bool:
        """Say whether a server's folder is here."""
        return self.local(path).is_dir()

    def covers(self, path: str) -> bool:
        """Say whether a server's path lies in what was named, so that what is not there is nowhere."""
        here = os.fspath(self.local(path))
        return any(_below(here, os.fspath(one)) for one in self._allowed())

    def _allowed(self) -> tuple[Path, ...]:
        return (*self.roots, *(one.here for one in self.maps))

    def _followed(self, path: str) -> Path:
        """Follow links whose targets are the server's paths: /etc/nginx/sites-enabled/x → /etc/nginx/sites-available/x."""
        here = self.local(path)
        for _ in range(_LINKS):
            if here.exists() or not here.is_symlink():
                return here
            target = os.fspath(here.readlink())
            here = self.local(posixpath.normpath(posixpath.join(posixpath.dirname(self.server_path(here)), target)))
        raise OSError(40, "its links lead round in a circle")

    def _names(self, folder: str) -> Iterable[str]:
        here = self.local(folder)
        if not any(is_below(here, one) for one in self._allowed()):
            return ()
        try:
            with os.scandir(here) as entries:
                return [entry.name for entry, _ in zip(entries, range(TREE_FILES), strict=False)]
        except OSError:
            return ()


_MARK: Final = re.compile(rb"^# configuration file (/[^\n]*):\r?\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DumpFiles:
    """The files of what `nginx -T` printed, in its order: the first one is the main file."""

    files: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def parsed(cls, data: bytes) -> DumpFiles | None:
        """Take a dump apart; None for what is not one. What nginx says before it (`nginx: … syntax is ok`) is left out."""
        marks = list(_MARK.finditer(data))
        if not marks or not _is_noise(data[: marks[0].start()]):
            return None
        ends = [mark.start() for mark in marks[1:]] + [len(data)]
        bodies = ((mark, data[mark.end() : end]) for mark, end in zip(marks, ends, strict=True))
        # nginx prints a line feed behind each file
        return cls({mark[1].decode("utf-8", "surrogateescape"): body.removesuffix(b"\n") for mark, body in bodies})

    def read(self, path: str) -> bytes:
        """Return a file of the dump."""
        if path not in self.files:
            raise OSError(2, "it is not in the dump")
        return self.files[path]

    def matches(self, pattern: str) -> list[str]:
        """Return the paths of the dump that a pattern stands for."""
        return sorted(expand(pattern, self._names), key=os.fsencode)

    def shown(self, path: str) -> str:
        """Return the path that the dump names."""
        return path

    def _names(self, folder: str) -> Iterable[str]:
        start = folder.rstrip("/") + "/"
        return {path[len(start) :].partition("/")[0] for path in self.files if path.startswith(start)}


def expand(pattern: str, names: Callable[[str], Iterable[str]]) -> list[str]:
    """Return the paths that an absolute pattern stands for, as glob(3) without flags: no hidden names, `*` never crosses `/`."""
    found = ["/"]
    for step in pattern.strip("/").split("/"):
        magic = MAGIC.search(step)
        below: list[str] = []
        for folder in found:
            inside = names(folder)
            fits = _fitting(step, inside) if magic else [step] if step in {".", "..", *inside} or not inside else []
            below += [posixpath.join(folder, name) for name in fits]
        found = below[:TREE_FILES]
    return found


def _fitting(pattern: str, names: Iterable[str]) -> list[str]:
    python = re.sub(r"\[\^", "[!", pattern)
    return [name for name in names if fnmatch.fnmatchcase(name, python) and (pattern[0] == "." or name[0] != ".")]


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_noise(before: bytes) -> bool:
    return all(not line.strip() or line.startswith((b"nginx:", b"#")) for line in before.splitlines())
