"""An IIS configuration as rules see it: what is wrong with it, what lies in its tree, and (in `answers`) what a request would get."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from ota_proxy.numbers import port
from ota_proxy.policy.capabilities import resolve
from ota_proxy.policy.media_types import hosted_types
from ota_proxy.servers.effective import Answer, Problem, Proxied, Reason, Request
from ota_proxy.servers.iis.answers import Binding, Hsts, Server, ask
from ota_proxy.servers.iis.effective_paths import Entry, PathFacts, PathReader
from ota_proxy.servers.iis.in_force import Configuration
from ota_proxy.servers.iis.schema import table
from ota_proxy.servers.iis.syntax import Element
from ota_proxy.servers.iis.violations import UNREADABLE, Violation
from ota_proxy.servers.text import SourceText, Span

_MOST_NAMES: Final = 2000
"""OTA files that are looked at by name; a tree with more says the same again."""
_DEFAULT: Final = "a default of IIS 10"


@dataclass(frozen=True, eq=False)
class IisConfiguration:
    """An applicationHost.config, a web.config, or a tree of them: an `Effective`. `names` are URL paths of OTA files that lie in the tree."""

    windows: str
    start: Span
    """The outermost web.config, else applicationHost.config."""
    server: Server
    paths: tuple[PathFacts, ...]
    problems: tuple[Problem, ...] = ()
    unjudged: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    """`FILE cannot be read: REASON` for each that we may not read; IIS, as another user on another machine, may well."""
    broken: tuple[str, ...] = ()
    """Files that are not XML or that cannot be read: what they say is not known."""
    site_known: bool = True
    """Files below the server level were looked at; False for an applicationHost.config alone."""
    names: tuple[str, ...] = ()
    sources: Mapping[str, SourceText] = field(default_factory=dict, repr=False)

    @property
    def unread(self) -> str:
        """Why the rest cannot be told of."""
        if not self.broken:
            return ""
        return self.unreadable[0] if self.unreadable else f"{', '.join(self.broken)} cannot be read (OTA619)"

    @property
    def unseen(self) -> str:
        """Why what stands nowhere may stand elsewhere."""
        if self.site_known:
            return ""
        return "the site's web.config was not looked at: lint its folder, with this file as --apphost"

    @cached_property
    def proxied(self) -> tuple[Proxied, ...]:
        """The rewrite rules that pass requests on (ARR), in the order of paths."""
        rules = dict.fromkeys(
            rule
            for path in self.paths
            for rule in path.rewrites
            if rule.action == "Rewrite" and rule.url.lower().startswith(("http://", "https://"))
        )
        keeps = self.server.preserves_host if self.server.known else None
        return tuple(
            Proxied(f"the rule '{one.name}'", Reason("", one.at), frozenset(map(_request_header, one.sets)), keeps)
            for one in rules
        )

    def files(self, extension: str) -> tuple[str, ...]:
        """Return the files of the tree with an extension."""
        return tuple(one for one in self.names if one.lower().endswith(extension))

    def folders(self) -> tuple[str, ...]:
        """Return every path that some file says something about."""
        return tuple(one.path for one in self.paths)

    def hosting(self, extensions: tuple[str, ...]) -> tuple[str, ...]:
        """Return location tags for such a file, else the paths where such a file has a media type, else all."""
        named = [one.path for one in self.paths if one.path.endswith(extensions)]
        mapped = [one.path for one in self.paths if any(extension in one.types for extension in extensions)]
        return tuple(named or mapped) or self.folders()

    def text(self, span: Span) -> str:
        """Return the line of a span."""
        source = self.sources.get(span.file)
        if source is not None:
            return source.line(span.line).strip()
        return "" if span.line else _DEFAULT

    def ask(self, request: Request) -> Answer:
        """Return what a request would get, from the facts of the nearest path above its URL."""
        return ask(self.server, self.paths, request, self.start)


def _request_header(variable: str) -> str:
    return variable.lower().removeprefix("http_").replace("_", "-")


def read_effective(
    configuration: Configuration, root: Path | None, *, windows: str, own_server: bool
) -> IisConfiguration:
    """Return a loaded configuration as rules see it.

    `root` is the folder whose files are looked at by name, None for none; `own_server` says that applicationHost.config is
    the person's and not the defaults of IIS 10.
    """
    documents, everything = configuration.documents(), configuration.problems()
    files = tuple(one.file for one in documents) or tuple(one.span.file for one in everything)
    main = next((one for one in files if one != configuration.server_file), files[0] if files else "")
    paths = tuple(map(PathReader(configuration).read, configuration.targets()))
    start = Span(main, 1)
    return IisConfiguration(
        windows=windows,
        start=start,
        server=_server(configuration, windows, own_server=own_server),
        paths=paths,
        problems=(
            *_refusals(configuration, own_server=own_server),
            *_ineffective(configuration),
            *_without_effect(paths, windows, start),
        ),
        unjudged=tuple(one.what for one in configuration.unmodelled()),
        unreadable=tuple(
            f"{one.span.file} cannot be read: {one.hint}" for one in everything if one.hresult == UNREADABLE
        ),
        broken=tuple(dict.fromkeys(one.span.file for one in everything if _is_broken(one, configuration))),
        site_known=configuration.reads_files,
        names=tuple(_names(root)) if root else (),
        sources={one.file: one.source for one in documents},
    )


def _is_broken(violation: Violation, configuration: Configuration) -> bool:
    return all(violation.span.file != one.file for one in configuration.documents())


# -- the server level ----------------------------------------------------------------------------------------------------


def _server(configuration: Configuration, windows: str, *, own_server: bool) -> Server:
    caps = resolve("iis", windows)
    return Server(
        known=own_server and any(one.node.span.line for one in configuration.sites),
        windows=windows,
        native_hsts=caps.has("native_hsts"),
        header_can_go=caps.has("remove_server_header"),
        preserves_host=_preserves_host(configuration),
        bindings=tuple(_bindings(configuration)) if own_server else (),
        hsts=_hsts(configuration) if own_server else None,
    )


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
    span = node.where("enabled") or node.where("max-age")
    if span is None:
        return None
    return Hsts(
        enabled=node.flag("enabled"),
        max_age=node.number("max-age"),
        subdomains=node.flag("includeSubDomains"),
        preload=node.flag("preload"),
        redirects=node.flag("redirectHttpToHttps"),
        at=span,
    )


# -- what is wrong with the configuration itself ---------------------------------------------------------------------------


def _refusals(configuration: Configuration, *, own_server: bool) -> Iterator[Problem]:
    """Yield what IIS answers 500.19 for, in its own words and with its code, what it stops at marked; then what it may refuse."""
    seen: set[str] = set()
    spans = set()
    for one in configuration.problems():
        if one.hresult == UNREADABLE:
            continue
        first = one.span.file not in seen
        seen.add(one.span.file)
        spans.add(one.span)
        hint = f": {one.hint}" if one.hint else ""
        words = f"{'IIS stops here: ' * first}{one.message} ({one.hresult}){hint}"
        yield Problem(one.kind, Reason(words, one.span))
    for doubt in configuration.doubts():
        yield Problem("schema", Reason(doubt.what, doubt.span), doubtful=True)
    for entry in () if own_server else _unguarded(configuration):
        if entry.at not in spans:
            words = f"{entry.name} is added without <remove>: 500.19 on a server that maps it already (its applicationHost.config was not given)"
            yield Problem("duplicate", Reason(words, entry.at), doubtful=True)


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


def _ineffective(configuration: Configuration) -> Iterator[Problem]:
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
                words = f"{path} is read by {section.module}, which is not installed: IIS accepts the section and ignores it"
                yield Problem("ineffective", Reason(words, element.span))


def _without_effect(paths: tuple[PathFacts, ...], windows: str, start: Span) -> Iterator[Problem]:
    for unused in dict.fromkeys(entry for path in paths for entry in path.cache_unused):
        words = f"{unused.name} does nothing without cacheControlMode {unused.value}"
        yield Problem("ineffective", Reason(words, unused.at))
    if not resolve("iis", windows).has("remove_server_header") and any(one.server_header_removed for one in paths):
        words = f"removeServerHeader does nothing on Windows {windows}: it works from Windows 1709 on"
        yield Problem("ineffective", Reason(words, start, 'removeServerHeader="true"'))


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


def _names(root: Path) -> Iterator[str]:
    """Yield URL paths of OTA files below a folder."""
    wanted, found = tuple(hosted_types()), 0
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(wanted) and found < _MOST_NAMES:
                found += 1
                yield f"/{(Path(folder) / name).relative_to(root).as_posix()}"
