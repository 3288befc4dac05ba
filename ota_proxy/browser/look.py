"""Opens a page in the browser as each device in turn and says what it found. Bounded in time, taps, requests and pictures; never raises.

What a page leads to is only noted: no address of another scheme is ever handed to the system.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ota_proxy.browser import find
from ota_proxy.browser.visitor import Visitor
from ota_proxy.device.session import Session
from ota_proxy.facts.install import ViewFacts
from ota_proxy.policy.tables import table

SECONDS = 45.0
"""Longest that one device looks at a page."""
_START = 30.0
_AT_ONCE = 2
"""Browsers of one process at the same time."""
_NOWHERE = "http://127.0.0.1:9"
"""The discard port as a proxy: what gets past us gets nowhere."""
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-domain-reliability",
    "--disable-features=Translate,OptimizationHints,MediaRouter",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_GATES: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Opener:
    """How pages are opened. `path` names a Chromium; without it WebKit of Playwright's own comes first, for it is the phone's engine."""

    path: str = ""

    async def __call__(self, session: Session, url: str) -> tuple[ViewFacts, ...]:
        """Return what each device saw; a view with a `problem` where it saw nothing."""
        gate = _GATES.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))
        async with gate:
            try:
                async with self._browser() as (browser, engine):
                    return tuple(
                        [await _view(browser, engine, name, session, url) for name in table("agents")["views"]]
                    )
            except Exception as error:  # noqa: BLE001 - whatever Playwright raises is a reason, and never ours
                return (ViewFacts("iPhone", "", problem=f"the browser did not start: {first_line(error)}"),)

    @contextlib.asynccontextmanager
    async def _browser(self) -> AsyncIterator[tuple[Any, str]]:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - optional, and heavy

        async with async_playwright() as driver:
            kind = "webkit" if not self.path and find.is_there(driver.webkit.executable_path) else "chromium"
            async with asyncio.timeout(_START):
                browser = await getattr(driver, kind).launch(**self._launch(kind))
            try:
                yield browser, f"{'WebKit' if kind == 'webkit' else 'Chromium'} {browser.version}"
            finally:
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(5):
                        await browser.close()

    def _launch(self, kind: str) -> dict[str, Any]:
        common = {"headless": True, "proxy": {"server": _NOWHERE}}
        if kind == "webkit":
            return common
        program = find.chromium(self.path)
        where = {"executable_path": program} if program else {}
        return {**common, **where, "args": list(_FLAGS), "chromium_sandbox": not as_root()}


async def _view(browser: Any, engine: str, name: str, session: Session, url: str) -> ViewFacts:  # noqa: ANN401 - Playwright is optional
    row = table("agents")["views"][name]
    session.tell("browser", f"{url} in {engine} as {name}")
    context = await browser.new_context(
        user_agent=table("agents")["agents"][row["agent"]]["user_agent"],
        viewport={"width": row["width"], "height": row["height"]},
        device_scale_factor=row["scale"],
        has_touch=True,
        is_mobile=engine.startswith(("Chromium", "WebKit")),
        locale="en-GB",
        service_workers="block",
        ignore_https_errors=True,  # certificates are judged by the walk; nothing of the page comes from anywhere but it
        accept_downloads=False,
    )
    visitor = Visitor(name, engine, context, session.network)
    visitor.sandboxed = not (engine.startswith("Chromium") and as_root())
    try:
        script = Path(__file__).with_name("watch.js").read_text(encoding="utf-8")
        told = json.dumps({"platform": row["platform"], "touches": row["touches"]})
        await visitor.prepare(f"{script}({told});")
        async with asyncio.timeout(SECONDS):
            await visitor.look(url)
    except TimeoutError:
        visitor.problem = f"it was given up after {SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - a page can make Playwright say anything
        visitor.problem = first_line(error)
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await context.close()
    return visitor.facts()


def as_root() -> bool:
    """Say whether this is root, as whom Chromium starts without its sandbox only."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def first_line(error: BaseException) -> str:
    """Return what an error of Playwright says, without its log."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
