"""Where a URL lies on disk: the site's folder, virtual directories, names without regard to case; and the listing of a folder.

The listing has the plain form of IIS's directory browsing (iis-docs, system.webServer/directoryBrowse).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from ota_proxy.reading import is_below

_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{name}{digit}" for name in ("com", "lpt") for digit in "123456789"))
)
_NOT_IN_NAMES = frozenset('<>:"|?*\\/\0')
"""Reserved by Windows; a colon would open an alternate data stream."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A virtual directory: URL `prefix` without its slash at the end (empty: the site's root), and a folder."""

    prefix: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL path stands for. `served` is the path below the site's root with `/`; `kind` says what is there."""

    path: Path
    served: str
    kind: Literal["file", "folder", "missing"]
    root: Path
    """The folder that nothing may lead out of: links are followed inside of it only."""


class Tree:
    """The folders of a site."""

    def __init__(self, mounts: Sequence[Mount]) -> None:
        self.mounts = sorted(mounts, key=lambda mount: -len(mount.prefix))
        self.root = next(mount.folder for mount in self.mounts if not mount.prefix)

    def find(self, url_path: str) -> Place:
        """Look up a URL path (decoded and folded)."""
        mount = self.mount(url_path)
        rest = url_path[len(mount.prefix) :]
        steps = [step for step in rest.split("/") if step]
        served = "/".join([*mount.prefix.strip("/").split("/"), *steps]).strip("/")
        path = _walk(mount.folder, steps)
        if path is None or not is_below(path, mount.folder):
            return Place(
                mount.folder.joinpath(*[step.replace("\0", "") for step in steps]), served, "missing", mount.folder
            )
        if mount.folder == self.root and path != mount.folder:
            served = path.relative_to(self.root).as_posix()
        kind: Literal["file", "folder", "missing"] = (
            "folder" if path.is_dir() else "file" if path.is_file() else "missing"
        )
        return Place(path, served, kind, mount.folder)

    def mount(self, url_path: str) -> Mount:
        """Return the virtual directory that a URL path lies in."""
        lowered = url_path.lower()
        return next(
            mount
            for mount in self.mounts
            if lowered == mount.prefix.lower() or lowered.startswith(mount.prefix.lower() + "/")
        )

    def physical(self, url_path: str) -> Path:
        """Return the path that a URL stands for, whether something is there or not."""
        return self.find(url_path).path

    def exists(self, path: str, test: Literal["IsFile", "IsDirectory"]) -> bool:
        """Say whether a physical path, as rules put it together, is a file (or folder) of this site."""
        written = path.replace("\\", "/")
        for mount in self.mounts:
            root = str(mount.folder)
            if written.lower() == root.lower() or written.lower().startswith(root.lower().rstrip("/") + "/"):
                found = _walk(mount.folder, [step for step in written[len(root) :].split("/") if step not in ("", ".")])
                if found is None or not is_below(found, mount.folder):
                    return False
                return found.is_file() if test == "IsFile" else found.is_dir()
        return False


def _walk(folder: Path, steps: Sequence[str]) -> Path | None:
    """Follow names without regard to case; None if one is not there or no name Windows would open."""
    path = folder
    for step in steps:
        if not _openable(step):
            return None
        exact = path / step
        try:
            path = exact if exact.exists() else path / _same_name(path, step)
        except OSError:
            return None
    return path


def _openable(step: str) -> bool:
    if step == ".." or step[-1] in ". " or _NOT_IN_NAMES & set(step):
        return False
    return step.partition(".")[0].rstrip(" ").lower() not in _DEVICES


def _same_name(folder: Path, step: str) -> str:
    wanted = step.lower()
    with os.scandir(folder) as entries:
        found = next((entry.name for entry in entries if entry.name.lower() == wanted), None)
    if found is None:
        raise FileNotFoundError(step)
    return found


LONGEST = 10_000
"""Entries that one page shows."""


def listing(place: Place, url_path: str, host: str, flags: frozenset[str]) -> bytes:
    """Return the page. `flags` are those of showFlags: Date, Time, LongDate, Size, Extension."""
    title = escape(f"{host} - {url_path}")
    lines = [f"<html><head><title>{title}</title></head><body><H1>{title}</H1><hr>", "<pre>"]
    if url_path != "/":
        parent = quote(url_path.rstrip("/").rpartition("/")[0] + "/")
        lines.append(f'<A HREF="{parent}">[To Parent Directory]</A><br><br>')
    lines += [_line(entry, url_path, flags) for entry in _entries(place)]
    lines.append("</pre><hr></body></html>")
    return "\r\n".join(lines).encode()


def _entries(place: Place) -> list[os.DirEntry[str]]:
    """Return what is in the folder, without links that lead out of the site: their sizes and dates are not the site's to tell."""
    with os.scandir(place.path) as entries:
        found = sorted(entries, key=lambda entry: entry.name.lower())[:LONGEST]
    return [entry for entry in found if not entry.is_symlink() or is_below(Path(entry.path), place.root)]


def _line(entry: os.DirEntry[str], url_path: str, flags: frozenset[str]) -> str:
    try:
        status, is_folder = entry.stat(), entry.is_dir()
    except OSError:
        return ""
    changed = datetime.fromtimestamp(status.st_mtime).astimezone()
    name = entry.name if "Extension" in flags or is_folder else entry.name.rpartition(".")[0] or entry.name
    parts = [f"{changed:%m/%d/%Y}"] if flags & {"Date", "LongDate"} else []
    parts += [f"{changed:%I:%M %p}"] if "Time" in flags else []
    parts += [f"{'&lt;dir&gt;' if is_folder else status.st_size:>12}"] if "Size" in flags else []
    href = quote(url_path + entry.name) + "/" * is_folder
    return f'{" ".join(parts)} <A HREF="{href}">{escape(name)}</A><br>'
