"""One live target: where a check starts, the walk within its time, the verdict, and when there can be none.

A start is a URL or link as it was given, or the text of the QR code in an image file. Times are seconds. Nothing is asked of the
network before the target's form is known to be right.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypedDict
from urllib.parse import urlsplit

from ota_proxy.apps.qr_code import is_image, read_qr
from ota_proxy.browser.find import missing
from ota_proxy.commands.judge import judge
from ota_proxy.device.ats_matrix import matrix
from ota_proxy.device.handshake import TlsMemory
from ota_proxy.device.session import Listener, Opener
from ota_proxy.device.walk import SCHEME, WalkOptions, walk_all
from ota_proxy.errors import UsageError
from ota_proxy.facts.install import Exchange, InstallFacts, origin
from ota_proxy.facts.tls import AtsRow
from ota_proxy.late import late
from ota_proxy.report.report import TargetReport, no_verdict
from ota_proxy.report.view import views_told
from ota_proxy.rules.internal import internal_hosts
from ota_proxy.rules.rule import Facts
from ota_proxy.rules.support.evidence import safe
from ota_proxy.servers.base import by_banner

PATIENCE = 300.0
"""Seconds after which a target is given up."""
WHOLE = 1 << 50
"""More bytes than a package has: `--full` reads it to its end."""

_NOBODY = ("dns", "refused", "unreachable", "timeout")
"""Failures before anybody answered; whoever resets a connection or fails in TLS is there."""
_PRODUCT = re.compile(r"([A-Za-z][A-Za-z-]*)(?:/([0-9][0-9A-Za-z.+-]*))?(?=\s|$|\()")
_LOCAL = re.compile(r"(?i)(localhost|[\w.-]+\.[a-z]{2,}|\d+(?:\.\d+){3}|\[[0-9a-f:]+\])(:\d+)?([/?#].*)?")
"""What people type for a URL without its scheme."""

Browser = Literal["auto", "on", "off"]
Progress = Callable[[str, str], None]
"""Called with the step and a sentence about it."""


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How to check. `resolve` and `also` as in WalkOptions, `seconds` is the longest a target may take, `udid` and `ios` are a phone's."""

    ca_pem: str | None = None
    resolve: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    also: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    allow_private: bool = False
    full: bool = False
    udid: str = ""
    ios: str = ""
    ats: bool = False
    """Say what App Transport Security makes of each host, exception by exception."""
    link_context: Literal["given", "qr"] = "given"
    """Where an itms-services link to start at was found."""
    seconds: float = PATIENCE
    browser: Browser = "off"
    """Open the landing page in a real browser: where its scripts may make the link, always, or never."""
    browser_path: str = ""
    """The Chromium to use; empty for the one that is found."""


def checked(text: str) -> str:
    """Return a target without the blanks and quotes it was pasted with; UsageError for what a device cannot open, with what was meant."""
    target = text.strip().strip("\"'<>").strip()
    if target.lower().startswith(SCHEME):
        return target
    try:
        parts = urlsplit(target)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise UsageError(f"'{safe(target)}' is not a URL: its host or port cannot be read") from None
    if parts.scheme.lower() in ("http", "https") and host and port != 0:
        return target
    raise UsageError(f"'{safe(target)}' is not a URL that a device can open", hint=_meant(target))


def _meant(target: str) -> str:
    if is_image(target):
        return "an image of a QR code is given on the command line: ota-proxy check IMAGE"
    if _LOCAL.fullmatch(target):
        return f"did you mean https://{safe(target)}?"
    if re.match(r"(?i)itms-?services?\b|itms-services%3a", target):
        return f"an install link starts with {SCHEME}//?action=download-manifest&url=https"
    return "give an https URL (landing page, manifest, package) or an itms-services link"


async def check(
    target: str, options: CheckOptions, progress: Progress | None = None, tls: TlsMemory | None = None
) -> TargetReport:
    """Walk a target and judge what was seen. UsageError for a target or CA file that is none; everything else is in the report.

    `tls` is what an earlier target of the same run found out about the hosts they share.
    """
    wanted = checked(target)
    tracker, end = _Tracker(progress), time.monotonic() + options.seconds
    try:
        async with asyncio.timeout(options.seconds) as limit:
            seen = await walk_all(wanted, _walk_options(options, tls), tracker)
    except TimeoutError:
        if not limit.expired():
            raise
        return no_verdict(wanted, "", f"given up after {options.seconds:g} s, at the step {tracker.last}")
    return _report(wanted, seen, options, lambda: time.monotonic() < end)


class _Tracker:
    """Passes progress on and remembers the last step."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.last = "start"

    def __call__(self, step: str, text: str) -> None:
        self.last = f"'{step}' ({text})"
        if self.progress is not None:
            self.progress(step, safe(text))

    def ended(self, step: str, text: str, outcome: str) -> None:
        """Pass on how a request ended."""
        if isinstance(self.progress, Listener):
            self.progress.ended(step, safe(text), safe(outcome))


def _walk_options(options: CheckOptions, tls: TlsMemory | None) -> WalkOptions:
    usual = WalkOptions(
        ca_pem=options.ca_pem,
        resolve=options.resolve,
        also=options.also,
        allow_private=options.allow_private,
        tls_memory=tls,
        link_context=options.link_context,
        open_always=options.browser == "on",
        **_opening(options),
    )
    return replace(usual, package_limit=WHOLE) if options.full else usual


class _Opening(TypedDict, total=False):
    opener: Opener
    not_opened: str


def _opening(options: CheckOptions) -> _Opening:
    """Return how pages are opened, or why they are not."""
    if options.browser == "off":
        return {"not_opened": "--browser off"}
    why = missing(options.browser_path)
    if why:
        return {"not_opened": why}
    return {"opener": late("ota_proxy.browser.look:Opener")(options.browser_path)}  # only who opens pages pays for it


def _report(
    target: str, walks: tuple[InstallFacts, ...], options: CheckOptions, alive: Callable[[], bool]
) -> TargetReport:
    """Judge what was seen while there is time: `alive` says so."""
    server, version = server_of(walks[0])
    facts = [Facts(install=one, server=server, udid=options.udid, ios_version=options.ios) for one in walks]
    seen = TargetReport(
        target,
        server,
        version,
        engine="",
        level=None,
        facts=facts[0],
        notes=views_told(facts[0]),
        reason=_nobody(walks[0]),
        further=tuple(facts[1:]),
        ats=_ats(walks) if options.ats else {},
    )
    return judge(seen, "c", alive)


def _ats(walks: tuple[InstallFacts, ...]) -> dict[str, tuple[AtsRow, ...]]:
    """Return the matrix of every host that TLS was spoken with."""
    hosts = {tls.place: tls for walk in walks for tls in walk.hosts if tls.reachable}
    return {place: matrix(tls, walks[0].now) for place, tls in hosts.items()}


def _nobody(seen: InstallFacts) -> str:
    """Return why nothing can be said: not one connection of the walk came about, and the link itself is not to blame."""
    asked = [one for one in seen.exchanges() if one.error is None or one.error.kind != "protocol"]
    answered = any(one.address or one.response for one in asked) or (seen.tls is not None and seen.tls.reachable)
    first = next((one.error for one in asked if one.error and one.url.lower().startswith(_scheme(seen))), None)
    faulty = seen.link is not None and (seen.link.problems or internal_hosts(Facts(install=seen)))
    if answered or faulty or first is None or first.kind not in _NOBODY:
        return ""
    return (
        f"{first.message}; nothing answered any request, so nothing can be said: "
        "look at host, port, firewall and whether the server runs, or name its address with --resolve HOST:PORT:ADDR"
    )


def _scheme(seen: InstallFacts) -> str:
    """Return the scheme of what the device wanted; the plain port is only looked at beside it."""
    return "http:" if seen.target.lower().startswith("http:") else "https:"


def server_of(seen: InstallFacts) -> tuple[str, str]:
    """Return the server (`nginx`, `apache`, `iis`) and its version as the answers of the walk's own host name them; empty where they do not."""
    for one in seen.exchanges():
        name, version = _product(one)
        if name and origin(one.url)[1] == seen.host:
            return name, version
    return "", ""


def _product(exchange: Exchange) -> tuple[str, str]:
    match = _PRODUCT.match((exchange.response.header("server") or "") if exchange.response else "")
    return (by_banner(match[1]), match[2] or "") if match else ("", "")


@dataclass(frozen=True, slots=True)
class Start:
    """A target that a device can open, and the image its text was read from (empty for none)."""

    target: str
    image: str = ""


def start(text: str) -> Start:
    """Return the start that a person named; UsageError, with the place in an image, for what a device cannot open."""
    if not is_image(text):
        return _asked(text)
    found = read_qr(Path(text))
    try:
        return Start(checked(found), text)
    except UsageError as error:
        raise UsageError(f"no device can install from what the QR code says: {error.message}", place=text) from None


def _asked(text: str) -> Start:
    try:
        return Start(checked(text))
    except UsageError:
        if not _is_here(text):
            raise
    raise UsageError(
        "this is a file or folder on this machine; a phone needs a server", place=text, hint=_instead(text)
    )


def _is_here(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # longer than a name can be
        return False


def _instead(text: str) -> str:
    if text.lower().endswith(".ipa"):
        return f"give its https URL; to try it on a server of this run: ota-proxy verify nginx --ipa {text}"
    return "give the https URL under which it is served; `ota-proxy lint` reads configurations"


async def check_each(
    starts: Sequence[Start], options: CheckOptions, jobs: int, progress: Callable[[str], Progress]
) -> list[TargetReport]:
    """Check several starts, `jobs` of them at once; `progress` makes what hears of one, from the words before each of its lines."""
    gate, memory = asyncio.Semaphore(jobs), TlsMemory()

    async def one(number: int, begin: Start) -> TargetReport:
        told = progress(f"[{number}/{len(starts)}] " if len(starts) > 1 else "")
        async with gate:
            if not begin.image:
                return await check(begin.target, options, told, memory)
            report = await check(begin.target, replace(options, link_context="qr"), told, memory)
            return replace(report, notes=(f"read from the QR code in {begin.image}", *report.notes))

    return list(await asyncio.gather(*(one(*numbered) for numbered in enumerate(starts, 1))))
