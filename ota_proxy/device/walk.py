"""Replays an install in the daemon's order (observed behaviour) and returns what was seen as `InstallFacts`; never judges.

It starts at a landing page, an itms-services link, a manifest or a package. A step that fails does not stop later ones that still make sense.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from ota_proxy import limits
from ota_proxy.addresses import plain_address
from ota_proxy.apps.install_link import read_link
from ota_proxy.device.bodies import plain_body
from ota_proxy.device.fetch_manifest import visit_manifest
from ota_proxy.device.fetch_package import visit_image, visit_package
from ota_proxy.device.handshake import TlsMemory
from ota_proxy.device.hosts_met import Surroundings, place
from ota_proxy.device.open_page import all_links, onward, page_facts
from ota_proxy.device.session import Progress, Session, WalkOptions
from ota_proxy.errors import UsageError
from ota_proxy.facts.install import Asset, InstallFacts, LinkFacts, PageFacts, Visit, origin
from ota_proxy.policy.media_types import accepted

__all__ = ["WalkOptions", "walk", "walk_all", "walk_sync"]

SCHEME = "itms-services:"
MISSING = "ota-proxy-no-such-file.plist"

T = TypeVar("T")
R = TypeVar("R")
Start = Literal["page", "link", "manifest", "package"]


def walk_sync(url_or_link: str, options: WalkOptions, progress: Progress | None = None) -> InstallFacts:
    """Do what `walk` does, in an event loop of its own."""
    return asyncio.run(walk(url_or_link, options, progress))


async def walk(url_or_link: str, options: WalkOptions, progress: Progress | None = None) -> InstallFacts:
    """Walk from a landing page's, manifest's or package's URL, or an itms-services link, to the last byte of the package.

    `progress` hears of every step before it is made. Raises UsageError for a start that is none, or a CA file without certificate.
    """
    session = Session(options, progress, _named(url_or_link.strip(), options))
    return await _install(Surroundings(session), url_or_link, await _begin(session, url_or_link.strip()))


async def walk_all(
    url_or_link: str, options: WalkOptions, progress: Progress | None = None
) -> tuple[InstallFacts, ...]:
    """Walk like `walk`, then every further install link of the page and its frames, at most `options.installs` in all.

    The walks share the page, the numbering of requests, and what is known of a host's TLS and plain port.
    """
    options = replace(options, tls_memory=options.tls_memory or TlsMemory())
    session = Session(options, progress, _named(url_or_link.strip(), options))
    around = Surroundings(session)
    begun = await _begin(session, url_or_link.strip())
    further = _further(begun)
    first = await _install(around, url_or_link, begun)
    walks = [replace(first, unwalked=max(0, len(further) - options.installs + 1))]
    for link in further[: options.installs - 1]:
        steps = replace(begun, link=link, manifest_url=link.manifest_url, package_url="")
        walks.append(await _install(around, url_or_link, steps))
    return tuple(walks)


def _further(begun: _Begin) -> list[LinkFacts]:
    """Return the links to other manifests than the first walk's, each manifest once."""
    found: dict[str, LinkFacts] = {}
    for link in all_links(begun.page) if begun.page else ():
        found.setdefault(_manifest_of(link), link)
    return [link for url, link in found.items() if url not in ("", begun.manifest_url)]


async def _install(around: Surroundings, target: str, steps: _Begin) -> InstallFacts:
    """Walk one install, then look at the hosts it met."""
    session, url = around.session, steps.manifest_url or steps.package_url or target
    options, (host, port) = session.options, place(url)
    facts = InstallFacts(
        target=target,
        start=steps.start,
        now=options.now,
        host=host,
        port=port,
        page=steps.page,
        link=steps.link,
        private_allowed=options.allow_private,
        resolved_hosts=frozenset(name for name, _ in options.resolve),
        plain=await around.plain(url),
        tls=await around.tls(host, port),
    )
    if steps.manifest_url:
        facts = await _manifest_part(session, facts, steps.manifest_url)
    facts = await _package_part(session, facts, steps.package_url)
    return replace(facts, others=await around.others(facts), plains=await around.plains(facts))


def _named(target: str, options: WalkOptions) -> frozenset[str]:
    """Return the host that the person named; what a QR code names is whoever's who printed it."""
    if options.link_context == "qr":
        return frozenset()
    link = target.lower().startswith(SCHEME)
    host, _ = place(read_link(target, "given").manifest_url if link else target)
    return frozenset({plain_address(host)})


@dataclass(frozen=True, slots=True)
class _Begin:
    """Where the walk started and what it leads to."""

    start: Start
    page: PageFacts | None = None
    link: LinkFacts | None = None
    manifest_url: str = ""
    package_url: str = ""


async def _begin(session: Session, target: str) -> _Begin:
    if target.lower().startswith(SCHEME):
        link = read_link(target, session.options.link_context)
        return _Begin("link", link=link, manifest_url=_manifest_of(link))
    path = _checked(target)
    if path.endswith(".plist"):
        return _Begin("manifest", manifest_url=target)
    if path.endswith(".ipa"):
        return _Begin("package", package_url=target)
    limit = session.options.page_limit
    visit = await session.visit("page", target, "browser", keep=limit, read=limit)
    return await _by_content(session, await onward(session, visit), target)


def _checked(target: str) -> str:
    """Return the path of a URL in lower case; UsageError for what is none."""
    scheme, host, _ = origin(target)
    if scheme in ("http", "https") and host:
        return urlsplit(target).path.lower()
    hint = (
        f"did you mean https://{target}?" if "://" not in target else "start at an https URL or an itms-services link"
    )
    raise UsageError(f"'{target}' is not a URL that a device can open", hint=hint)


async def _by_content(session: Session, visit: Visit, target: str) -> _Begin:
    """Look at what came: a property list, what calls itself one, and an archive speak for themselves; everything else is a page."""
    body = plain_body(visit).data
    if body.startswith(b"bplist00") or b"<plist" in body[:2048] or _meant_as_manifest(visit, body):
        return _Begin("manifest", manifest_url=target)
    if body.startswith(b"PK\x03\x04"):
        return _Begin("package", package_url=target)
    page = await page_facts(session, visit)
    links = all_links(page)
    link = next((link for link in links if _manifest_of(link)), links[0] if links else None)
    package = page.package_links[0] if page.package_links and link is None else ""
    return _Begin("page", page, link, _manifest_of(link) if link else "", package)


_XML = frozenset({*accepted("manifest"), "text/xml", "application/xml", "application/x-plist"})
_MARKUP = re.compile(rb"(?i)<(?:!doctype\s+html|html|head|body|title|div|script|meta)\b")


def _meant_as_manifest(visit: Visit, body: bytes) -> bool:
    """Say whether an answer that is not a property list was to be one: by its type, or as the same thing in JSON. A web page is a page."""
    if not visit.ok or visit.response is None or _MARKUP.search(body[:4096]):
        return False
    json = body.lstrip()[:1] == b"{" and b'"software-package"' in body
    return json or visit.response.media_type in _XML


def _manifest_of(link: LinkFacts) -> str:
    """Return the manifest's URL where it is one that anything could ask for: a relative one is the link's fault and nobody's to answer."""
    scheme, host, _ = origin(link.manifest_url)
    return link.manifest_url if scheme in ("http", "https") and host else ""


# -- manifest ---------------------------------------------------------------------------------------------------------


async def _manifest_part(session: Session, facts: InstallFacts, url: str) -> InstallFacts:
    facts = replace(facts, manifest=await visit_manifest(session, url))
    if origin(url)[0] != "https":
        return facts
    folder = url.partition("?")[0].rpartition("/")[0] + "/"
    return replace(
        facts,
        missing=await session.visit("missing file", folder + MISSING, "manifest"),
        folder=await session.visit("folder", folder, "browser"),
    )


# -- package ----------------------------------------------------------------------------------------------------------


async def _package_part(session: Session, facts: InstallFacts, package_url: str) -> InstallFacts:
    assets = facts.manifest.assets if facts.manifest else ()
    packages = list(dict.fromkeys([package_url] if package_url else _wanted(assets, "software-package")))
    images = [asset for asset in assets if asset.kind.endswith("-image") and _askable(asset.url)]
    return replace(
        facts,
        images=await _each(lambda asset: visit_image(session, asset), images[: session.options.images]),
        packages=await _each(
            lambda url: visit_package(session, url, [asset for asset in assets if asset.url == url]),
            packages[: session.options.packages],
        ),
    )


def _wanted(assets: tuple[Asset, ...], kind: str) -> list[str]:
    """Return the URLs of one kind that a device can ask for: absolute and https."""
    return [asset.url for asset in assets if asset.kind == kind and _askable(asset.url)]


def _askable(url: str) -> bool:
    scheme, host, _ = origin(url)
    return scheme == "https" and bool(host) and len(url) <= limits.URL


async def _each(make: Callable[[T], Awaitable[R]], items: list[T]) -> tuple[R, ...]:
    return tuple([await make(item) for item in items])
