"""Opens a page in the browser as each device in turn and says what it found: loads it, looks for links, taps, looks again, takes screenshots.

Bounded in time, taps, requests and screenshots; never raises. What a page leads to is only noted: no address of another scheme is ever
handed to the system.
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

from ota_proxy.apps.install_link import is_install_link, read_link
from ota_proxy.browser import find
from ota_proxy.browser.wire import Wire
from ota_proxy.device.network import Network
from ota_proxy.device.session import Session
from ota_proxy.facts.install import LinkFacts, ViewFacts
from ota_proxy.late import late
from ota_proxy.policy.pages import topics
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
        async with late("playwright.async_api:async_playwright")() as driver:  # optional, and heavy
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


MOST_TAPS = 12
MOST_LINKS = 50
LONGEST = 20_000
"""Characters of an address."""
LARGEST_IMAGE = 200_000
_QUALITIES = (60, 30)
_LOAD = 20.0
_QUIET = 0.5
"""Seconds without a request after which a page is taken to have settled."""
_SETTLE = 8.0
_AFTER_TAP = 2.5
_ANSWER = 5.0
"""Longest that a script of ours may take inside the page."""
_INWARD = 2
"""Further pages that taps may lead to."""


def _script(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


class Visitor:
    """The device's browser on a page. Times are seconds."""

    def __init__(self, device: str, engine: str, context: Any, network: Network) -> None:  # noqa: ANN401 - Playwright is optional
        self.device, self.engine, self.context = device, engine, context
        agent = table("agents")["views"][device]["agent"]
        self.wire = Wire(network, table("agents")["agents"][agent]["user_agent"], self.found)
        self.links: dict[str, LinkFacts] = {}
        self.taps: list[str] = []
        self.screenshots: list[tuple[str, bytes]] = []
        self.spoken: frozenset[str] = frozenset()
        self.problem = ""
        self.sandboxed = True
        self.page: Any = None

    def facts(self) -> ViewFacts:
        """Return what was seen so far."""
        return ViewFacts(
            self.device,
            self.engine,
            tuple(self.links.values()),
            tuple(self.taps),
            self.wire.requests,
            tuple(self.wire.refused),
            self.spoken,
            tuple(self.screenshots),
            self.problem,
            sandboxed=self.sandboxed,
        )

    def found(self, address: str) -> None:
        """Take in an address that the device would hand to the installer."""
        text = str(address)[:LONGEST]
        if is_install_link(text) and len(self.links) < MOST_LINKS:
            link = read_link(text, "browser")
            self.links.setdefault(link.manifest_url or link.text, link)

    async def prepare(self, script: str) -> None:
        """Put ourselves between the page and everything else."""

        async def answer(route: Any) -> None:  # noqa: ANN401 - not the method itself: Playwright writes on what a method belongs to
            await self.wire.answer(route)

        await self.context.route("**/*", answer)
        await self.context.expose_binding("otaProxyFound", lambda _source, address: self.found(address))
        await self.context.add_init_script(script)
        self.context.on("request", lambda request: self.found(request.url))
        self.context.on("dialog", self._answered)
        self.page = await self.context.new_page()

    async def look(self, url: str) -> None:
        """Open the page, tap what is on it, and take a screenshot before and after."""
        if not await self._open(url):
            return
        await self._screenshot(f"{self.device}: as it opens")
        before = len(self.links)
        await self._tap_all(_INWARD)
        if self.taps and len(self.links) > before:
            await self._screenshot(f"{self.device}: after “{self.taps[-1] or 'a button'}” was tapped")

    async def _open(self, url: str) -> bool:
        try:
            async with asyncio.timeout(_LOAD + 1):
                await self.page.goto(url, wait_until="domcontentloaded", timeout=_LOAD * 1000)
        except Exception as error:  # noqa: BLE001 - a page that is a redirect to the installer cannot be opened, and says all
            if not self.links:
                self.problem = f"the page did not open: {str(error).strip().splitlines()[0][:200]}"
            return False
        await self._settle(_SETTLE)
        return True

    async def _settle(self, longest: float) -> None:
        """Wait until no request was under way for a moment."""
        loop = asyncio.get_running_loop()
        end = loop.time() + longest
        begun = loop.time()
        while loop.time() < end:
            await asyncio.sleep(0.1)
            if not self.wire.running and loop.time() - max(begun, self.wire.last_end) >= _QUIET:
                return

    # -- taps ---------------------------------------------------------------------------------------------------------

    async def _list(self) -> list[dict[str, Any]]:
        """Note the links that can be seen, and return what can be tapped."""
        words = table("taps")
        told = {"words": words["install"], "never": words["never"], "most": MOST_TAPS}
        seen = await self._ask(_script("taps.js"), told)
        for link in seen["links"]:
            self.found(link)
        self.spoken |= topics(seen["text"])
        taps: list[dict[str, Any]] = seen["taps"]
        return taps

    async def _tap_all(self, inward: int) -> None:
        """Tap what installs; where the page showed no link, everything else, with nothing sent that could change something."""
        here, listed = self.page.url, await self._list()
        for number, thing in enumerate(listed):
            if len(self.taps) >= MOST_TAPS or (self.links and not thing["wanted"]):
                break
            self.wire.careful = not thing["wanted"]
            await self._tap(number, thing["label"])
            if self.page.url.partition("#")[0] != here.partition("#")[0]:
                if inward:
                    await self._tap_all(inward - 1)
                if not await self._open(here):
                    break
                await self._list()

    async def _tap(self, number: int, label: str) -> None:
        self.taps.append(str(label)[:60])
        if await self._ask(_script("tap.js"), number):
            await self._settle(_AFTER_TAP)
            await self._look_around()

    async def _look_around(self) -> None:
        """Note links that appeared, in frames too."""
        pages = [page for page in self.context.pages if not page.is_closed()]
        for frame in [frame for page in pages for frame in page.frames][:10]:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_ANSWER):
                    hrefs = await frame.eval_on_selector_all(
                        "a[href]", "all => all.map(one => one.getAttribute('href')).slice(0, 500)"
                    )
                    for href in hrefs:
                        self.found(href)
        for page in pages:
            if page is not self.page:
                with contextlib.suppress(Exception):
                    await page.close()

    async def _answered(self, dialog: Any) -> None:  # noqa: ANN401 - Playwright is optional
        """Say yes to what a tap on an install button asks, and no to everything else."""
        with contextlib.suppress(Exception):
            await (dialog.dismiss() if self.wire.careful else dialog.accept())

    async def _ask(self, script: str, argument: object) -> Any:  # noqa: ANN401 - whatever the script returns
        async with asyncio.timeout(_ANSWER):
            return await self.page.evaluate(script, argument)

    async def _screenshot(self, caption: str) -> None:
        """Keep a screenshot of what can be seen, where it is small enough."""
        for quality in _QUALITIES:
            with contextlib.suppress(Exception):
                data = await self.page.screenshot(
                    type="jpeg", quality=quality, timeout=_ANSWER * 1000, animations="disabled", scale="css"
                )
                if len(data) <= LARGEST_IMAGE:
                    self.screenshots.append((caption, data))
                    return
