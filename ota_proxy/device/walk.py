"""Replays an install in the daemon's order (observed behaviour) and returns what was seen as `InstallFacts`; never judges.

It starts at a landing page, an itms-services link, a manifest or a package. A step that fails does not stop later ones that still make sense.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from ota_proxy.addresses import plain_address
from ota_proxy.content.link import read_link
from ota_proxy.device import agents, tls
from ota_proxy.device.decode import plain_body
from ota_proxy.device.facts import (
    Asset,
    InstallFacts,
    LinkFacts,
    PageFacts,
    PlainHttpFacts,
    TlsFacts,
    Visit,
    origin,
)
from ota_proxy.device.http import wire_path
from ota_proxy.device.landing import all_links, page_facts
from ota_proxy.device.manifest import visit_manifest
from ota_proxy.device.network import NetFault, ascii_host
from ota_proxy.device.package import visit_image, visit_package
from ota_proxy.device.redirects import follow
from ota_proxy.device.session import Progress, Session, WalkOptions
from ota_proxy.device.tls_memory import TlsMemory
from ota_proxy.errors import UsageError

__all__ = ["WalkOptions", "walk", "walk_all", "walk_sync"]

SCHEME = "itms-services:"
MISSING = "ota-proxy-no-such-file.plist"
PROBE = "ota-proxy=probe%2Fx"
"""The query of the plain probe: a redirect has to bring it along byte for byte."""

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
    return await _install(session, url_or_link, await _begin(session, url_or_link.strip()))


async def walk_all(
    url_or_link: str, options: WalkOptions, progress: Progress | None = None
) -> tuple[InstallFacts, ...]:
    """Walk like `walk`, then every further install link of the page and its frames, at most `options.installs` in all.

    The walks share the page, the numbering of requests, and what is known of a host's TLS and plain port.
    """
    options = replace(options, tls_memory=options.tls_memory or TlsMemory())
    session = Session(options, progress, _named(url_or_link.strip(), options))
    begun = await _begin(session, url_or_link.strip())
    walks = [await _install(session, url_or_link, begun)]
    for link in _further(begun)[: options.installs - 1]:
        steps = replace(begun, link=link, manifest_url=link.manifest_url, package_url="")
        walks.append(await _install(session, url_or_link, steps, known=walks[0]))
    return tuple(walks)


def _further(begun: _Begin) -> list[LinkFacts]:
    """Return the links to other manifests than the first walk's, each manifest once."""
    found: dict[str, LinkFacts] = {}
    for link in all_links(begun.page) if begun.page else ():
        found.setdefault(link.manifest_url, link)
    return [link for url, link in found.items() if url not in ("", begun.manifest_url)]


async def _install(session: Session, target: str, steps: _Begin, known: InstallFacts | None = None) -> InstallFacts:
    """Walk one install; `known` is an earlier one of the same page, whose look at the plain port counts for its host."""
    options, url = session.options, steps.manifest_url or steps.package_url or target
    host, port = _host(url)
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
        plain=known.plain if known and known.host == host else await _plain(session, url),
        tls=await _tls(session, host, port),
    )
    if steps.manifest_url:
        facts = await _manifest_part(session, facts, steps.manifest_url)
    return await _package_part(session, facts, steps.package_url)


def _named(target: str, options: WalkOptions) -> frozenset[str]:
    """Return the host that the person named; what a QR code names is whoever's who printed it."""
    if options.link_context == "qr":
        return frozenset()
    link = target.lower().startswith(SCHEME)
    host, _ = _host(read_link(target, "given").manifest_url if link else target)
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
        return _Begin("link", link=link, manifest_url=link.manifest_url)
    path = _checked(target)
    if path.endswith(".plist"):
        return _Begin("manifest", manifest_url=target)
    if path.endswith(".ipa"):
        return _Begin("package", package_url=target)
    limit = session.options.page_limit
    visit = await session.visit("page", target, "browser", keep=limit, read=limit)
    return await _by_content(session, visit, target)


def _checked(target: str) -> str:
    """Return the path of a URL in lower case; UsageError for what is none."""
    scheme, host, _ = origin(target)
    if scheme in ("http", "https") and host:
        return urlsplit(target).path.lower()
    hint = (
        f"did you mean https://{target}?" if "://" not in target else "start at an https URL or an itms-services link"
    )
    raise UsageError(f"'{target}' is no URL that a device can open", hint=hint)


async def _by_content(session: Session, visit: Visit, target: str) -> _Begin:
    """Look at what came: a property list and an archive speak for themselves, everything else is a page."""
    body = plain_body(visit).data
    if body.startswith(b"bplist00") or b"<plist" in body[:2048]:
        return _Begin("manifest", manifest_url=target)
    if body.startswith(b"PK\x03\x04"):
        return _Begin("package", package_url=target)
    page = await page_facts(session, visit)
    links = all_links(page)
    link = next((link for link in links if link.manifest_url), links[0] if links else None)
    package = page.package_links[0] if page.package_links and link is None else ""
    return _Begin("page", page, link, link.manifest_url if link else "", package)


def _host(url: str) -> tuple[str, int]:
    """Return the host as DNS has it and the port of its TLS; empty and 443 where the URL has none.

    A URL over plain http ought to be https, at the usual port; where it names a port of its own nobody knows that of TLS: 0.
    """
    scheme, host, port = origin(url)
    if scheme == "http":
        port = 443 if port == 80 else 0
    elif not port:
        port = 443
    try:
        return ascii_host(host), port
    except NetFault:
        return host, port


# -- connect ----------------------------------------------------------------------------------------------------------


async def _plain(session: Session, url: str) -> PlainHttpFacts | None:
    """Ask the plain port for the same path; not where `resolve` names the host but not its plain port: that would be another server."""
    host, _ = _host(url)
    known = session.options.resolve
    if not host or (any(name == host for name, _ in known) and (host, 80) not in known):
        return None
    shown = f"[{host}]" if ":" in host else host
    plain = f"http://{shown}{wire_path(urlsplit(url).path)}?{PROBE}"
    request = session.request("plain http", plain, "browser", total=agents.seconds("probe"))
    visit = await follow(request, session.send, to_https=False)
    return PlainHttpFacts(visit, open=bool(visit.first.address))


async def _tls(session: Session, host: str, port: int) -> TlsFacts | None:
    if not (host and port and session.options.probe_tls):
        return None
    session.tell("tls", f"versions, suites and certificates of {host}:{port}")
    memory = session.options.tls_memory
    probe = memory.probe if memory else tls.probe
    return await probe(host, port, session.network, session.options.now)


# -- manifest ---------------------------------------------------------------------------------------------------------


async def _manifest_part(session: Session, facts: InstallFacts, url: str) -> InstallFacts:
    facts = replace(facts, manifest=await visit_manifest(session, url))
    if urlsplit(url).scheme != "https":
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
    pictures = [asset for asset in assets if asset.kind.endswith("-image") and _askable(asset.url)]
    return replace(
        facts,
        images=await _each(lambda asset: visit_image(session, asset), pictures[: session.options.images]),
        packages=await _each(
            lambda url: visit_package(session, url, [asset for asset in assets if asset.url == url]),
            packages[: session.options.packages],
        ),
        others=await _others(session, facts, [*packages, *(asset.url for asset in pictures)]),
    )


def _wanted(assets: tuple[Asset, ...], kind: str) -> list[str]:
    """Return the URLs of one kind that a device can ask for: absolute and https."""
    return [asset.url for asset in assets if asset.kind == kind and _askable(asset.url)]


def _askable(url: str) -> bool:
    scheme, host, _ = origin(url)
    return scheme == "https" and bool(host)


async def _each(make: Callable[[T], Awaitable[R]], items: list[T]) -> tuple[R, ...]:
    return tuple([await make(item) for item in items])


async def _others(session: Session, facts: InstallFacts, urls: list[str]) -> tuple[TlsFacts, ...]:
    """Look at the TLS of further hosts that the page and the assets live on."""
    page = [facts.page.visit.last.url] if facts.page and origin(facts.page.visit.last.url)[0] == "https" else []
    places = dict.fromkeys(_host(url) for url in [*page, *urls])
    found = [await _tls(session, *place) for place in places if place != (facts.host, facts.port)]
    return tuple(probed for probed in found if probed is not None)
