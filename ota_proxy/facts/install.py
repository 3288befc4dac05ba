"""What was seen, never what to think of it. Frozen; rules read it, nothing writes it after the walk.

Times are UTC, durations seconds, sizes bytes. A body is kept up to the limit of its step, `truncated` says when there was more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ota_proxy.facts.app import AppFacts, HashFacts
from ota_proxy.facts.exchange import Exchange, Header, Response, Visit, origin
from ota_proxy.facts.page import FrameFacts, InAppFacts, LinkFacts, PageFacts, PartFacts, TabletFacts, ViewFacts
from ota_proxy.facts.tls import CertificateFacts, ErrorKind, NetError, TlsFacts, Trust

__all__ = [
    "Asset",
    "CertificateFacts",
    "ErrorKind",
    "Exchange",
    "FamilyFacts",
    "FrameFacts",
    "Header",
    "ImageFacts",
    "InAppFacts",
    "InstallFacts",
    "LinkFacts",
    "ManifestFacts",
    "NetError",
    "PackageFacts",
    "PageFacts",
    "PartFacts",
    "PlainHttpFacts",
    "Response",
    "TabletFacts",
    "TlsFacts",
    "Trust",
    "Unpacked",
    "ViewFacts",
    "Visit",
    "origin",
]


@dataclass(frozen=True, slots=True)
class PlainHttpFacts:
    """What port 80 (or the plain port that `--resolve` names) does with the manifest's path and a query."""

    probe: Visit
    """GET http://HOST/PATH?ota-proxy=probe%2Fx, redirects recorded but never followed off http more than needed."""
    open: bool
    """Something listens and speaks HTTP."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset of the manifest. `url` as written, `absolute` empty if it has no host."""

    kind: str
    url: str
    hashes: tuple[str, ...] = ()
    hash_name: str = ""
    """`md5` or `sha256`, empty without hashes."""
    chunk_size: int | None = None


@dataclass(frozen=True, slots=True)
class FamilyFacts:
    """The manifest over one family of addresses, of a host that has both."""

    family: Literal["ipv4", "ipv6"]
    address: str
    """The first address of the family."""
    visit: Visit | None = None
    """With the installer's user agent; None if this machine has no way to such addresses."""


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """The manifest as the installer gets it, and what one reading of the property list found."""

    url: str
    visit: Visit
    """With the user agent of the installer's manifest request, no cookies, no Referer."""
    browser: Visit | None = None
    """The same URL with Safari's user agent."""
    mdm: Visit | None = None
    download: Visit | None = None
    """With the user agent of the package's download, which is that of older installers altogether."""
    again: tuple[Visit, ...] = ()
    """Every agent once more, where their answers differ."""
    by_family: tuple[FamilyFacts, ...] = ()
    """IPv4 and IPv6 each; empty for a host that has one of them."""
    h1: Visit | None = None
    """The same over HTTP/1.1 only."""
    unknown_host: Visit | None = None
    """The same address and SNI under an unknown Host."""
    unknown_sni: Visit | None = None
    """The same address under an unknown SNI and Host."""
    compressed: Visit | None = None
    """The same with Accept-Encoding: gzip, deflate, br."""
    data: Mapping[str, Any] | None = None
    """The property list's root dictionary; None if it is not one."""
    parse_error: str = ""
    """Why the body is not a property list, with line and column where known."""
    passed: str = ""
    """What stands around the property list and Apple's reader passes over: white space ahead, text behind."""
    unsafe: str = ""
    """Why it was not parsed: entity declarations, external entities, size."""
    undecoded: str = ""
    """A Content-Encoding that a device undoes and we do not (`brotli`): whether the body is a property list was not seen."""
    head: bytes = b""
    """What the body begins with, its Content-Encoding undone."""
    cut: bool = False
    """The body ends before its compression does."""
    items: tuple[Mapping[str, Any], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    assets: tuple[Asset, ...] = ()


@dataclass(frozen=True, slots=True)
class Unpacked:
    """How far an archive could be read front to back: to its central directory (`whole`), to a problem, or to the last byte read."""

    end: int
    whole: bool
    problem: str = ""
    at: bytes = b""
    """The bytes at `end`, at most 16."""
    cause: str = ""
    """What kind of problem it is (`rules/remedy_causes.toml`)."""


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """The package as the installer gets it; the visits stand in the order they were made."""

    url: str
    head: Visit
    get: Visit
    """GET, body kept up to 64 KiB, read on up to the limit of the walk, then dropped."""
    ranged: Visit
    """GET with Range: bytes=N-M in the middle (`range_asked`)."""
    tail: Visit
    """GET with Range: the last bytes."""
    resumed: Visit | None
    """GET with Range and If-Range: the server's own ETag, or its Last-Modified where that is strong; None without a validator.

    It goes on within the last 64 KiB, where the size is known."""
    conditional: Visit | None
    """GET with If-None-Match or If-Modified-Since; None without a validator."""
    second: Visit
    """The first GET once more."""
    compressed: Visit
    """GET with Accept-Encoding: gzip, deflate, br."""
    compressed_head: Visit | None = None
    h1: Visit | None = None
    """GET over HTTP/1.1 only."""
    end: Visit | None = None
    """GET with Range: the very last byte, the latest place where a download can go on; None if the size is not known."""
    range_asked: tuple[int, int] = (0, 0)
    size: int | None = None
    """As declared by HEAD or GET, or counted."""
    reference: bytes = b""
    """Bytes of `range_asked` from the plain GET, to compare with; empty if it did not read that far."""
    tail_reference: bytes = b""
    """The last bytes of the plain GET, at most 64 KiB, to compare with; empty if it was not read to its end."""
    unpacked: Unpacked | None = None
    """What a front-to-back reading of the plain GET's body met; None if it brought none."""
    app: AppFacts | None = None
    """What the archive says about its app; None if it could not be read."""
    app_unread: str = ""
    """Why `app` is None."""
    app_visits: tuple[Visit, ...] = ()
    """The requests for parts of the archive; none where all of it was read anyway."""
    unknown_host: Visit | None = None
    """The package under an unknown Host, as with the manifest; None if it was not asked."""
    unknown_sni: Visit | None = None
    hashed: HashFacts | None = None
    """The manifest's hashes, recomputed; None if it has none that count, or the package was not read in full."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """A display image of the manifest."""

    kind: str
    url: str
    visit: Visit


@dataclass(frozen=True, slots=True)
class InstallFacts:
    """One walk, from where it started to the last byte it asked for."""

    target: str
    start: Literal["page", "link", "manifest", "package"]
    now: datetime
    host: str = ""
    port: int = 443
    tls: TlsFacts | None = None
    plain: PlainHttpFacts | None = None
    page: PageFacts | None = None
    link: LinkFacts | None = None
    manifest: ManifestFacts | None = None
    packages: tuple[PackageFacts, ...] = ()
    images: tuple[ImageFacts, ...] = ()
    missing: Visit | None = None
    """A path that does not exist, on the same https host: shows error headers and pages."""
    folder: Visit | None = None
    """The folder of the manifest: shows listings."""
    others: tuple[TlsFacts, ...] = ()
    """TLS of further hosts that the walk met: the page's, those of assets, and of every redirect on the way."""
    plains: tuple[PlainHttpFacts, ...] = ()
    """The plain ports of those hosts."""
    unwalked: int = 0
    """Installs of the same page that no walk was made for: there are more than are walked."""
    private_allowed: bool = False
    """Private networks were asked for: a private address is not a finding."""
    resolved_hosts: frozenset[str] = frozenset()
    """Hosts whose address was given (--resolve): whatever it is, it is not a finding."""

    @property
    def hosts(self) -> tuple[TlsFacts, ...]:
        """The TLS of every host that was looked at, the walk's own first."""
        return tuple(tls for tls in (self.tls, *self.others) if tls is not None)

    def needed(self) -> Iterator[Visit]:
        """Yield the visits without which there is no install, in the order of the walk: page, manifest, packages."""
        if self.page:
            yield self.page.visit
        if self.manifest:
            yield self.manifest.visit
        for package in self.packages:
            yield from (package.head, package.get)

    def exchanges(self) -> tuple[Exchange, ...]:
        """Return every request of the walk once, in the order of its ids."""
        found = {id(exchange): exchange for exchange in _exchanges(self)}
        return tuple(sorted(found.values(), key=lambda exchange: exchange.id))


def _exchanges(value: object) -> Iterator[Exchange]:
    if isinstance(value, Exchange):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _exchanges(item)
    elif isinstance(value, _HOLDERS):
        for name in value.__slots__:
            yield from _exchanges(getattr(value, name))


_HOLDERS = (
    InstallFacts,
    PlainHttpFacts,
    PageFacts,
    FrameFacts,
    InAppFacts,
    TabletFacts,
    PartFacts,
    ManifestFacts,
    FamilyFacts,
    PackageFacts,
    ImageFacts,
    Visit,
)
