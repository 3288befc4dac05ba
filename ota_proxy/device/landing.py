"""The landing page: as Safari gets it, as the browsers inside other apps do, and the frames of the same site on it. Facts only."""

from __future__ import annotations

from dataclasses import replace

from ota_proxy.content.link import SCHEME, read_link
from ota_proxy.content.page import PageContent, read_page
from ota_proxy.device import agents
from ota_proxy.device.decode import plain_body
from ota_proxy.device.facts import FrameFacts, InAppFacts, LinkFacts, PageFacts, Visit, origin
from ota_proxy.device.redirects import destination
from ota_proxy.device.session import Session

FRAMES = 5
"""Frames of a page that are asked for."""


async def page_facts(session: Session, visit: Visit) -> PageFacts:
    """Read the page that a visit brought, and look at its frames; as other apps' browsers where it has an install link."""
    body = plain_body(visit)
    found = _shown(visit)
    page = PageFacts(
        visit,
        (*_redirected(visit), *found.links),
        found.package_links,
        unread=body.error if body.bomb or body.unknown else "",
        undecodable="" if body.bomb or body.unknown else body.error,
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
    if not (session.options.in_app and visit.ok and all_links(page)):
        return page
    seen = [await _in_app(session, visit.first.url, name, sent) for name, sent in agents.in_app().items()]
    return replace(page, in_app=tuple(seen))


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


async def _in_app(session: Session, url: str, name: str, user_agent: str) -> InAppFacts:
    visit = await _ask(session, f"page in {name}", url, user_agent)
    found = content_of(visit)
    return InAppFacts(name, visit, "open-in-safari" in found.topics, outside_scripts=found.outside_scripts)


async def _ask(session: Session, step: str, url: str, user_agent: str = "") -> Visit:
    limit = session.options.page_limit
    return await session.visit(step, url, "browser", keep=limit, read=limit, user_agent=user_agent)
