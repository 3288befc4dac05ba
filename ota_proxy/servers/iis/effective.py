"""Makes facts of IIS configuration: what is refused, and what is in force for every URL path that some file says something about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ota_proxy.facts.configuration import Binding, Entry, Hsts, IisFacts, Refusal, Remark
from ota_proxy.numbers import port
from ota_proxy.policy.capabilities import resolve
from ota_proxy.policy.media_types import ota_types
from ota_proxy.servers.iis.effective_paths import PathReader
from ota_proxy.servers.iis.in_force import Configuration
from ota_proxy.servers.iis.schema import table
from ota_proxy.servers.iis.syntax import Element
from ota_proxy.servers.iis.violations import UNREADABLE, Violation

_MOST_NAMES = 2000
"""OTA files that are looked at by name; a tree with more says the same again."""


def read_facts(configuration: Configuration, root: Path | None, *, windows: str, own_server: bool) -> IisFacts:
    """Return the facts of a loaded configuration.

    `root` is the folder whose files are looked at by name, None for none; `own_server` says that applicationHost.config is
    the person's and not the defaults of IIS 10.
    """
    caps = resolve("iis", windows)
    everything = configuration.problems()
    problems = tuple(one for one in everything if one.hresult != UNREADABLE)
    refusals = tuple(_refusals(problems))
    refused = {one.at for one in refusals}
    files = tuple(one.file for one in configuration.documents()) or tuple(one.span.file for one in everything)
    return IisFacts(
        windows=windows,
        files=files,
        main=next((one for one in files if one != configuration.server_file), files[0] if files else ""),
        site_known=configuration.reads_files,
        unread=tuple(dict.fromkeys(one.span.file for one in everything if _unread(one, configuration))),
        unreadable=tuple(
            f"{one.span.file} cannot be read: {one.hint}" for one in everything if one.hresult == UNREADABLE
        ),
        server_known=own_server and any(one.node.span.line for one in configuration.sites),
        native_hsts=caps.has("native_hsts"),
        server_header_can_go=caps.has("remove_server_header"),
        preserves_host=_preserves_host(configuration),
        refusals=refusals,
        remarks=tuple(Remark(one.what, one.span) for one in configuration.unmodelled()),
        doubts=tuple(Remark(one.what, one.span) for one in configuration.doubts()),
        unguarded=() if own_server else tuple(one for one in _unguarded(configuration) if one.at not in refused),
        ineffective=tuple(_ineffective(configuration)),
        bindings=tuple(_bindings(configuration)) if own_server else (),
        hsts=_hsts(configuration) if own_server else None,
        names=tuple(_names(root)) if root else (),
        paths=tuple(map(PathReader(configuration).read, configuration.targets())),
        sources={one.file: one.source for one in configuration.documents()},
    )


def _unread(violation: Violation, configuration: Configuration) -> bool:
    return all(violation.span.file != one.file for one in configuration.documents())


def _refusals(problems: tuple[Violation, ...]) -> Iterator[Refusal]:
    seen: set[str] = set()
    for one in problems:
        first = one.span.file not in seen
        seen.add(one.span.file)
        yield Refusal(one.kind, one.message, one.hresult, one.hint, one.span, first)


def _preserves_host(configuration: Configuration) -> bool:
    try:
        return configuration.server_section("system.webServer/proxy").flag("preserveHostHeader")
    except KeyError:
        return False


def _bindings(configuration: Configuration) -> Iterator[Binding]:
    for site in configuration.sites[:1]:
        for node in site.node.child("bindings").entries():
            number = port(node.text("bindingInformation").rpartition(":")[0].rpartition(":")[2])
            yield Binding(node.text("protocol").lower(), number, node.span)


def _hsts(configuration: Configuration) -> Hsts | None:
    node = configuration.site.hsts
    place = node.where("enabled") or node.where("max-age")
    if place is None:
        return None
    return Hsts(
        enabled=node.flag("enabled"),
        max_age=node.number("max-age"),
        subdomains=node.flag("includeSubDomains"),
        preload=node.flag("preload"),
        redirects=node.flag("redirectHttpToHttps"),
        at=place,
    )


def _ineffective(configuration: Configuration) -> Iterator[Remark]:
    """Yield sections whose module is known to be absent, although its schema is part of IIS.

    What stands at server level of applicationHost.config came with IIS, for every role service there is.
    """
    for document in configuration.documents():
        roots = document.root.children
        if document.file == configuration.server_file:
            roots = tuple(one for one in roots if one.name == "location")
        for path, element in (found for one in roots for found in _below(one)):
            section = table.sections()[path]
            if section.module and not section.separate and configuration.missing(section.module):
                yield Remark(f"{path} is read by {section.module}, which is not installed", element.span)


def _below(child: Element) -> Iterator[tuple[str, Element]]:
    """Yield the sections of a child of `configuration`."""
    yield from _sections(child, "" if child.name == "location" else child.name)


def _sections(element: Element, path: str) -> Iterator[tuple[str, Element]]:
    """Yield the sections below an element that our table describes."""
    for child in element.children:
        inner = f"{path}/{child.name}".lstrip("/")
        if inner in table.sections():
            yield inner, child
        elif inner.count("/") < 3:  # no group of IIS lies deeper
            yield from _sections(child, inner)


def _unguarded(configuration: Configuration) -> Iterator[Entry]:
    """Yield each mimeMap that no remove or clear precedes; whether a parent has it too is not known."""
    for document in configuration.documents():
        for path, element in (found for one in document.root.children for found in _below(one)):
            if path != "system.webServer/staticContent":
                continue
            removed = {(one.value("fileExtension") or "").lower() for one in element.children if one.name == "remove"}
            cleared = any(one.name == "clear" for one in element.children)
            for one in element.children:
                extension = one.value("fileExtension") or ""
                if one.name == "mimeMap" and not cleared and extension.lower() not in removed:
                    yield Entry(extension, one.value("mimeType") or "", one.span)


def _names(root: Path) -> Iterator[str]:
    """Yield URL paths of OTA files below a folder."""
    wanted, found = tuple(ota_types()), 0
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(wanted) and found < _MOST_NAMES:
                found += 1
                yield f"/{(Path(folder) / name).relative_to(root).as_posix()}"
