"""The browser's only way to the network: every request is answered by the simulated device's own client.

So `--resolve`, `--ca` and what may be asked of private addresses hold for pages too, and requests and bytes are counted and bounded.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ota_proxy.apps.install_link import SCHEME
from ota_proxy.device.bodies import decode
from ota_proxy.device.http import Request, fetch
from ota_proxy.device.network import Network
from ota_proxy.device.session import destination, follow
from ota_proxy.facts.exchange import Header, Response, Visit

MOST_REQUESTS = 200
MOST_BYTES = 32 << 20
LARGEST = 8 << 20
"""Bytes of one answer."""
_SECONDS = 20.0
_MOST_REFUSED = 20
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = (
    "host",
    "connection",
    "content-length",
    "accept-encoding",
    "user-agent",
    "upgrade-insecure-requests",
    "cookie",
    "te",
)
_NOT_SHOWN = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive", "alt-svc"}
)
_ONWARD = "<!doctype html><meta charset=utf-8><script>location.replace({})</script>"
"""Sends a navigation to where its redirects ended: the page's address has to be the right one."""


@dataclass(slots=True)
class Wire:
    """Answers requests of one page. `found` hears of redirects to the installer, `careful` lets nothing change on the server."""

    network: Network
    user_agent: str
    found: Callable[[str], None]
    careful: bool = False
    requests: int = 0
    taken: int = 0
    running: int = 0
    last_end: float = 0.0
    refused: list[str] = field(default_factory=list)

    async def answer(self, route: Any) -> None:  # noqa: ANN401 - Playwright is an optional dependency
        """Answer one request of the page, or refuse it."""
        self.running += 1
        try:
            await self._answer(route)
        except Exception:  # noqa: BLE001, S110 - the page may be gone; whatever Playwright says then concerns nobody
            pass
        finally:
            self.running -= 1
            self.last_end = asyncio.get_running_loop().time()

    async def _answer(self, route: Any) -> None:  # noqa: ANN401 - Playwright is optional
        asked = route.request
        reason = self._why_not(asked.method)
        if reason:
            self._refuse(f"{asked.method} {asked.url}: {reason}")
            await route.abort("blockedbyclient")
            return
        self.requests += 1
        visit, moved = await self._followed(await self._request(asked))
        response = visit.response
        if (
            visit.stopped == "other-scheme"
            and (target := destination(visit.last))
            and target.lower().startswith(SCHEME)
        ):
            self.found(target)
        if visit.stopped or response is None:
            self._failed(visit)
            await route.abort("failed")
        elif moved and asked.is_navigation_request():
            await route.fulfill(status=200, content_type="text/html; charset=utf-8", body=_onward(visit.last.url))
        else:
            await route.fulfill(status=response.status, headers=_headers(response), body=decode(response, LARGEST).data)

    async def _followed(self, request: Request) -> tuple[Visit, bool]:
        """Make a request and follow its redirects, and say whether there were any; what a form sends is sent once (RFC 9110 §15.4)."""
        if request.method in _READING:
            visit = await follow(request, self._send)
            return visit, visit.redirected
        visit = await follow(request, self._send, limit=0)
        target = destination(visit.last) if visit.stopped == "too-many" else None
        if not target:
            return visit, False
        return await follow(replace(request, url=target, method="GET", body=b""), self._send), True

    def _why_not(self, method: str) -> str:
        if self.careful and method not in _READING:
            return "it could change something, and was only tried"
        if self.requests >= MOST_REQUESTS:
            return f"the page makes more than {MOST_REQUESTS} requests"
        return f"the page loads more than {MOST_BYTES >> 20} MB" if self.taken >= MOST_BYTES else ""

    def _refuse(self, words: str) -> None:
        if len(self.refused) < _MOST_REFUSED:
            self.refused.append(words)

    def _failed(self, visit: Visit) -> None:
        if visit.error is not None:
            self._refuse(f"{visit.last.method} {visit.last.url}: {visit.error.message}")

    async def _request(self, asked: Any) -> Request:  # noqa: ANN401 - Playwright is optional
        kept = [(name.title(), value) for name, value in asked.headers.items() if not name.startswith(("sec-", *_OWN))]
        cookies = await asked.frame.page.context.cookies(asked.url)
        jar = "; ".join(f"{one['name']}={one['value']}" for one in cookies)
        headers: list[Header] = [*kept, ("Accept-Encoding", "gzip, deflate"), ("User-Agent", self.user_agent)]
        body = asked.post_data_buffer or b""
        return Request(
            asked.url.partition("#")[0],
            "browser",
            "browser",
            (*headers, *([("Cookie", jar)] if jar else [])),
            method=asked.method,
            body=body,
            h2=not body,
            total=_SECONDS,
            keep=LARGEST,
            read=LARGEST,
        )

    async def _send(self, request: Request) -> Any:  # noqa: ANN401 - Playwright is optional
        exchange = await fetch(request, self.network)
        self.taken += exchange.response.received if exchange.response else 0
        return exchange


def _onward(url: str) -> str:
    return _ONWARD.format(json.dumps(url).replace("<", "\\u003c"))


def _headers(response: Response) -> dict[str, str]:
    """Return the headers for the browser; those of one name are joined as it wants them."""
    found: dict[str, str] = {}
    for name, value in response.headers:
        if name not in _NOT_SHOWN:
            joint = "\n" if name == "set-cookie" else ", "
            found[name] = f"{found[name]}{joint}{value}" if name in found else value
    return found
