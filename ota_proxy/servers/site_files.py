"""What a server would find on its disk: a file, a folder, nothing; or None, where that is not known here."""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ota_proxy.servers.tree_files import DiskFiles

_STOCK: Final = frozenset(
    {
        "/var/www/html",
        "/var/www",
        "/usr/share/nginx/html",
        "/srv",
        "/srv/http",
        "/usr/local/www",
        "/data",
        "/",
        "/usr/share/nginx",
    }
)
"""Folders that machines have without serving this site."""
_SYSTEM: Final = ("/etc/", "/usr/local/", "/opt/")
"""Where the configuration of this very machine lies."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at a path: `file`, `folder`, `absent` or `other`; size and time where they are the server's own."""

    kind: str
    size: int | None = None
    modified: float | None = None
    readable: bool = True


class SiteFiles(Protocol):
    """The disk of the server that is asked."""

    def entry(self, path: str, root: str) -> Entry | None:
        """Return what stands at a path of the server below one of its roots, None if that is not known."""


@dataclass(frozen=True, slots=True)
class AllThere:
    """A disk on which every file is there that is asked for, and every path that ends in `/` is a folder."""

    def entry(self, path: str, root: str) -> Entry | None:  # noqa: ARG002  # the protocol's
        """Return a file or a folder, by how the path ends."""
        return Entry("folder" if path.endswith("/") else "file")


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """The folders that were named (`--path-map`, the tree's own) and those of this machine, where the configuration is this machine's."""

    disk: DiskFiles
    this_machine: bool = True
    """False for a dump, which may come from anywhere."""
    cache: dict[str, Entry] = field(default_factory=dict, compare=False)

    def entry(self, path: str, root: str) -> Entry | None:
        """Return what stands at a path, None if the folder is not one that was named or is here."""
        plain = posixpath.normpath(path)
        if not posixpath.isabs(plain) or not self._known(plain, posixpath.normpath(root)):
            return None
        if path not in self.cache:
            self.cache[path] = self._looked_up(path, mapped=self.disk.mapped(plain))
        return self.cache[path]

    def _known(self, path: str, root: str) -> bool:
        if self.disk.mapped(path) or any(_inside(path, os.fspath(one)) for one in self.disk.roots):
            return True
        if not self.this_machine or not Path(root).is_dir():
            return False
        return root not in _STOCK or any(os.fspath(one).startswith(_SYSTEM) for one in self.disk.roots)

    def _looked_up(self, path: str, *, mapped: bool) -> Entry:
        here = self.disk.local(posixpath.normpath(path))
        try:
            found = here.stat()
        except (OSError, ValueError) as error:
            return Entry("absent" if getattr(error, "errno", 2) in {2, 20, 36} else "other")
        if stat.S_ISDIR(found.st_mode):
            return Entry("folder")
        if not stat.S_ISREG(found.st_mode) or path.endswith("/"):
            return Entry("absent" if path.endswith("/") else "other")
        return Entry("file", found.st_size, None if mapped else found.st_mtime)


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
