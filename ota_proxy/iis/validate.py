"""Recognises IIS's configuration files by what they hold, and finds everything that IIS would refuse in a file or a tree."""

from __future__ import annotations

from typing import Literal

from ota_proxy.iis.document import Document

FileKind = Literal["web.config", "applicationHost.config"]
_SERVER = {"system.applicationHost", "webFarms"}


def kind_of(document: Document) -> FileKind:
    """Return what a file with a `configuration` root is: one that has sites, pools or the groups of IIS in its configSections is the server's."""
    for child in document.root.children:
        if child.name in _SERVER:
            return "applicationHost.config"
        groups = {one.value("name") for one in child.children} if child.name == "configSections" else set()
        if groups & {"system.applicationHost", "system.webServer"}:
            return "applicationHost.config"
    return "web.config"
