"""The landing page: `landing_page` writes a small one without scripts, `read_page` says what is in anybody's, AMP included."""

from __future__ import annotations

import html
from dataclasses import dataclass

from ota_proxy.apps.bounded_parser import feed
from ota_proxy.apps.encoding import page_text
from ota_proxy.apps.install_link import install_link
from ota_proxy.apps.ipa import AppInfo
from ota_proxy.apps.page_reader import Reader
from ota_proxy.facts.install import LinkFacts
from ota_proxy.policy.pages import topics

STYLE = """body{font:17px/1.5 -apple-system,system-ui,sans-serif;max-width:34em;margin:2em auto;padding:0 1em}
a.install{display:inline-block;padding:.7em 1.4em;border-radius:.7em;background:#0066cc;color:#fff;text-decoration:none}
img{border-radius:22%}
"""
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
    """What its text and the strings of its own scripts speak of, as `policy.page_words` names it."""
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


def landing_page(app: AppInfo, manifest_url: str, *, icon: str = "", stylesheet: str = "") -> bytes:
    """Return an HTML page (UTF-8) with one install button; without `stylesheet` (a URL) the style is inside."""
    style = f'<link rel="stylesheet" href="{_attr(stylesheet)}">' if stylesheet else f"<style>{STYLE}</style>"
    image = f'<p><img src="{_attr(icon)}" width="57" height="57" alt=""></p>' if icon else ""
    least = f" It needs iOS {html.escape(app.minimum_os)} or newer." if app.minimum_os else ""
    title = html.escape(app.title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
{style}
</head>
<body>
{image}
<h1>{title}</h1>
<p>Version {html.escape(app.version)} ({html.escape(app.build)}).{least}</p>
<p><a class="install" target="_top" href="{install_link(manifest_url, "html")}">Install</a></p>
<h2>Nothing happens?</h2>
<p>The browser inside another app (WeChat, Facebook, Instagram, LINE) cannot install. Choose <em>Open in Safari</em> in its menu,
then tap Install again.</p>
<h2>It does not open?</h2>
<p>&#8220;Untrusted Enterprise Developer&#8221;: open Settings &#8250; General &#8250; VPN &amp; Device Management, choose the developer and tap Trust.
Since iOS 18 the device restarts to finish this.</p>
<p>&#8220;Developer Mode required&#8221;: switch it on under Settings &#8250; Privacy &amp; Security &#8250; Developer Mode, then restart.</p>
</body>
</html>
""".encode()


def _attr(text: str) -> str:
    return html.escape(text, quote=True)


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
