"""The landing page: `landing_page` writes a small one without scripts, `read_page` finds the links in anybody's, AMP included."""

from __future__ import annotations

import contextlib
import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from ota_proxy.content.ipa import AppInfo
from ota_proxy.content.link import Context, install_link, is_install_link, read_link
from ota_proxy.device.facts import LinkFacts
from ota_proxy.policy.media_types import extensions

STYLE = """body{font:17px/1.5 -apple-system,system-ui,sans-serif;max-width:34em;margin:2em auto;padding:0 1em}
a.install{display:inline-block;padding:.7em 1.4em;border-radius:.7em;background:#0066cc;color:#fff;text-decoration:none}
img{border-radius:22%}
"""
_LARGEST = 1024 * 1024
_MOST_LINKS = 200
_LOOSE = re.compile(r"itms-services:[^\s\"'`<>\\)]*", re.IGNORECASE)
_AMP = ("amp", "\N{HIGH VOLTAGE SIGN}")
_ESCAPES = {r"\/": "/", r"\u0026": "&", r"\x26": "&", r"\u003d": "=", r"\u003D": "="}


@dataclass(frozen=True, slots=True)
class PageContent:
    """What a landing page holds: install links, absolute URLs that lead to a package directly, and whether scripts run."""

    links: tuple[LinkFacts, ...] = ()
    package_links: tuple[str, ...] = ()
    scripts: bool = False
    amp: bool = False
    """The root element says that this is an AMP page."""


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


def read_page(text: str | bytes, url: str) -> PageContent:
    """Find every install link and package link of an HTML page fetched from `url`; reads 1 MiB, keeps 200 of each, never raises."""
    source = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    reader = _Reader(url)
    with contextlib.suppress(
        AssertionError, ValueError
    ):  # html.parser's answer to a broken declaration; what was found stays
        reader.feed(source[:_LARGEST])
        reader.close()
    return PageContent(tuple(reader.links.values()), tuple(reader.packages), scripts=reader.scripts, amp=reader.amp)


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base, self.base_target = url, ""
        self.links: dict[tuple[str, str, str], LinkFacts] = {}
        self.packages: dict[str, None] = {}
        self.scripts = self.amp = False
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in reversed(attrs)}  # the first of two attributes counts
        if tag == "html":
            self.amp = any(name.startswith(_AMP) for name in values)
        elif tag == "base":
            self.base, self.base_target = self._absolute(values.get("href", "")), values.get("target", "")
        elif tag == "script":
            self.scripts |= "json" not in values.get("type", "").lower()
        self.inside = tag if tag in ("script", "style") else self.inside
        self._attributes(tag, values)

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            return
        self._loose(_unescaped(data) if self.inside == "script" else data, "script" if self.inside else "text", "")

    def _attributes(self, tag: str, values: dict[str, str]) -> None:
        target = values.get("target", self.base_target)
        for name, value in values.items():
            if name in ("href", "xlink:href", "src", "action") and value.strip().lower().startswith("itms-services:"):
                self._keep(value, "html-attribute", target)
            elif name == "href" and tag in ("a", "area"):
                self._package(value)
            else:
                self._loose(value, "html-attribute", target)

    def _package(self, href: str) -> None:
        url = self._absolute(href)
        path = urlsplit(url).path.lower() if url else ""
        if path.endswith(extensions("package")) and not path.endswith(".apk") and len(self.packages) < _MOST_LINKS:
            self.packages[url] = None

    def _loose(self, text: str, context: Context, target: str) -> None:
        for match in _LOOSE.finditer(text):
            if "?" in match[0]:  # prose and code that name the scheme alone are no links
                self._keep(match[0], context, target)

    def _keep(self, text: str, context: Context, target: str) -> None:
        if is_install_link(text) and len(self.links) < _MOST_LINKS:
            link = read_link(text, context, target)
            self.links.setdefault((link.text, context, target), link)

    def _absolute(self, href: str) -> str:
        try:
            url = urljoin(self.base, href.strip())
            urlsplit(url)
        except ValueError:
            return ""
        return url


def _unescaped(script: str) -> str:
    for escape, char in _ESCAPES.items():
        script = script.replace(escape, char)
    return script
