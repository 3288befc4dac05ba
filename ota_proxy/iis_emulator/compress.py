"""Static compression: which files IIS sends compressed, and when (iis-docs, system.webServer/httpCompression and urlCompression)."""

from __future__ import annotations

import tempfile
import time
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from ota_proxy.iis_emulator.message import BLOCK, Payload, Request, Response

MOST_PATHS = 10_000
"""Paths whose hits are counted."""
_MEMORY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CompressionSettings:
    """What configuration says below one URL. `types` are (pattern in lower case, enabled) in their order, the first that fits counts."""

    enabled: bool = False
    types: Sequence[tuple[str, bool]] = ()
    smallest: int = 2700
    ignore_hits: bool = False
    hits: int = 2
    period: float = 10.0
    without_http10: bool = True
    without_proxies: bool = True
    without_ranges: bool = True


class HitCounter:
    """Counts requests of a path within a period: a file is compressed once it is asked for often enough (serverRuntime)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hits: OrderedDict[str, list[float]] = OrderedDict()

    def often(self, path: str, settings: CompressionSettings) -> bool:
        """Note one request and say whether the path has been asked for often enough by now."""
        now = self._clock()
        recent = [moment for moment in self._hits.pop(path, []) if now - moment <= settings.period]
        self._hits[path] = [*recent[-settings.hits :], now]
        while len(self._hits) > MOST_PATHS:
            self._hits.popitem(last=False)
        return settings.ignore_hits or len(self._hits[path]) >= settings.hits


async def compressed(
    request: Request, response: Response, path: str, settings: CompressionSettings, hits: HitCounter
) -> None:
    """Replace the body of an answer with a compressed one where all conditions hold."""
    if response.status != 200 or not settings.enabled or not _may(request, settings):
        return
    length = response.payload.length
    kind = response.header("content-type").partition(";")[0].strip().lower()
    if length is None or length < settings.smallest or not compressible(kind, settings.types):
        return
    if not hits.often(path, settings):
        return
    response.payload = await _gzip(response.payload)
    response.set_header("Content-Encoding", "gzip")
    response.set_header("Vary", "Accept-Encoding")


def compressible(kind: str, types: Sequence[tuple[str, bool]]) -> bool:
    """Say whether a media type is in the list: exact entries first, then `type/*`, then `*/*`."""
    table = dict(reversed(types))
    major = kind.partition("/")[0]
    return next((table[name] for name in (kind, f"{major}/*", "*/*") if name in table), False)


def _may(request: Request, settings: CompressionSettings) -> bool:
    if settings.without_http10 and request.speaks == "1.0":
        return False
    if settings.without_proxies and request.has("via"):
        return False
    if settings.without_ranges and request.has("range"):
        return False
    return _accepts(request.header("accept-encoding"))


def _accepts(field: str) -> bool:
    for part in field.split(","):
        coding, _, weight = part.partition(";")
        if coding.strip().lower() in ("gzip", "*") and weight.replace(" ", "").lower() not in (
            "q=0",
            "q=0.0",
            "q=0.00",
            "q=0.000",
        ):
            return True
    return False


async def _gzip(payload: Payload) -> Payload:
    """Compress into a temporary file, in memory while it is small, so that its length is known."""
    packer = zlib.compressobj(wbits=31)
    store = tempfile.SpooledTemporaryFile(max_size=_MEMORY)  # noqa: SIM115 - closed when the body was read or is forgotten
    async for block in payload.chunks():
        store.write(packer.compress(block))
    store.write(packer.flush())
    length = store.tell()

    async def chunks() -> AsyncIterator[bytes]:
        with store:
            store.seek(0)
            while block := store.read(BLOCK):
                yield block

    return Payload(length, chunks, store.close)
