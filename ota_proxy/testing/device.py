"""The simulated iPhone in a test's hand: it installs from a site of this test, or from anything that already runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ota_proxy.device.session import WalkOptions
from ota_proxy.device.walk import walk
from ota_proxy.errors import UsageError
from ota_proxy.live.addresses import Ways, read_resolve
from ota_proxy.live.target import PATIENCE, CheckOptions, check, checked
from ota_proxy.report.model import TargetReport
from ota_proxy.rules.model import Facts
from ota_proxy.rules.registry import evaluate
from ota_proxy.testing.report import InstallReport
from ota_proxy.testing.servers import Server
from ota_proxy.testing.site import TestSite

T = TypeVar("T")
Resolve = str | Iterable[str] | Mapping[tuple[str, int], tuple[str, int]]
"""`HOST:PORT:ADDR` or `HOST:PORT:ADDR:PORT`, one or several; or (host, port) → (address, port)."""


class Device:
    """A simulated iPhone. It keeps nothing between two calls: no cookies, no cache."""

    def __init__(
        self, site: TestSite | None, server: Server | None, remember: Callable[[InstallReport], object]
    ) -> None:
        self._site, self._server, self._remember = site, server, remember

    def __repr__(self) -> str:
        return "<a simulated iPhone>"

    def install(
        self,
        url: str | None = None,
        *,
        ca: str | Path | bytes | None = None,
        resolve: Resolve = (),
        udid: str = "",
        ios: str = "",
    ) -> InstallReport:
        """Install as a phone does and report; `url` is a landing page, a manifest, a package or an itms-services link.

        Without a URL it is the landing page of `ota_site`. On a server that the test started, the report also has its log and
        configuration. The keywords are those of `check`. UsageError for a URL that no device can open.
        """
        target = checked(url if url is not None else self._home())
        server = self._server
        if server is None or ca is not None or resolve or udid or ios or not self._own(target):
            return self.check(target, ca=ca, resolve=resolve, udid=udid, ios=ios)
        return self._told(_run(_install(target, server)))

    def check(  # noqa: PLR0913 - one keyword for each flag of `ota-proxy check`
        self,
        url: str,
        *,
        ca: str | Path | bytes | None = None,
        resolve: Resolve = (),
        udid: str = "",
        ios: str = "",
        full: bool = False,
        allow_private: bool | None = None,
        timeout: float = PATIENCE,
    ) -> InstallReport:
        """Do what `ota-proxy check URL` does: install from what already runs, every app that a page links, and report.

        `ca` are further roots that the phone trusts, a PEM file or its bytes; `resolve` says where hosts are (`HOST:PORT:ADDR`, curl's
        form); `udid` and `ios` ask whether it installs on that phone; `full` reads packages to their end; `timeout` is in seconds.
        `allow_private` is for phones inside a private network; by default it is on where `resolve` is given. A server that does not answer is no
        error: the report is not installable and says why. UsageError for a URL, address or CA file that is none.
        """
        target = checked(url)
        ways, also = _ways(resolve)
        site = self._site if self._site is not None and self._own(target) else None
        options = CheckOptions(
            ca_pem=_pem(ca) if ca is not None else (site.ca_pem.decode("ascii") or None if site else None),
            resolve={**(site.resolve if site else {}), **ways},
            also=also,
            allow_private=bool(ways or (site and site.resolve)) if allow_private is None else allow_private,
            full=full,
            udid=udid,
            ios=ios,
            seconds=timeout,
        )
        report = _run(check(target, options))
        if site is not None:
            report = replace(report, log=site.log, config=site.config_files)
        return self._told(report)

    def _home(self) -> str:
        if self._site is None:
            hint = "add the fixture ota_site to the test, or name what to install"
            raise UsageError("ota_device.install() needs a URL where the test has no ota_site", hint=hint)
        return self._site.base_url

    def _own(self, target: str) -> bool:
        """Say whether the target is on this test's site; an itms-services link is where its manifest is."""
        if self._site is None:
            return False
        if target.lower().startswith("itms-services:"):
            from ota_proxy.content.link import read_link  # noqa: PLC0415 - only links need it

            target = read_link(target, "given").manifest_url
        return self._site.serves(target)

    def _told(self, report: TargetReport) -> InstallReport:
        made = InstallReport(report)
        self._remember(made)
        return made


async def _install(target: str, server: Server) -> TargetReport:
    """Walk on a started server, and judge through the door of `verify`."""
    site, trial = server.site, server.trial
    options = WalkOptions(ca_pem=site.ca_pem.decode("ascii"), resolve=site.resolve, closed=True, in_app=False)
    seen = await walk(target, options)
    facts = Facts(install=seen, site=site.model, server=trial.server)
    return TargetReport(
        target=target,
        server=trial.server,
        version=site.version,
        engine=site.engine,
        level=None,
        outcomes=evaluate(facts, target, "v"),
        facts=facts,
        notes=server.notes,
        log=site.log,
        config=site.config_files,
    )


def _run(work: Coroutine[object, object, T]) -> T:
    """Run to the end, also where the test itself runs in an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def _ways(resolve: Resolve) -> tuple[Ways, Ways]:
    if isinstance(resolve, Mapping):
        return dict(resolve), {}
    return read_resolve([resolve] if isinstance(resolve, str) else resolve)


def _pem(ca: str | Path | bytes) -> str:
    """Return the roots as PEM text: bytes and texts with a BEGIN line are that themselves, others name a file."""
    data = ca.encode() if isinstance(ca, str) and "-----BEGIN" in ca else ca
    try:
        data = data if isinstance(data, bytes) else Path(data).read_bytes()
        return data.decode("ascii")
    except OSError as error:
        raise UsageError(f"the CA file cannot be read: {error.strerror}", place=f"ca={ca!r}") from None
    except UnicodeDecodeError:
        raise UsageError("the CA is not PEM", place="ca", hint="it starts with -----BEGIN CERTIFICATE-----") from None
