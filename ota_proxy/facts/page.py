"""The landing page and its links as a device gets them, and as real browsers show them. `facts` has these names too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ota_proxy.facts.exchange import Visit


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """One itms-services link: where it stood, its text there, and what one decoding makes of it."""

    text: str
    context: Literal["html-attribute", "script", "text", "qr", "redirect", "given", "browser"]
    problems: tuple[str, ...] = ()
    """Codes: `not-encoded`, `amp-outside-html`, `double-escaped`, `slashes-lost`, `malformed`, `not-https`."""
    detail: str = ""
    manifest_url: str = ""
    target: str = ""
    """The anchor's target attribute."""
    cause: str = ""
    """What made it so, where that is known and has a remedy of its own (`rules/remedy_causes.toml`)."""


@dataclass(frozen=True, slots=True)
class InAppFacts:
    """The landing page as the browser inside another app gets it."""

    name: str
    """What people call the app: WeChat, Instagram, …"""
    visit: Visit
    guidance: bool = False
    """Its text, its own scripts' strings or a link say: open this in Safari."""
    outside_scripts: bool = False


@dataclass(frozen=True, slots=True)
class TabletFacts:
    """The landing page as Safari on an iPad gets it, which asks as a desktop computer does."""

    visit: Visit
    links: int = 0
    """Install links on it, in its frames and in what it redirects to."""
    made: str = ""
    """A piece of a link that its scripts would have to complete."""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """A stylesheet or image of the landing page, from the page's own origin."""

    kind: Literal["stylesheet", "image"]
    url: str
    visit: Visit


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """A frame of the landing page, of the same site, and the install links in it."""

    url: str
    links: tuple[LinkFacts, ...]
    visit: Visit | None = None
    """None if the page holds the frame's content itself (srcdoc)."""


@dataclass(frozen=True, slots=True)
class ViewFacts:
    """The landing page as a real browser showed it, its scripts run and what can be tapped tapped."""

    device: str
    """`iPhone` or `iPad`."""
    engine: str
    """Name and version of the browser; empty if none started."""
    links: tuple[LinkFacts, ...] = ()
    taps: tuple[str, ...] = ()
    """The words on what was tapped."""
    requests: int = 0
    refused: tuple[str, ...] = ()
    """Requests of the page that were not made or had no answer, and why."""
    topics: frozenset[str] = frozenset()
    screenshots: tuple[tuple[str, bytes], ...] = ()
    """Captions and JPEG screenshots of what it showed."""
    problem: str = ""
    """Why it was not looked at, or not to the end."""
    sandboxed: bool = True


@dataclass(frozen=True, slots=True)
class PageFacts:
    """The landing page as Safari gets it."""

    visit: Visit
    links: tuple[LinkFacts, ...]
    package_links: tuple[str, ...] = ()
    """href values that lead to an .ipa directly."""
    scripts: bool = False
    outside_scripts: bool = False
    """Scripts that are files of their own, which were not read."""
    amp: str = ""
    """The AMP format that the root element names (`amp`, `amp4email`, `amp4ads`), empty for another page."""
    topics: frozenset[str] = frozenset()
    """What the page speaks of: the names of `policy/page_words.toml` (`open-in-safari`, `trust`, `restart`, `developer-mode`)."""
    noindex: bool = False
    """A robots meta element keeps search engines out."""
    frames: tuple[FrameFacts, ...] = ()
    in_app: tuple[InAppFacts, ...] = ()
    made: str = ""
    """A piece of an install link that a script of the page would have to complete."""
    unseen: str = ""
    """Why an install link that stands in the page is none: commented out, text, in an element that phones do not show."""
    unread: str = ""
    """Why the page's body was not read: an encoding that we do not undo, or more than we unpack."""
    undecodable: str = ""
    """Why nobody can read the body: it is not what its Content-Encoding says."""
    password: bool = False
    """It has a field for a password."""
    tablet: TabletFacts | None = None
    parts: tuple[PartFacts, ...] = ()
    views: tuple[ViewFacts, ...] = ()
    """As real browsers show it; empty if it was opened in none."""
    not_run: str = ""
    """Why its scripts were not run, where that was wanted."""
