"""A small site for the simulated device, healthy unless a test changes it, and a whole walk against it."""

from __future__ import annotations

import asyncio
import email.utils
import plistlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from ota_proxy.device.walk import WalkOptions, walk
from ota_proxy.facts.install import InstallFacts
from tests.support.device_servers import HOST, NOW, chain, server_context, serving

FULL = chain()


BASE = f"https://{HOST}"


PACKAGE = b"PK\x03\x04" + bytes(range(256)) * 300 + b"PK\x05\x06" + bytes(18)


LINK = f"itms-services://?action=download-manifest&url={quote(BASE, safe='')}%2Fota%2Fmanifest.plist"


def manifest(**assets: str) -> bytes:
    wanted = assets or {"software-package": f"{BASE}/ota/app.ipa", "display-image": f"{BASE}/ota/icon.png"}
    listed = [{"kind": kind.replace("_", "-"), "url": url} for kind, url in wanted.items()]
    metadata = {"kind": "software", "bundle-identifier": "a.b", "title": "An App", "bundle-version": "1"}
    return plistlib.dumps({"items": [{"assets": listed, "metadata": metadata}]})


def page(link: str = LINK) -> bytes:
    return f'<!doctype html><a href="{link.replace("&", "&amp;")}">Install</a>'.encode()


@dataclass
class Site:
    """A little HTTP/1.1 server: files, and a hook that may answer instead of them."""

    files: dict[str, bytes] = field(
        default_factory=lambda: {
            "/": page(),
            "/ota/manifest.plist": manifest(),
            "/ota/app.ipa": PACKAGE,
            "/ota/icon.png": b"\x89PNG\r\n\x1a\n",
        }
    )
    hook: Callable[[str, str, dict[str, str]], bytes | None] = lambda _method, _path, _headers: None
    etag: str = '"one"'
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:] if line}
        self.requests.append((method, path, headers))
        raw = self.hook(method, path, headers)
        writer.write(self.answer(method, path.partition("?")[0], headers) if raw is None else raw)

    def answer(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        body = self.files.get(path)
        if body is None:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        extra = f"ETag: {self.etag}\r\nLast-Modified: {_date(-3600)}\r\nDate: {_date(0)}\r\n"
        if self.etag in headers.get("if-none-match", ""):
            return f"HTTP/1.1 304 Not Modified\r\n{extra}\r\n".encode()
        status = "200 OK"
        if "range" in headers:
            status, body, extra = "206 Partial Content", *_cut(body, headers["range"], extra)
        head = f"HTTP/1.1 {status}\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode()
        return head if method == "HEAD" else head + body


def _date(seconds: int) -> str:
    return email.utils.format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


def _cut(body: bytes, text: str, extra: str) -> tuple[bytes, str]:
    first, _, last = text.removeprefix("bytes=").partition("-")
    start = int(first) if first else len(body) - int(last)
    end = min(int(last), len(body) - 1) if first and last else len(body) - 1
    return body[start : end + 1], f"{extra}Content-Range: bytes {start}-{end}/{len(body)}\r\n"


def walked(
    tmp_path: Path, site: Site, start: str, *, plain: Site | None = None, options: dict[str, object] | None = None
) -> InstallFacts:
    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper)

    async def scene() -> InstallFacts:
        async with serving(site.handle, context) as port, serving((plain or Site()).handle) as plain_port:
            route = {(HOST, 443): ("127.0.0.1", port)} | ({(HOST, 80): ("127.0.0.1", plain_port)} if plain else {})
            usual = {"ca_pem": FULL.root.pem, "resolve": route, "probe_tls": False, "now": NOW}
            return await walk(start, WalkOptions(**{**usual, **(options or {})}))  # type: ignore[arg-type]

    return asyncio.run(scene())
