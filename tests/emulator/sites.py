"""Sites for the emulator inside this process: a folder, a configuration, and a raw client that never follows or repairs anything."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TypeVar

from ota_proxy.iis_emulator.build import build
from ota_proxy.iis_emulator.connection import read_target
from ota_proxy.iis_emulator.listener import Listen, Server
from ota_proxy.iis_emulator.message import Header, Request, Response
from ota_proxy.iis_emulator.pipeline import AccessLog, Pipeline, application
from ota_proxy.iis_emulator.request_routing import Upstreams
from ota_proxy.servers.iis.in_force import Configuration

Result = TypeVar("Result")
FILES = {"index.html": b"<p>hello</p>", "app.plist": b"<plist/>", "App.ipa": b"PK" * 40_000, "a b.txt": b"blank"}


@dataclass(slots=True)
class Emulated:
    """One emulated site and its access log."""

    pipeline: Pipeline
    log: StringIO


def emulated(folder: Path, config: str = "", overlay: str = "", windows: str = "2022") -> Emulated:
    """Write a site and build its pipeline; `config` and `overlay` are what stands inside <configuration>."""
    root = folder / "site"
    root.mkdir(parents=True, exist_ok=True)
    for name, data in FILES.items():
        (root / name).write_bytes(data)
    (root / "web.config").write_text(f"<configuration>{config}</configuration>", encoding="utf-8")
    apphost = folder / "applicationHost.config"
    apphost.write_text(f"<configuration>{overlay}</configuration>", encoding="utf-8")
    log = StringIO()
    configuration = Configuration.load(root, apphost, windows=windows)
    return Emulated(build(configuration, root, AccessLog(log), Upstreams(ssl.create_default_context())), log)


def ask(
    site: Emulated, target: str, *, method: str = "GET", headers: tuple[Header, ...] = (), secure: bool = True
) -> Response:
    """Send one request through the pipeline and return the answer."""
    seen = read_target(target)
    fields = [("Host", "ota.example.com"), *headers]
    ends = (("127.0.0.1", 50000), ("127.0.0.1", 443))
    request = Request(
        method, target, seen.path, seen.query, fields, secure=secure, speaks="1.1", remote=ends[0], local=ends[1]
    )
    return asyncio.run(site.pipeline.answer(request))


async def body_of(response: Response) -> bytes:
    """Read an answer's body."""
    return b"".join([block async for block in response.payload.chunks()])


def served(site: Emulated, client: Callable[[int], Awaitable[Result]]) -> Result:
    """Listen in plain HTTP, let a client do what it wants, and stop."""

    async def run() -> Result:
        server = Server()
        port = await server.listen(Listen(0, application([site.pipeline])))
        try:
            return await client(port)
        finally:
            await server.close()

    return asyncio.run(run())
