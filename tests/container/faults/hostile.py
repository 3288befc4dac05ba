"""Faults that no nginx and no Apache can be made to have: the small server of the tests has them, and `check` must see them.

Healthy, it is `tests.support.live_server` with the suites of the guideline; a test holds that nothing is found on it then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from ota_proxy.apps.landing_page import landing_page
from ota_proxy.apps.package import EXAMPLE_APP
from ota_proxy.commands.check import CheckOptions, check
from ota_proxy.report.report import TargetReport
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.rule import Stage
from tests.support.device_servers import HOST, Handler, server_context, serving
from tests.support.live_server import BASE, FULL, files, site

Front = Callable[[int], AbstractAsyncContextManager[int]]
"""Stands before the server at a port, and yields its own port."""
_SUITES = "ECDHE+AESGCM"


@dataclass(frozen=True, slots=True)
class Hostile:
    """What is broken, the rules that report it (the first is the one it is for), and why no real server does it."""

    name: str
    ids: tuple[str, ...]
    why: str
    handler: Handler
    front: Front | None = None
    stage: Stage | None = None
    notes: tuple[str, ...] = ()

    @property
    def first_stage(self) -> Stage:
        """The stage that must be the first to fail."""
        return self.stage or catalogue()[self.ids[0]].stage


HEALTHY = site({**files(), "/": landing_page(EXAMPLE_APP, f"{BASE}/app.plist")})


def inject(handler: Handler, folder: Path, front: Front | None = None) -> TargetReport:
    """Start the server with this handler and check its page."""
    context = server_context(folder, FULL.leaf, FULL.lower, FULL.upper)
    context.set_ciphers(_SUITES)

    async def scene() -> TargetReport:
        async with serving(handler, context) as inner, (front or _nothing)(inner) as port:
            way = {(HOST, 443): ("127.0.0.1", port)}
            return await check(f"{BASE}/", CheckOptions(ca_pem=FULL.root.pem, resolve=way))

    return asyncio.run(scene())


@contextlib.asynccontextmanager
async def _nothing(port: int) -> AsyncIterator[int]:
    yield port


# -- SSL 3.0 -----------------------------------------------------------------------------------------------------------

_SSL3 = b"\x03\x00"
_TRIPLE_DES = b"\x00\x0a"
_HELLO = _SSL3 + bytes(32) + b"\x00" + _TRIPLE_DES + b"\x00"
_FLIGHT = b"\x02" + len(_HELLO).to_bytes(3, "big") + _HELLO + b"\x0e\x00\x00\x00"
"""ServerHello and ServerHelloDone (RFC 6101 §5.6)."""
_REFUSAL = b"\x15" + _SSL3 + b"\x00\x02\x02\x28"


@contextlib.asynccontextmanager
async def _with_ssl3(port: int) -> AsyncIterator[int]:
    """Answer hellos of SSL 3.0 ourselves and hand everything else on, as an old load balancer does."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(11)  # record header, kind and length of the message, version wanted
        if head[9:11] == _SSL3:
            offered = await reader.readexactly(int.from_bytes(head[3:5], "big") - 6)
            suites = offered[35 : 35 + int.from_bytes(offered[33:35], "big")]
            known = _TRIPLE_DES in {suites[i : i + 2] for i in range(0, len(suites), 2)}
            writer.write(b"\x16" + _SSL3 + len(_FLIGHT).to_bytes(2, "big") + _FLIGHT if known else _REFUSAL)
            await writer.drain()
            return
        there, onward = await asyncio.open_connection("127.0.0.1", port)
        try:
            onward.write(head)
            await asyncio.gather(_piped(reader, onward), _piped(there, writer))
        finally:
            onward.transport.abort()

    async with serving(handle) as front:
        yield front


async def _piped(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


# -- answers that never come -------------------------------------------------------------------------------------------


def _hanging_up(*endings: str) -> Handler:
    """Close the connection without a word where a path ends like this; serve everything else."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode("ascii")
        if not path.endswith(endings):
            await HEALTHY(_again(head), writer)

    return handle


def _again(head: bytes) -> asyncio.StreamReader:
    """Return a request that was read, to be read once more."""
    reader = asyncio.StreamReader()
    reader.feed_data(head)
    return reader


_SPEAKS = "nginx and Apache answer what they understand; it is broken applications and filters that hang up"

HOSTILE = (
    Hostile(
        "SSL 3.0 is still accepted",
        ("OTA215",),
        "no OpenSSL that Debian has built for years can speak SSL 3.0",
        HEALTHY,
        _with_ssl3,
    ),
    Hostile("the page never comes", ("OTA114",), _SPEAKS, _hanging_up("/")),
    Hostile("the manifest never comes", ("OTA301",), _SPEAKS, _hanging_up(".plist")),
    Hostile("the package never comes", ("OTA401",), _SPEAKS, _hanging_up(".ipa")),
)
