"""The package and the images as the installer asks for them: HEAD, GET, ranges, resume, conditions, each recorded and none judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Unpack

from ota_proxy import numbers
from ota_proxy.apps.manifest import hasher_for
from ota_proxy.device import http
from ota_proxy.device.bodies import Copy, Unpacker
from ota_proxy.device.hosts_met import as_unknown_host
from ota_proxy.device.http import KEEP
from ota_proxy.device.read_app import with_app
from ota_proxy.device.session import Session, Wanted
from ota_proxy.facts.install import Asset, Header, ImageFacts, PackageFacts, Response, Visit

SAMPLE = 4096
"""Bytes of a package that a ranged answer is compared with."""
_NEAR = 1 << 16
"""Where the sample of a package lies that is too large to be read."""
_STRONG_AFTER = timedelta(seconds=60)
"""A Last-Modified is a strong validator when it is this much older than Date (RFC 9110 §8.8.2.2)."""


@dataclass(slots=True)
class _Sample:
    """Chooses a range in the middle of a package and keeps its bytes, and the last ones, while the plain GET passes by."""

    size: int | None
    limit: int
    asked: tuple[int, int] = (0, 0)
    chosen: bool = False
    data: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    unpacker: Unpacker = field(default_factory=Unpacker)

    def choose(self) -> None:
        """Choose the middle of a package of known size, a place near its start of a large one or one of unknown size."""
        middle = self.size // 2 if self.size is not None and self.size <= self.limit else _NEAR
        start = middle if self.size else 1
        end = start + SAMPLE - 1
        self.asked = (start, min(end, self.size - 1) if self.size else end)
        self.chosen = True

    def settle(self, size: int | None) -> None:
        """Choose at last, or again where what HEAD said of the size was not true and the range lies outside."""
        if not self.chosen or (size and self.asked[1] >= size):
            self.size = size
            self.data.clear()
            self.choose()

    def watch(self, head: Response, offset: int, piece: bytes) -> None:
        """Take the part of a piece that lies in the range; the size may become known only now."""
        if head.status != 200:
            return
        self.unpacker.feed(piece)
        self.tail += piece
        if len(self.tail) > 2 * KEEP:
            del self.tail[:-KEEP]
        if not self.chosen:
            self.size = head.length
            self.choose()
        first, last = self.asked
        begin, end = max(first, offset), min(last + 1, offset + len(piece))
        if begin < end and len(self.data) == begin - first:
            self.data += piece[begin - offset : end - offset]

    def last(self, head: Response | None, size: int | None) -> bytes:
        """Return the last bytes of a body that came to the end that was declared; empty for another."""
        whole = head is not None and head.status == 200 and head.complete and head.received == size
        return bytes(self.tail[-KEEP:]) if whole else b""

    @property
    def need(self) -> int:
        """How much of the package the plain GET has to read."""
        fits = self.size is None or self.size <= self.limit
        return self.limit if fits else self.asked[1] + 1


async def visit_package(session: Session, url: str, assets: Iterable[Asset] = ()) -> PackageFacts:
    """Ask for a package in the order of the installer (observed behaviour), then in the ways that show what would go wrong later.

    `assets` are those of the manifest that name it: their hashes are recomputed. At last its app is looked at.
    """
    with Copy(hasher_for(assets)) as copy:
        package = await _visit(session, url, copy)
        foreign = await as_unknown_host(session, package.get, "package", "package")
        package = replace(
            package,
            hashed=copy.hashes(package.get.response),
            unknown_host=foreign.by_host,
            unknown_sni=foreign.by_sni,
        )
        return await with_app(session, package, copy)


async def _visit(session: Session, url: str, copy: Copy) -> PackageFacts:
    def watch(head: Response, offset: int, piece: bytes) -> None:
        sample.watch(head, offset, piece)
        copy.watch(head, piece)

    package = _Package(session, url)
    head = await package.ask("package head", method="HEAD", total=http.seconds("head"))
    sample = _Sample(_declared(head), session.options.package_limit)
    if sample.size:
        sample.choose()
    total = http.seconds("package")
    get = await package.ask("package", read=sample.need, watch=watch, total=total)
    size = _size(head, get, sample)
    sample.settle(size)
    first, last = sample.asked
    validator = _validator(get)
    return PackageFacts(
        url=url,
        head=head,
        get=get,
        ranged=await package.ask("package range", extra=(("Range", f"bytes={first}-{last}"),)),
        tail=await package.ask("package tail", extra=(("Range", _tail(size)),)),
        resumed=await package.resume(_late(size) or first, validator),
        conditional=await package.condition(_conditions(get)),
        second=await package.ask("package again"),
        compressed=await package.ask("package compressed", compressed=True),
        compressed_head=await package.ask("package head compressed", compressed=True, method="HEAD"),
        h1=await package.ask("package over HTTP/1.1", h2=False),
        end=await package.ask("package end", extra=(("Range", f"bytes={size - 1}-"),)) if size else None,
        range_asked=sample.asked,
        size=size,
        reference=bytes(sample.data),
        tail_reference=sample.last(get.response, size),
        unpacked=sample.unpacker.seen() if get.ok else None,
    )


class _Package:
    """The requests for one package."""

    def __init__(self, session: Session, url: str) -> None:
        self.session, self.url = session, url

    async def ask(self, step: str, **wanted: Unpack[Wanted]) -> Visit:
        """Ask with the agent of the download."""
        return await self.session.visit(step, self.url, "package", **wanted)

    async def resume(self, first: int, validator: str) -> Visit | None:
        """Go on from `first` as after a pause, if the server gave something to go on by."""
        if not validator:
            return None
        return await self.ask("package resumed", extra=(("Range", f"bytes={first}-"), ("If-Range", validator)))

    async def condition(self, conditions: tuple[Header, ...]) -> Visit | None:
        """Ask whether the package is still the same."""
        return await self.ask("package unchanged", extra=conditions) if conditions else None


def _declared(visit: Visit) -> int | None:
    response = visit.response
    return response.length if visit.ok and response is not None else None


def _size(head: Visit, get: Visit, sample: _Sample) -> int | None:
    """Return the size as GET declares it, or as counted, or as HEAD declares it: some answer HEAD with a size of 0."""
    response = get.response
    if response is None or not get.ok:
        return _declared(head)
    counted = response.received if response.complete else None
    return next((size for size in (response.length, counted, _declared(head), sample.size) if size is not None), None)


def _tail(size: int | None) -> str:
    """Ask for the end as a resume does, with an open range; as a suffix where the size is unknown."""
    return f"bytes={max(size - KEEP, min(1, size - 1))}-" if size else f"bytes=-{KEEP}"


def _late(size: int | None) -> int:
    """Return where a download of this size goes on within its last 64 KiB; 0 for one that is too small, or of unknown size."""
    return max(0, size - KEEP // 2) if size else 0


def _validator(visit: Visit) -> str:
    """Return what may stand in If-Range (RFC 9110 §13.1.5): a strong ETag, else a Last-Modified that is strong; else nothing."""
    response = visit.response
    if response is None or not visit.ok:
        return ""
    etag, modified = response.header("etag") or "", response.header("last-modified") or ""
    if etag.startswith('"'):
        return etag
    then, sent = numbers.date(modified), numbers.date(response.header("date") or "")
    return modified if not etag and then and sent and sent - then >= _STRONG_AFTER else ""


def _conditions(visit: Visit) -> tuple[Header, ...]:
    response = visit.response
    if response is None or not visit.ok:
        return ()
    etag, modified = response.header("etag"), response.header("last-modified")
    if etag:
        return (("If-None-Match", etag),)
    return (("If-Modified-Since", modified),) if modified else ()


async def visit_image(session: Session, asset: Asset) -> ImageFacts:
    """Ask for an image of the manifest."""
    return ImageFacts(asset.kind, asset.url, await session.visit("image", asset.url, "manifest"))
