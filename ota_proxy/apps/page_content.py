"""What is in anybody's landing page, AMP included, as a browser would take it."""

from __future__ import annotations

from dataclasses import dataclass

from ota_proxy.apps.html_text import page_text
from ota_proxy.apps.page_parts import feed
from ota_proxy.apps.page_reader import Reader
from ota_proxy.facts.install import LinkFacts
from ota_proxy.policy.pages import topics

_APART = "." * 300
"""Keeps the strings of a script so far from each other that no topic reaches from one into the next."""


@dataclass(frozen=True, slots=True)
class PageContent:
    """What a landing page holds: install links, absolute URLs that lead to a package directly, and whether scripts run."""

    links: tuple[LinkFacts, ...] = ()
    package_links: tuple[str, ...] = ()
    scripts: bool = False
    outside_scripts: bool = False
    """Scripts that are files of their own."""
    amp: str = ""
    """The AMP format that the root element names: `amp`, `amp4email`, `amp4ads`, or empty."""
    topics: frozenset[str] = frozenset()
    """What its text and the strings of its own scripts speak of, as `policy.pages` names it."""
    noindex: bool = False
    """A robots meta element keeps search engines out."""
    frames: tuple[str, ...] = ()
    """Absolute http(s) URLs of its frames."""
    inner: tuple[tuple[LinkFacts, ...], ...] = ()
    """The install links of each frame whose content stands in the page itself (srcdoc)."""
    made: str = ""
    """A piece of an install link that a script would have to complete."""
    unseen: str = ""
    """Why an install link that stands in the page is none: it is commented out, text, or in an element that is not shown."""
    styles: tuple[str, ...] = ()
    """Absolute http(s) URLs of its stylesheets."""
    images: tuple[str, ...] = ()
    onward: str = ""
    """Absolute http(s) URL that a refresh in the page leads to."""
    password: bool = False
    """It has a field for a password."""


def read_page(text: str | bytes, url: str, content_type: str = "") -> PageContent:
    """Say what is in an HTML page fetched from `url`; reads 1 MiB, keeps 200 links and packages and 10 frames, never raises.

    `content_type` is the header's value: it can name the character set, and XHTML.
    """
    source = page_text(text, content_type) if isinstance(text, bytes) else text
    return _content(feed(Reader(url, xml="xhtml+xml" in content_type.lower()), source))


def _content(reader: Reader) -> PageContent:
    spoken = topics(" ".join(reader.texts)) | topics(_APART.join(reader.strings))
    return PageContent(
        tuple(reader.links.values()),
        tuple(reader.packages),
        scripts=reader.scripts,
        outside_scripts=reader.outside,
        amp=reader.amp,
        topics=spoken | {"open-in-safari"} if reader.breaks_out else spoken,
        noindex=reader.noindex,
        frames=tuple(reader.frames),
        inner=tuple(_links_of(document, reader.base) for document in reader.documents),
        made=reader.made,
        unseen=reader.unseen,
        styles=tuple(reader.styles),
        images=tuple(reader.images),
        onward=reader.onward,
        password=reader.password,
    )


def _links_of(document: str, url: str) -> tuple[LinkFacts, ...]:
    return tuple(feed(Reader(url, depth=1), document).links.values())
