"""Which server a configuration file is for, by what it holds; and what of it `lint` can read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ota_proxy.errors import UsageError
from ota_proxy.reading import read_file
from ota_proxy.servers.iis.state import WEB_CONFIG, web_configs
from ota_proxy.servers.iis.syntax import decode, kind_of, read
from ota_proxy.servers.iis.violations import Violation

Kind = Literal["tree", "web.config", "applicationHost.config", "other", "unreadable"]
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Recognised:
    """A path and what it is: a tree with web.config files, one of IIS's two files, or something else."""

    path: Path
    kind: Kind
    why: str = ""
    """Why it could not be read."""


def recognise(path: Path) -> Recognised:
    """Look at a path; UsageError for one that is not there. What is there and cannot be read, or is not a file, is `unreadable`."""
    try:
        if path.is_dir():
            return Recognised(path, "tree" if web_configs(path) else "other")
        return Recognised(path, _kind(path, read_file(path)))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"cannot be read: {error.strerror}", place=str(path)) from None
    except (OSError, ValueError) as error:
        return Recognised(path, "unreadable", getattr(error, "strerror", None) or str(error))


def _kind(path: Path, data: bytes) -> Kind:
    named: Kind = "applicationHost.config" if path.name.lower() == "applicationhost.config" else "web.config"
    if path.name.lower() == WEB_CONFIG:
        return "web.config"  # the one name that says where a file counts, whatever it holds
    if not path.name.lower().endswith(".config") and not _is_configuration(data):
        return "other"
    try:
        return kind_of(read(data, str(path)))
    except Violation:
        return named


def _is_configuration(data: bytes) -> bool:
    """Say whether a file begins as an XML file of IIS does."""
    try:
        text, _, _ = decode(data)
    except ValueError:
        return False
    return text.lstrip().startswith("<") and "<configuration" in text[:_HEAD]
