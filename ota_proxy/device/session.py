"""One walk's requests: numbers them, follows their redirects as a device does, and does not ask again at an origin that cannot be reached.

Facts only: every hop is recorded, also the redirects that are not followed.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, Protocol, TypedDict, Unpack, runtime_checkable
from urllib.parse import urljoin, urlsplit

from ota_proxy.device import http
from ota_proxy.device.handshake import TlsMemory
from ota_proxy.device.http import KEEP, Agent, Request, fetch
from ota_proxy.device.http_framing import HTTP_1_1_REQUIRED, Watch
from ota_proxy.device.network import NetFault, Network, Place, Reach, Resolve, ascii_host
from ota_proxy.device.second_look import second_look, worth_it
from ota_proxy.facts.install import Exchange, Header, NetError, ViewFacts, Visit, origin

LIMIT = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
Send = Callable[[Request], Awaitable[Exchange]]


async def follow(request: Request, send: Send, *, limit: int = LIMIT, to_https: bool = True) -> Visit:
    """Make a request and follow at most `limit` redirects.

    From https never to http (`left-https`). With `to_https` false a redirect from http to https is left unfollowed and is not a fault:
    the last hop's Location says where it leads.
    """
    hops = [await send(request)]
    while True:
        target, stopped = _next(hops, limit)
        crossed = not to_https and urlsplit(target).scheme == "https"
        if stopped or not target or crossed:
            return Visit(request.step, tuple(hops), stopped)
        hops.append(await send(replace(request, url=target, authority="")))


def _next(hops: list[Exchange], limit: int) -> tuple[str, str]:
    """Return where the last hop leads, or why we stop there; both empty if it is not a redirect."""
    last = hops[-1]
    if last.status not in _REDIRECTS:
        return "", ""
    target = destination(last)
    if target is None:
        return "", "bad-location"
    stopped = _refusal(hops, target)
    return target, stopped or ("too-many" if len(hops) > limit else "")


def _refusal(hops: list[Exchange], target: str) -> str:
    scheme = urlsplit(target).scheme
    if scheme not in ("http", "https"):
        return "other-scheme"
    if scheme == "http" and urlsplit(hops[-1].url).scheme == "https":
        return "left-https"
    return "loop" if target in {hop.url for hop in hops} else ""


def destination(exchange: Exchange) -> str | None:
    """Return the absolute URL that an answer's Location names, without fragment; None if there is none that can be read."""
    location = exchange.response.header("location") if exchange.response else None
    if not location:
        return None
    try:
        target = urljoin(exchange.url, location.strip()).partition("#")[0]
        parts = urlsplit(target)
        readable = bool(parts.scheme) and (
            parts.scheme not in ("http", "https") or bool(parts.hostname and parts.port != 0)
        )
    except ValueError:
        return None
    return target if readable else None


Progress = Callable[[str, str], None]
"""Called with the step and a sentence about it, before it is made."""

MIB = 1 << 20


class Opener(Protocol):
    """Opens the page at a URL in a real browser and returns what each device saw; never raises."""

    async def __call__(self, session: Session, url: str) -> tuple[ViewFacts, ...]:
        """Open the page and look at it."""


@runtime_checkable
class Listener(Protocol):
    """A Progress that also hears how each request ended."""

    def ended(self, step: str, text: str, outcome: str) -> None:
        """Hear `200, 512 bytes`, or why there was no answer, for a step as it was told before."""


@dataclass(frozen=True, slots=True)
class WalkOptions:
    """How to walk. Sizes in bytes; `scale` multiplies every time-out; `now` (UTC) is what certificates are chosen by."""

    ca_pem: str | None = None
    resolve: Resolve = field(default_factory=dict)
    """(host, port) of a URL → (address, port) to connect to; names that are not in it are the system's to resolve."""
    also: Resolve = field(default_factory=dict)
    """The same for the other family of addresses, where `resolve` gives one."""
    scale: float = 1.0
    closed: bool = False
    """Ask only what `resolve` names."""
    allow_private: bool = False
    """Private addresses are asked whoever names them, and are not a finding."""
    probe_tls: bool = True
    tls_memory: TlsMemory | None = None
    """What earlier walks of the same run found out about the TLS of their hosts."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    page_limit: int = 2 * MIB
    manifest_limit: int = 2 * MIB
    package_limit: int = 64 * MIB
    """Packages up to this size are read in full once; of larger ones only as much as the range to compare needs."""
    packages: int = 10
    images: int = 10
    installs: int = 20
    """Links of one page that `walk_all` walks."""
    in_app: bool = True
    """Ask for the landing page as the browsers inside other apps too."""
    login: tuple[str, str] | tuple[()] = ()
    """Name and password that a person types when the landing page asks for them. The installer never has any."""
    link_context: Literal["given", "qr"] = "given"
    """Where an itms-services link to start at was found."""
    opener: Opener | None = None
    """Opens a landing page in a real browser."""
    open_always: bool = False
    """Open also the pages that show their links without scripts."""
    not_opened: str = ""
    """Why there is no opener."""


class Bounds(TypedDict, total=False):
    """How long a request may take (seconds) and how much of the body is kept and read (bytes)."""

    total: float
    keep: int
    read: int


class Wanted(Bounds, total=False):
    """What a request has beside its step, URL and agent: fields of `Request`, `extra` headers, `compressed` answers welcome, another `user_agent`."""

    method: str
    h2: bool
    authority: str
    server_name: str
    watch: Watch
    extra: tuple[Header, ...]
    compressed: bool
    user_agent: str


class Session:
    """The device for the time of one walk. It keeps nothing that a device would not keep: no cookies, no cache.

    `named` are the hosts that the person named: they alone may lead to private addresses.
    """

    def __init__(
        self, options: WalkOptions, progress: Progress | None = None, named: frozenset[str] = frozenset()
    ) -> None:
        self.options = options
        reach = Reach(named, options.allow_private)
        self.network = Network(options.resolve, options.ca_pem, options.scale, options.closed, reach)
        self.tell: Progress = progress or (lambda _step, _text: None)
        self._listener = progress if isinstance(progress, Listener) else None
        self._numbers = itertools.count(1)
        self._dead: dict[tuple[str, str, int], NetError] = {}
        self._looked_at: set[tuple[str, int]] = set()
        self.asked_as_unknown: set[tuple[str, tuple[str, str, int]]] = set()
        """Kinds of files and the places at which they were asked for under an unknown host name."""

    def pinned(self, place: Place, address: Place) -> Session:
        """Return the same device with one place's address fixed: its numbers go on, and what is dead there is its own business."""
        other = Session(self.options, self.tell)
        other.network = replace(self.network, resolve={**self.network.resolve, place: address})
        other._numbers = self._numbers
        return other

    async def visit(self, step: str, url: str, agent: Agent, **wanted: Unpack[Wanted]) -> Visit:
        """Ask for a URL and follow its redirects."""
        if self.options.login and agent == "browser" and step == "page":
            given = base64.b64encode(":".join(self.options.login).encode()).decode()  # RFC 7617 section 2
            wanted["extra"] = (*wanted.get("extra", ()), ("authorization", f"Basic {given}"))
        return await follow(self.request(step, url, agent, **wanted), self.send)

    @staticmethod
    def request(step: str, url: str, agent: Agent, **wanted: Unpack[Wanted]) -> Request:
        """Return the request that this part of the device makes."""
        compressed, user_agent = wanted.get("compressed", False), wanted.get("user_agent", "")
        headers = (*http.headers(agent, compressed=compressed, user_agent=user_agent), *wanted.get("extra", ()))
        return Request(
            url,
            step,
            agent,
            headers,
            method=wanted.get("method", "GET"),
            h2=wanted.get("h2", True),
            authority=wanted.get("authority", ""),
            server_name=wanted.get("server_name", ""),
            total=wanted.get("total", http.seconds("page")),
            keep=wanted.get("keep", KEEP),
            read=wanted.get("read", KEEP),
            watch=wanted.get("watch"),
        )

    async def send(self, request: Request) -> Exchange:
        """Make one request, or answer for an origin that was found dead before."""
        number = next(self._numbers)
        place = origin(request.url)
        known = self._dead.get(place)
        if known is not None:
            return Exchange(
                number, request.step, request.agent, request.method, request.url, request.headers, error=known
            )
        asked = f"{request.method} {request.url}"
        self.tell(request.step, asked)
        exchange = await self._looked_into(request, await fetch(request, self.network, number))
        if self._listener is not None:
            self._listener.ended(request.step, asked, _outcome(exchange))
        fault = _fatal(exchange)
        if fault is not None and not request.server_name:
            self._dead[place] = fault
        return exchange

    async def _looked_into(self, request: Request, exchange: Exchange) -> Exchange:
        """Look again, once, at an origin whose TLS failed: the error may be another one, or there is another way to its root.

        A request that the server wants over HTTP/1.1 goes out again so (RFC 9113 §7).
        """
        if exchange.error and exchange.error.code == HTTP_1_1_REQUIRED and request.h2:
            return await self._looked_into(
                replace(request, h2=False), await fetch(replace(request, h2=False), self.network, exchange.id)
            )
        place = _place(request.url)
        if request.server_name or not worth_it(exchange) or place is None or place in self._looked_at:
            return exchange
        self._looked_at.add(place)
        look = await second_look(exchange, place, self.network, self.options.now)
        if look.helpers:
            self.network.helpers[place] = look.helpers
            again = await fetch(request, self.network, exchange.id)
            return exchange if again.error else again
        return replace(exchange, error=look.error, address="") if look.error else exchange

    def refuse(self, step: str, url: str, agent: Agent, message: str) -> Visit:
        """Record a request that a device does not make at all."""
        error = NetError("protocol", message)
        return Visit(step, (Exchange(next(self._numbers), step, agent, "GET", url, http.headers(agent), error=error),))


def _place(url: str) -> Place | None:
    """Return host, as DNS has it, and port of a URL; None if it has none."""
    _, host, port = origin(url)
    try:
        return (ascii_host(host), port) if host else None
    except NetFault:
        return None


def _outcome(exchange: Exchange) -> str:
    answer = exchange.response
    if answer is None:
        return exchange.error.message if exchange.error else "no answer"
    size = f", {answer.received} bytes" if answer.received else ""
    return f"{answer.status}{size}" + (f", then {answer.broken.message}" if answer.broken else "")


def _fatal(exchange: Exchange) -> NetError | None:
    """Return why it is no use to ask this origin again: no connection (no address), or a GET that outlasted its time."""
    if exchange.error is not None and not exchange.address:
        return exchange.error
    found = exchange.error or (exchange.response.broken if exchange.response else None)
    return found if found and found.kind == "timeout" and exchange.method == "GET" else None
