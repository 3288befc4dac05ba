"""The simulated iPhone in a test's hand: it installs from a site of this test, or from anything that already runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack

from ota_proxy.apps.install_link import read_link
from ota_proxy.commands.check import PATIENCE, CheckOptions, check, checked
from ota_proxy.commands.judge import judge, settle
from ota_proxy.commands.resolve import Ways, read_resolve
from ota_proxy.device.session import WalkOptions
from ota_proxy.device.walk import SCHEME, walk_all
from ota_proxy.errors import UsageError
from ota_proxy.report.report import TargetReport
from ota_proxy.report.results import project_root
from ota_proxy.report.suppress import Suppression
from ota_proxy.rules.rule import Facts
from ota_proxy.testing.markers import meant
from ota_proxy.testing.report import InstallReport
from ota_proxy.testing.servers import Server, TestSite

T = TypeVar("T")
Resolve = str | Iterable[str] | Mapping[tuple[str, int], tuple[str, int]]
"""`HOST:PORT:ADDR` or `HOST:PORT:ADDR:PORT`, one or several; or (host, port) → (address, port)."""


class How(TypedDict, total=False):
    """The keywords of `install` and `check`, and of the fixture `ota_way`: the flags of `ota-proxy check`."""

    ca: str | Path | bytes
    """Further roots that the phone trusts: a PEM file, relative to the test's folder, or its bytes."""
    resolve: Resolve
    """Where hosts are, in curl's form: `ota.example.com:443:192.0.2.7`, with `:8443` behind it for another port there."""
    allow_private: bool
    """The phone is in the private network too; default: where `resolve` is given."""
    udid: str
    """Would it install on this phone?"""
    ios: str
    """Would it install on this system version?"""
    full: bool
    """Read packages above 64 MB to their end too."""
    timeout: float
    """Seconds until a target is given up."""


@dataclass(slots=True, repr=False)
class Device:
    """A simulated iPhone. It keeps nothing between two calls: no cookies, no cache."""

    remember: Callable[[InstallReport], object]
    """Hears of every report."""
    folder: Path
    """What paths are relative to."""
    site: TestSite | None = None
    server: Server | None = None
    way: How = field(default_factory=How)
    """Keywords of every call, where the call does not say otherwise."""
    ignored: tuple[Suppression, ...] = ()
    """What the project's settings suppress."""

    def __repr__(self) -> str:
        return "<a simulated iPhone>"

    def install(self, url: str | None = None, **how: Unpack[How]) -> InstallReport:
        """Install as a phone does and report; `url` is a landing page, a manifest, a package or an itms-services link.

        Without a URL it is the landing page of `ota_site`. On a server that the test started the report also has its log and
        configuration; anywhere else, and with keywords, it does what `check` does. UsageError for a URL that no device can open.
        """
        __tracebackhide__ = True
        try:
            target = checked(url if url is not None else self._site_url())
            server = self.server
            if server is None or how or not self._own(target):
                return self._told(_run(self._check(target, {**self.way, **how})))
            return self._told(_run(_install(target, server)))
        except UsageError as error:
            again = error
        raise UsageError(again.message, place=again.place, hint=again.hint)

    def check(self, url: str, **how: Unpack[How]) -> InstallReport:
        """Do what `ota-proxy check URL` does: install from what already runs, every app that a page links, and report.

        Keywords as in `How`. A server that does not answer is no error: the report is not installable and says why.
        UsageError for a URL, address or CA file that is none.
        """
        __tracebackhide__ = True
        try:
            return self._told(_run(self._check(checked(url), {**self.way, **how})))
        except UsageError as error:
            again = error
        raise UsageError(again.message, place=again.place, hint=again.hint)

    async def _check(self, target: str, how: How) -> TargetReport:
        site = self.site if self.site is not None and self._own(target) else None
        report = await check(target, self._options(site, how))
        return report if site is None else replace(report, log=site.log, config=site.config_files)

    def _options(self, site: TestSite | None, how: How) -> CheckOptions:
        _known(how)
        ways, also = _ways(how.get("resolve", ()))
        own = site.ca_pem.decode("ascii") if site else ""
        return CheckOptions(
            ca_pem=(self._pem(how["ca"]) if "ca" in how else own) or None,
            resolve={**(site.resolve if site else {}), **ways},
            also=also,
            allow_private=how.get("allow_private", bool(ways or (site and site.resolve))),
            full=how.get("full", False),
            udid=how.get("udid", ""),
            ios=how.get("ios", ""),
            seconds=how.get("timeout", PATIENCE),
        )

    def _pem(self, ca: str | Path | bytes) -> str:
        """Return the roots as PEM text: bytes, and texts with a BEGIN line, are that themselves, others name a file."""
        data = ca.encode() if isinstance(ca, str) and "-----BEGIN" in ca else ca
        try:
            return (data if isinstance(data, bytes) else (self.folder / data).read_bytes()).decode("ascii")
        except OSError as error:
            hint = f"paths are relative to {self.folder}"
            raise UsageError(f"the CA file {ca!s} cannot be read: {error.strerror}", place="ca", hint=hint) from None
        except UnicodeDecodeError:
            raise UsageError("the CA is not PEM", place="ca", hint="it begins -----BEGIN CERTIFICATE-----") from None

    def _site_url(self) -> str:
        if self.site is None:
            hint = "add the fixture ota_site to the test, or name what to install"
            raise UsageError("ota_device.install() needs a URL if the test has no ota_site", hint=hint)
        return self.site.base_url

    def _own(self, target: str) -> bool:
        """Say whether the target is on this test's site; an itms-services link is where its manifest is."""
        if self.site is None:
            return False
        link = target.lower().startswith(SCHEME)
        return self.site.serves(read_link(target, "given").manifest_url if link else target)

    def _told(self, report: TargetReport) -> InstallReport:
        settled = settle([report], self.ignored, project_root())
        made = InstallReport(settled.report.targets[0])
        self.remember(made)
        return made


async def _install(target: str, server: Server) -> TargetReport:
    """Walk on a started server, and judge through the door of `verify`."""
    site, trial = server.site, server.trial
    options = WalkOptions(ca_pem=site.ca_pem.decode("ascii"), resolve=site.resolve, closed=True, in_app=False)
    walks = await walk_all(target, options)
    facts = [Facts(install=one, site=site.model, server=trial.server) for one in walks]
    seen = TargetReport(
        target=target,
        server=trial.server,
        version=site.version,
        engine=site.engine,
        level="L1" if site.engine == "emulator" else None,
        facts=facts[0],
        further=tuple(facts[1:]),
        notes=server.notes,
        log=site.log,
        config=site.config_files,
    )
    return judge(seen, "v")


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, also where the test itself runs in an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def _known(how: How) -> None:
    names = tuple(How.__annotations__)
    for name in how:
        if name not in names:
            raise UsageError(f"there is no keyword {name!r} ({meant(name, names)})", place="ota_device")


def _ways(resolve: Resolve) -> tuple[Ways, Ways]:
    if isinstance(resolve, Mapping):
        return dict(resolve), {}
    return read_resolve([resolve] if isinstance(resolve, str) else resolve)
