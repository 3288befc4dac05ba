"""Finds files as Windows does, whatever the case of their names, and notices when one changes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ota_proxy.limits import TREE_FILES

WEB_CONFIG = "web.config"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells two states of a file apart without reading it."""

    path: Path
    modified: int
    size: int


def stamp(path: Path | None) -> Stamp | None:
    """Return the stamp of a file, None where there is none. One that is there and cannot be looked at has one too: reading it says why."""
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
    """Return the entry of a folder whose name is `name` in any case, the exact spelling first; None where there is none."""
    exact = folder / name
    try:
        if exact.exists():
            return exact
        names = sorted(one.name for one in folder.iterdir() if one.name.lower() == name.lower())
    except (OSError, ValueError):  # a name that this system cannot have
        return None
    return folder / names[0] if names else None


def subfolder(folder: Path, name: str) -> Path | None:
    """Return a folder inside a folder, None where there is none; never the folder itself or its parent."""
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
