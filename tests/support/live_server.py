"""A small https site on loopback in a thread of its own, for tests that run a whole command against it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ota_proxy.apps.install_link import install_link
from ota_proxy.apps.manifest import build_manifest
from ota_proxy.apps.package import EXAMPLE_APP, build_package
from tests.support.device_servers import HOST, Handler, chain, server_context, serving

FULL = chain()
BASE = f"https://{HOST}"
IPA = build_package(size=4000)
_HEADERS = "Strict-Transport-Security: max-age=63072000\r\nCache-Control: no-store\r\nServer: nginx/1.26.3\r\n"
_TYPES = {"plist": "text/xml", "ipa": "application/octet-stream", "png": "image/png", "html": "text/html"}


def files(apps: tuple[str, ...] = ("app",)) -> dict[str, bytes]:
    """Return what the site serves: a page with a link for each app, its manifest and its package."""
    found: dict[str, bytes] = {}
    for app in apps:
        manifest = build_manifest(EXAMPLE_APP, f"{BASE}/{app}.ipa")
        found |= {f"/{app}.plist": manifest, f"/{app}.ipa": IPA}
    links = (f'<a target="_top" href="{install_link(f"{BASE}/{app}.plist", "html")}">Install</a>' for app in apps)
    return {**found, "/": f"<!doctype html><title>Apps</title>{''.join(links)}".encode()}


def site(content: dict[str, bytes]) -> Handler:
    """Serve files over HTTP/1.1 with ranges; a path under /slow/ gets one byte a second of an endless header."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:]}
        while path.startswith("/slow/"):
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(1)
        unknown = headers["host"].partition(":")[0] != HOST
        writer.write(_answer(method, "" if unknown else path.partition("?")[0], headers, content))
        await writer.drain()

    return handle


def _answer(method: str, path: str, headers: dict[str, str], content: dict[str, bytes]) -> bytes:
    body = content.get(path)
    if body is None:
        return f"HTTP/1.1 404 Not Found\r\n{_HEADERS}Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n".encode()
    kind = _TYPES[path.rpartition(".")[2] if "." in path else "html"]
    fields = f'{_HEADERS}ETag: "one"\r\nAccept-Ranges: bytes\r\nContent-Type: {kind}\r\n'
    if headers.get("if-none-match") == '"one"':
        return f"HTTP/1.1 304 Not Modified\r\n{fields}\r\n".encode()
    status, whole = "200 OK", len(body)
    if "range" in headers:
        first, _, last = headers["range"].removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, whole - int(last))
        end = min(int(last), whole - 1) if first and last else whole - 1
        status, body, fields = (
            "206 Partial Content",
            body[start : end + 1],
            f"{fields}Content-Range: bytes {start}-{end}/{whole}\r\n",
        )
    answer = f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode()
    return answer if method == "HEAD" else answer + body


@dataclass(frozen=True, slots=True)
class Live:
    """A running site: its port, and the flags that lead `check` to it, and to a port where nothing listens."""

    port: int
    ca: Path

    @property
    def flags(self) -> list[str]:
        ways = (f"{HOST}:443:127.0.0.1:{self.port}", "dead.example.com:1:127.0.0.1")
        return ["--ca", str(self.ca), *(word for way in ways for word in ("--resolve", way))]


@contextlib.contextmanager
def live(folder: Path, content: dict[str, bytes] | None = None) -> Iterator[Live]:
    """Serve in a thread until the block ends."""
    context = server_context(folder, FULL.leaf, FULL.lower, FULL.upper)
    ca = folder / "ca.pem"
    ca.write_text(FULL.root.pem)
    started: list[int] = []
    ready, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with serving(site(files() if content is None else content), context) as port:
            started.append(port)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    try:
        assert ready.wait(10)
        yield Live(started[0], ca)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
