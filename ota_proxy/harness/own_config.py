"""A person's own configuration, a file or a whole tree, put where the server of an engine looks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ota_proxy.errors import UsageError
from ota_proxy.harness.engine import TestFile
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.reading import read_file
from ota_proxy.servers.base import names, server_named

_LARGEST = 16 * 1024 * 1024
_MOST_FILES = 5_000


@dataclass(frozen=True, slots=True)
class OwnConfig:
    """`main` is the file the server starts with, or the one site file when `tree` is empty and it is not a main file."""

    server: str
    main: Path
    tree: Path | None
    """The folder that goes to the server's own configuration folder, with everything in it."""

    def texts(self, caps: Capabilities) -> Mapping[str, str]:
        """Return path on the server → text of the file under test."""
        text = read_own(self.main).decode("utf-8", "surrogateescape")
        whole = self.tree is not None or _is_main(self.server, text)
        return {caps.layout.main if whole else caps.layout.site: text}

    def own(self, path: str, caps: Capabilities) -> str:
        """Return the person's file that stands at a path on the server, or the path itself for a file that is not theirs."""
        if path in self.texts(caps):
            return str(self.main)
        inside = Path(path)
        folder = caps.layout.folder
        if self.tree is not None and inside.is_relative_to(folder):
            own = self.tree / inside.relative_to(folder)
            return str(own) if own.is_file() else path
        return path

    def files(self, caps: Capabilities) -> tuple[TestFile, ...]:
        """Return the rest of the tree at its places below the server's configuration folder."""
        if self.tree is None:
            return ()
        folder = caps.layout.folder
        found = [path for path in sorted(self.tree.rglob("*")) if path.is_file() and path != self.main]
        if len(found) > _MOST_FILES or sum(path.stat().st_size for path in found) > _LARGEST:
            raise UsageError(
                "the tree is too large for a configuration",
                place=str(self.tree),
                hint="give the server's configuration folder only",
            )
        return tuple(
            TestFile(f"{folder}/{path.relative_to(self.tree)}", read_own(path), path.stat().st_mode & 0o777)
            for path in found
        )


def read_own(path: Path) -> bytes:
    """Return the bytes of a person's file; UsageError where it cannot be read."""
    try:
        return read_file(path)
    except OSError as error:
        hint = "ota-proxy must be able to read the whole tree"
        raise UsageError(f"the file cannot be read: {error.strerror}", place=f"--config {path}", hint=hint) from None


def _is_main(server: str, text: str) -> bool:
    line = server_named(server).main_line
    return line is not None and line.search(text) is not None


def own_config(path: Path, server: str) -> OwnConfig:
    """Look at a path given with --config; UsageError when it is no configuration of that server."""
    about = server_named(server)
    if not about.main_names:
        titles = [one.title for one in map(server_named, names()) if one.main_names]
        raise UsageError(
            f"only a configuration of {' or '.join(titles)} can be started, not of {server}",
            place="--config",
            hint=about.otherwise,
        )
    if path.is_file():
        return OwnConfig(server, path, None)
    if path.exists() and not path.is_dir():
        read_own(path)  # says what it is: a pipe, a device
    if not path.is_dir():
        hint = "give the main file, a site file, or the folder of the whole configuration"
        raise UsageError("there is no such file or folder", place=f"--config {path}", hint=hint)
    main = next((path / name for name in about.main_names if (path / name).is_file()), None)
    if main is None:
        raise UsageError(
            f"the folder holds no {' or '.join(about.main_names)}",
            place=f"--config {path}",
            hint="give the folder with the main file, or a single site file",
        )
    return OwnConfig(server, main, path)
