"""Recognises IIS's two configuration files by what they hold, and finds everything that IIS would refuse in one or in a tree."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ota_proxy.servers.iis.in_force import Configuration
from ota_proxy.servers.iis.syntax import Document
from ota_proxy.servers.iis.violations import Violation

FileKind = Literal["web.config", "applicationHost.config"]
_SERVER = {"system.applicationHost", "webFarms"}


def kind_of(document: Document) -> FileKind:
    """Return what a file with a `configuration` root is: the server's has sites or pools, or registers the groups of IIS."""
    for child in document.root.children:
        if child.name in _SERVER:
            return "applicationHost.config"
        groups = {one.value("name") for one in child.children} if child.name == "configSections" else set()
        if groups & {"system.applicationHost", "system.webServer"}:
            return "applicationHost.config"
    return "web.config"


def validate(
    site_root: Path,
    apphost: Path | None = None,
    *,
    without_modules: frozenset[str] = frozenset(),
    windows: str = "2022",
) -> tuple[Violation, ...]:
    """Return every violation of a folder's web.config files, or of one file, and of applicationHost.config; errors as `Configuration.load`."""
    return Configuration.load(site_root, apphost, without_modules=without_modules, windows=windows).problems()
