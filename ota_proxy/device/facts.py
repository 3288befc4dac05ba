"""What was seen, never what to think of it. Frozen; rules read it, nothing writes it after the walk.

Times are UTC, durations seconds, sizes bytes. A body is kept up to the limit of its step, `truncated` says when there was more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from ota_proxy.device.tls_facts import CertificateFacts, ErrorKind, NetError, TlsFacts, Trust

__all__ = [
    "Asset",
    "CertificateFacts",
    "ErrorKind",
    "Exchange",
    "Header",
    "ImageFacts",
    "InstallFacts",
    "LinkFacts",
    "ManifestFacts",
    "NetError",
    "PackageFacts",
    "PageFacts",
    "PlainHttpFacts",
    "Response",
    "TlsFacts",
    "Trust",
    "Unpacked",
    "Visit",
    "origin",
]

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """One answer as it came over the wire; header names keep their order and repetition, lower-cased."""

    status: int
    headers: tuple[Header, ...]
    http_version: Literal["1.0", "1.1", "2"]
    body: bytes = b""
    received: int = 0
    """Body bytes that arrived, also those not kept."""
    complete: bool = True
    """The body ended as declared (Content-Length, last chunk, END_STREAM). HEAD is complete by nature."""
    truncated: bool = False
    """We stopped reading at the step's limit."""
    reason: str = ""
    illegal: tuple[str, ...] = ()
    """Fields (`name: value`, as sent) that HTTP/2 forbids (RFC 9113 §8.2): hop-by-hop ones, upper case, control characters."""
    broken: NetError | None = None
    """Why the body did not end as declared although we wanted all of it: silence, time-out, a broken-off connection, wrong framing."""

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def headers_all(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, in order."""
        return tuple(value for key, value in self.headers if key == name.lower())

    @property
    def media_type(self) -> str:
        """The first Content-Type without parameters, lower-cased; empty where there is none."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def length(self) -> int | None:
        """The declared Content-Length, or None."""
        value = self.header("content-length") or ""
        return int(value) if value.isdigit() else None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it: `response` or `error`, never both."""

    id: int
    step: str
    agent: Literal["manifest", "package", "mdm", "browser"]
    method: str
    url: str
    request_headers: tuple[Header, ...]
    address: str = ""
    elapsed: float = 0.0
    response: Response | None = None
    error: NetError | None = None

    @property
    def status(self) -> int:
        """The status, 0 without an answer."""
        return self.response.status if self.response else 0


@dataclass(frozen=True, slots=True)
class Visit:
    """One thing the device wanted, with every redirect hop on the way (at most eight)."""

    step: str
    hops: tuple[Exchange, ...]
    stopped: str = ""
    """Why a redirect was not followed: `loop`, `too-many`, `left-https`, `bad-location`, `other-scheme`; empty when the last hop is the answer."""

    @property
    def first(self) -> Exchange:
        """The request as the device made it."""
        return self.hops[0]

    @property
    def last(self) -> Exchange:
        """The last request made."""
        return self.hops[-1]

    @property
    def response(self) -> Response | None:
        """The final answer."""
        return self.last.response

    @property
    def error(self) -> NetError | None:
        """Why there is no final answer."""
        return self.last.error

    @property
    def status(self) -> int:
        """The final status, 0 without an answer."""
        return self.last.status

    @property
    def ok(self) -> bool:
        """The final answer is 2xx and no redirect was left unfollowed."""
        return not self.stopped and 200 <= self.status < 300  # the 2xx class, RFC 9110 §15.3

    @property
    def redirected(self) -> bool:
        """At least one redirect was seen."""
        return len(self.hops) > 1 or bool(self.stopped)


@dataclass(frozen=True, slots=True)
class PlainHttpFacts:
    """What port 80 (or the plain port that `--resolve` names) does with the manifest's path and a query."""

    probe: Visit
    """GET http://HOST/PATH?ota-proxy=probe%2Fx, redirects recorded but never followed off http more than needed."""
    open: bool
    """Something listens and speaks HTTP."""


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """One itms-services link: where it stood, its text there, and what one decoding makes of it."""

    text: str
    context: Literal["html-attribute", "script", "text", "qr", "redirect", "given"]
    problems: tuple[str, ...] = ()
    """Codes: `not-encoded`, `amp-outside-html`, `double-escaped`, `slashes-lost`, `malformed`, `not-https`."""
    detail: str = ""
    manifest_url: str = ""
    target: str = ""
    """The anchor's target attribute."""


@dataclass(frozen=True, slots=True)
class PageFacts:
    """The landing page as Safari gets it."""

    visit: Visit
    links: tuple[LinkFacts, ...]
    package_links: tuple[str, ...] = ()
    """href values that lead to an .ipa directly."""
    scripts: bool = False


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset of the manifest. `url` as written, `absolute` empty where it has no host."""

    kind: str
    url: str
    hashes: tuple[str, ...] = ()
    hash_name: str = ""
    """`md5` or `sha256`, empty without hashes."""
    chunk_size: int | None = None


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """The manifest as the installer gets it, and what one reading of the property list found."""

    url: str
    visit: Visit
    """With the user agent of the installer's manifest request, no cookies, no Referer."""
    browser: Visit | None = None
    """The same URL with Safari's user agent."""
    mdm: Visit | None = None
    h1: Visit | None = None
    """The same over HTTP/1.1 only."""
    stranger: Visit | None = None
    """The same address and SNI under a stranger's Host."""
    compressed: Visit | None = None
    """The same with Accept-Encoding: gzip, deflate, br."""
    data: Mapping[str, Any] | None = None
    """The property list's root dictionary; None where it is none."""
    parse_error: str = ""
    """Why the body is no property list, with line and column where known."""
    unsafe: str = ""
    """Why it was not parsed: entity declarations, external entities, size."""
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
    """GET with Range and If-Range: the server's own ETag, or its Last-Modified where that is strong; None without a validator."""
    conditional: Visit | None
    """GET with If-None-Match or If-Modified-Since; None without a validator."""
    second: Visit
    """The first GET once more."""
    compressed: Visit
    """GET with Accept-Encoding: gzip, deflate, br."""
    compressed_head: Visit | None = None
    h1: Visit | None = None
    """GET over HTTP/1.1 only."""
    range_asked: tuple[int, int] = (0, 0)
    size: int | None = None
    """As declared by HEAD or GET, or counted."""
    reference: bytes = b""
    """Bytes of `range_asked` from the plain GET, to compare with; empty where it did not read that far."""
    unpacked: Unpacked | None = None
    """What a front-to-back reading of the plain GET's body met; None where it brought none."""


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
    """TLS of further hosts that assets live on."""
    private_allowed: bool = False
    """Private networks were asked for: a private address is not a finding."""
    resolved_hosts: frozenset[str] = frozenset()
    """Hosts whose address was given (--resolve): whatever it is, it is not a finding."""

    def exchanges(self) -> tuple[Exchange, ...]:
        """Return every request of the walk in the order of its ids."""
        return tuple(sorted(_exchanges(self), key=lambda exchange: exchange.id))


def _exchanges(value: object) -> set[Exchange]:
    if isinstance(value, Exchange):
        return {value}
    if isinstance(value, tuple):
        return set().union(*(_exchanges(item) for item in value))
    if isinstance(value, (InstallFacts, PlainHttpFacts, PageFacts, ManifestFacts, PackageFacts, ImageFacts, Visit)):
        return set().union(*(_exchanges(getattr(value, name)) for name in value.__slots__))
    return set()


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an absolute http(s) URL; empty values where it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", "", 0
    return parts.scheme, parts.hostname or "", port or {"https": 443, "http": 80}.get(parts.scheme, 0)
