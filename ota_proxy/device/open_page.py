"""The landing page: as Safari gets it, as the browsers inside other apps do, and the frames of the same site on it. Facts only."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from ota_proxy.apps.html_text import packing
from ota_proxy.apps.install_link import SCHEME, read_link
from ota_proxy.apps.page_content import PageContent, read_page
from ota_proxy.apps.page_parts import refresh_target
from ota_proxy.device import http
from ota_proxy.device.bodies import plain_body
from ota_proxy.device.session import Session, destination
from ota_proxy.facts.install import FrameFacts, InAppFacts, LinkFacts, PageFacts, PartFacts, TabletFacts, Visit, origin

FRAMES = 5
"""Frames of a page that are asked for."""
REFRESHES = 3
"""Pages that only lead on to the next which are followed."""
PARTS = 4
"""Stylesheets, and images, of a page that are asked for."""


async def page_facts(session: Session, visit: Visit) -> PageFacts:
    """Read the page that a visit brought, and look at its frames; as other apps' browsers where it has an install link."""
    body = plain_body(visit)
    found = _shown(visit)
    packed = packing(body.data)
    page = PageFacts(
        visit,
        (*_redirected(visit), *found.links),
        found.package_links,
        unread=body.error if body.bomb or body.unknown else "",
        undecodable="" if body.bomb or body.unknown else body.error or packed,
        made=found.made,
        unseen=found.unseen,
        password=found.password,
        scripts=found.scripts,
        outside_scripts=found.outside_scripts,
        amp=found.amp,
        topics=found.topics,
        noindex=found.noindex,
        frames=await _frames(session, visit.last.url, found),
    )
    page = await _opened(session, page)
    page = replace(page, parts=await _parts(session, visit, found))
    if not (session.options.in_app and visit.ok and all_links(page)):
        return page
    page = replace(page, tablet=await _tablet(session, visit.first.url))
    seen = [await _in_app(session, visit.first.url, name, sent) for name, sent in http.in_app().items()]
    return replace(page, in_app=tuple(seen))


async def onward(session: Session, visit: Visit) -> Visit:
    """Follow the refreshes of pages without a link as browsers do: those in the page, then that of the header (WHATWG HTML §4.2.5.3).

    What comes of it is one visit, as for redirects. A page that loads itself again leads nowhere, and https is not left.
    """
    for _ in range(REFRESHES):
        url = _refreshed(visit)
        if not url or url in {hop.url for hop in visit.hops}:
            break
        if origin(visit.last.url)[0] == "https" and origin(url)[0] != "https":
            return Visit(visit.step, visit.hops, "left-https")
        limit = session.options.page_limit
        agent = next((value for name, value in visit.first.request_headers if name.lower() == "user-agent"), "")
        after = await session.visit(visit.step, url, "browser", keep=limit, read=limit, user_agent=agent)
        visit = Visit(visit.step, (*visit.hops, *after.hops), after.stopped)
    return visit


def _refreshed(visit: Visit) -> str:
    if not visit.ok or visit.response is None:
        return ""
    found = content_of(visit)
    if found.links or found.package_links:
        return ""
    return found.onward or refresh_target(visit.response.header("refresh") or "", visit.last.url)


async def _opened(session: Session, page: PageFacts) -> PageFacts:
    """Open the page in a real browser where its scripts may make a link, and add what that found."""
    options = session.options
    runs = page.scripts and bool(page.made or not all_links(page)) and not page.password
    if not page.visit.ok or not (runs or options.open_always):
        return page
    if options.opener is None:
        return replace(page, not_run=options.not_opened)
    views = await options.opener(session, page.visit.last.url)
    known = {link.manifest_url for link in all_links(page)}
    usable = {link.manifest_url: link for view in views for link in view.links if origin(link.manifest_url)[1]}
    return replace(
        page,
        links=(*page.links, *(link for url, link in usable.items() if url not in known)),
        topics=page.topics.union(*(view.topics for view in views)),
        views=views,
        not_run=next((view.problem for view in views if view.problem), "")
        if not any(view.screenshots for view in views)
        else "",
    )


def _shown(visit: Visit) -> PageContent:
    """Read what a browser shows: not the body of an answer that leads it to another app (Apache puts the link in it, too)."""
    return PageContent() if visit.stopped == "other-scheme" else content_of(visit)


def content_of(visit: Visit) -> PageContent:
    """Read the page that a visit brought, in the character set that it comes in."""
    body = plain_body(visit)
    kind = (visit.response.header("content-type") if visit.response else None) or ""
    return PageContent() if body.bomb else read_page(body.data, visit.last.url, kind)


def all_links(page: PageFacts) -> tuple[LinkFacts, ...]:
    """Return the install links of a page, then those in its frames."""
    return (*page.links, *(link for frame in page.frames for link in frame.links))


def _redirected(visit: Visit) -> tuple[LinkFacts, ...]:
    """Return the install link that the page's address itself leads to."""
    target = destination(visit.last) if visit.stopped == "other-scheme" else None
    if not target or not target.lower().startswith(SCHEME):
        return ()
    raw = visit.response.header("location") if visit.response else None
    return (read_link(raw or target, "redirect"),)


async def _frames(session: Session, url: str, found: PageContent) -> tuple[FrameFacts, ...]:
    inner = [FrameFacts(url, links) for links in found.inner]
    own = [frame for frame in found.frames if origin(frame)[1:] == origin(url)[1:] and frame != url]
    return (*inner, *[await _frame(session, frame) for frame in own[:FRAMES]])


async def _frame(session: Session, url: str) -> FrameFacts:
    visit = await _ask(session, "frame", url)
    return FrameFacts(url, content_of(visit).links if visit.ok else (), visit)


async def _tablet(session: Session, url: str) -> TabletFacts:
    visit = await _ask(session, "page on an iPad", url, http.user_agent("tablet"))
    found = _shown(visit)
    frames = await _frames(session, visit.last.url, found) if visit.ok and not found.links else ()
    links = [*_redirected(visit), *found.links, *(link for frame in frames for link in frame.links)]
    return TabletFacts(visit, len(links), found.made)


async def _parts(session: Session, visit: Visit, found: PageContent) -> tuple[PartFacts, ...]:
    """Ask for what the page's own server has to show it with; other servers are somebody else's."""
    if not visit.ok:
        return ()
    here = origin(visit.last.url)
    styles = [url for url in found.styles if origin(url) == here][:PARTS]
    images = [url for url in found.images if origin(url) == here][:PARTS]
    wanted: list[tuple[Literal["stylesheet", "image"], str]] = [
        *(("stylesheet", url) for url in styles),
        *(("image", url) for url in images),
    ]
    return tuple([PartFacts(kind, url, await session.visit(kind, url, "browser")) for kind, url in wanted])


async def _in_app(session: Session, url: str, name: str, user_agent: str) -> InAppFacts:
    visit = await _ask(session, f"page in {name}", url, user_agent)
    found = content_of(visit)
    return InAppFacts(name, visit, "open-in-safari" in found.topics, outside_scripts=found.outside_scripts)


async def _ask(session: Session, step: str, url: str, user_agent: str = "") -> Visit:
    limit = session.options.page_limit
    visit = await session.visit(step, url, "browser", keep=limit, read=limit, user_agent=user_agent)
    return await onward(session, visit)
