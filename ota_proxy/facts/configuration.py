"""What an IIS configuration says, as plain frozen values with the line of each; made by `config.iis`, judged by the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ota_proxy.servers.text import SourceText, Span


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something for which IIS answers 500.19; `first` marks what it reports of this file, it stops there."""

    kind: Literal["schema", "duplicate", "locked", "module-missing"]
    message: str
    hresult: str
    hint: str
    at: Span
    first: bool


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that nobody here can judge: a section without a schema, or a spelling of which nothing is documented."""

    what: str
    at: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a list that is in force: a header and its value, a media type and its extension, a verb and whether it is allowed."""

    name: str
    value: str
    at: Span

    @property
    def on(self) -> bool:
        """Whether an `allowed` or `enabled` is true."""
        return self.value == "true"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a rewrite rule."""

    input: str
    kind: str
    pattern: str
    ignore_case: bool
    negate: bool


@dataclass(frozen=True, slots=True)
class Rewrite:
    """An inbound rewrite rule that is enabled; `sets` are the server variables it sets, `base` the URL path its pattern is relative to."""

    name: str
    at: Span
    base: str
    syntax: str
    pattern: str
    ignore_case: bool
    negate: bool
    conditions: tuple[Condition, ...]
    any_condition: bool
    action: str
    url: str
    append_query: bool
    stops: bool
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outbound:
    """An outbound rule that writes a header; its pre-condition's conditions are among `conditions`."""

    name: str
    at: Span
    variable: str
    value: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """An entry of httpErrors: `mode` is File, ExecuteURL or Redirect."""

    status: int
    path: str
    mode: str
    at: Span


@dataclass(frozen=True, slots=True)
class Redirect:
    """An enabled httpRedirect."""

    destination: str
    exact: bool
    status: str
    at: Span


@dataclass(frozen=True, slots=True)
class PathFacts:
    """What is in force for a URL path and below it, as far as nothing deeper says otherwise."""

    path: str
    types: Mapping[str, Entry] = field(repr=False)
    """Extension in lower case → its media type."""
    cache_mode: str = "NoControl"
    cache_custom: str = ""
    cache_seconds: int = 0
    cache_at: Span | None = None
    cache_unused: tuple[Entry, ...] = ()
    """Settings of clientCache that do nothing, and the mode they need."""
    headers: tuple[Entry, ...] = ()
    compresses: tuple[bool, bool] = (False, False)
    """Static files, dynamic content."""
    static_types: tuple[Entry, ...] = ()
    dynamic_types: tuple[Entry, ...] = ()
    verbs: tuple[Entry, ...] = ()
    other_verbs: bool = True
    verbs_at: Span | None = None
    extensions: tuple[Entry, ...] = ()
    other_extensions: bool = True
    extensions_at: Span | None = None
    hidden: tuple[Entry, ...] = ()
    sequences: tuple[Entry, ...] = ()
    double_escaping: bool = False
    listing: Span | None = None
    needs_tls: bool = False
    client_certificate: Span | None = None
    """Where a certificate is demanded of clients; None where it is not."""
    redirect: Redirect | None = None
    errors: tuple[ErrorPage, ...] = ()
    server_header_removed: bool = False
    rewrites: tuple[Rewrite, ...] = ()
    outbound: tuple[Outbound, ...] = ()


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding of the site: `http` or `https` and the port."""

    protocol: str
    port: int | None
    at: Span


@dataclass(frozen=True, slots=True)
class Hsts:
    """The site's own `<hsts>`."""

    enabled: bool
    max_age: int
    subdomains: bool
    preload: bool
    redirects: bool
    at: Span


@dataclass(frozen=True, slots=True)
class IisFacts:
    """An applicationHost.config, a web.config, or a tree of them. `names` are URL paths of OTA files that lie in the tree."""

    windows: str
    files: tuple[str, ...]
    unread: tuple[str, ...] = ()
    """Files that are not XML or that cannot be read: what they say is not known."""
    unreadable: tuple[str, ...] = ()
    """`FILE cannot be read: REASON` for each that we may not read; IIS, as another user on another machine, may well."""
    main: str = ""
    """Where a person looks first: the outermost web.config, else applicationHost.config."""
    site_known: bool = True
    """Files below the server level were looked at; False for an applicationHost.config alone."""
    server_known: bool = False
    """A person's applicationHost.config was read, so bindings and hsts are the site's own."""
    native_hsts: bool = True
    server_header_can_go: bool = True
    preserves_host: bool = False
    refusals: tuple[Refusal, ...] = ()
    remarks: tuple[Remark, ...] = ()
    doubts: tuple[Remark, ...] = ()
    unguarded: tuple[Entry, ...] = ()
    """Media types that are added without a `remove` before, while nobody knows what the server's own file maps."""
    ineffective: tuple[Remark, ...] = ()
    """Sections that are set while the module that reads them is not installed."""
    bindings: tuple[Binding, ...] = ()
    hsts: Hsts | None = None
    names: tuple[str, ...] = ()
    paths: tuple[PathFacts, ...] = ()
    sources: Mapping[str, SourceText] = field(default_factory=dict, repr=False)
    """The text of each file that was read, by its name."""

    def at(self, url: str) -> PathFacts:
        """Return what is in force for a URL path: the facts of the nearest path above it."""
        covering = [one for one in self.paths if f"{url.lower()}/".startswith(f"{one.path.rstrip('/')}/")]
        return max(covering, key=lambda one: len(one.path))

    def root_line(self) -> Span:
        """Return where to put what is missing."""
        return Span(self.main, 1)

    def text(self, span: Span) -> str:
        """Return the line at which a span begins, without its indentation; empty for one that stands in no file that was read."""
        source = self.sources.get(span.file)
        return source.line(span.line).strip() if source else ""

    def named(self, extensions: tuple[str, ...]) -> Iterator[str]:
        """Yield the OTA files of the tree with one of the extensions."""
        return (one for one in self.names if one.lower().endswith(extensions))
