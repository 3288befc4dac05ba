"""The landing page: `landing_page` writes a small one without scripts, `read_page` says what is in anybody's, AMP included."""

from __future__ import annotations

import contextlib
import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import islice
from urllib.parse import urljoin, urlsplit

from ota_proxy.content.ipa import AppInfo
from ota_proxy.content.link import Context, install_link, is_install_link, read_link
from ota_proxy.device.facts import LinkFacts
from ota_proxy.policy.media_types import extensions
from ota_proxy.policy.page_words import topics

STYLE = """body{font:17px/1.5 -apple-system,system-ui,sans-serif;max-width:34em;margin:2em auto;padding:0 1em}
a.install{display:inline-block;padding:.7em 1.4em;border-radius:.7em;background:#0066cc;color:#fff;text-decoration:none}
img{border-radius:22%}
"""
_LARGEST = 1024 * 1024
_MOST_LINKS = 200
_LOOSE = re.compile(r"itms-services:[^\s\"'`<>\\)]*", re.IGNORECASE)
_MOST_FRAMES = 10
_AMP = re.compile("(?:amp|\N{HIGH VOLTAGE SIGN}\N{VARIATION SELECTOR-16}?)(4email|4ads)?")
_STRINGS = re.compile(
    r"""\"((?:[^"\\\n]|\\.){0,2000}+)\"?|'((?:[^'\\\n]|\\.){0,2000}+)'?|`((?:[^`\\]|\\.){0,2000}+)`?""", re.DOTALL
)
"""A string of a script. Its end may be missing: a pattern that takes what it has read never reads anything twice."""
_MOST_ENDLESS = 5
"""Tags, comments and declarations without an end that are borne with; real pages have none or one."""
_SHORTEST_STRING = 4
"""Characters of a string in a script from which on it may be something that people read."""
_MOST_STRINGS = 2000
_APART = "." * 300
"""Keeps the strings of a script so far from each other that no topic reaches from one into the next."""
_CODE_POINT = re.compile(r"\\u([0-9a-fA-F]{4})")
_OUT_OF_THE_APP = "x-safari-http"
"""The scheme that opens a page in Safari from inside another app, since iOS 17 (reported by users)."""
_ESCAPES = {r"\/": "/", r"\u0026": "&", r"\x26": "&", r"\u003d": "=", r"\u003D": "="}


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
    """Say what is in an HTML page fetched from `url`; reads 1 MiB, keeps 200 links and packages and 10 frames, never raises."""
    source = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    reader = _Reader(url)
    _feed(reader, source)
    return reader.content()


def _feed(reader: _Reader, source: str) -> None:
    """Let a reader see 1 MiB; html.parser's answer to a broken declaration is an exception, and what was found stays."""
    with contextlib.suppress(AssertionError, ValueError):
        reader.feed(source[:_LARGEST])
        reader.close()


class _Reader(HTMLParser):
    def __init__(self, url: str, *, inner: bool = False) -> None:
        super().__init__(convert_charrefs=True)
        self.base, self.base_target = url, ""
        self.links: dict[tuple[str, str, str], LinkFacts] = {}
        self.packages: dict[str, None] = {}
        self.frames: dict[str, None] = {}
        self.documents: list[str] = []
        self.scripts = self.outside = self.noindex = self.breaks_out = False
        self.inside = self.amp = ""
        self.texts: list[str] = []
        self.strings: list[str] = []
        self.is_inner = inner
        self.endless = 0

    def content(self) -> PageContent:
        """Return what was found."""
        spoken = topics(" ".join(self.texts)) | topics(_APART.join(self.strings))
        return PageContent(
            tuple(self.links.values()),
            tuple(self.packages),
            scripts=self.scripts,
            outside_scripts=self.outside,
            amp=self.amp,
            topics=spoken | {"open-in-safari"} if self.breaks_out else spoken,
            noindex=self.noindex,
            frames=tuple(self.frames),
            inner=tuple(_links_of(document, self.base) for document in self.documents),
        )

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in reversed(attrs)}  # the first of two attributes counts
        if tag == "html":
            self.amp = next((f"amp{match[1] or ''}" for name in values if (match := _AMP.fullmatch(name))), "")
        elif tag == "base":
            self.base, self.base_target = self._absolute(values.get("href", "")), values.get("target", "")
        elif tag == "script":
            self._script(values)
        elif tag == "meta" and values.get("name", "").strip().lower() in {"robots", "googlebot"}:
            self.noindex |= bool({"noindex", "none"} & set(re.split(r"[\s,]+", values.get("content", "").lower())))
        elif tag in {"iframe", "frame"}:
            self._frame(values)
        self.inside = tag if tag in ("script", "style") else self.inside
        self._attributes(tag, values)

    def _script(self, values: dict[str, str]) -> None:
        runs = "json" not in values.get("type", "").lower()
        self.scripts |= runs
        self.outside |= runs and "src" in values

    def _frame(self, values: dict[str, str]) -> None:
        document = values.pop("srcdoc", None)
        address = values.get("src", "").strip()
        if len(self.frames) + len(self.documents) >= _MOST_FRAMES or self.is_inner:
            return
        if document is not None:
            self.documents.append(document)
        elif address and (url := self._absolute(address)).startswith(("https:", "http:")):
            self.frames[url.partition("#")[0]] = None

    def parse_starttag(self, i: int) -> int:
        """Read a tag, but give up a page with many that never end: html.parser then reads the rest of it once for each."""
        return self._whole(super().parse_starttag(i))

    def parse_endtag(self, i: int) -> int:
        """Likewise."""
        return self._whole(super().parse_endtag(i))

    def parse_comment(self, i: int, report: bool = True) -> int:
        """Likewise."""
        return self._whole(super().parse_comment(i, report))

    def parse_html_declaration(self, i: int) -> int:
        """Likewise."""
        return self._whole(super().parse_html_declaration(i))

    def parse_pi(self, i: int) -> int:
        """Likewise."""
        return self._whole(super().parse_pi(i))

    def _whole(self, end: int) -> int:
        self.endless += end < 0
        if self.endless > _MOST_ENDLESS:
            raise ValueError("too many tags without an end")
        return end

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            return
        if self.inside == "script":
            code = _unescaped(data)
            self._keep_strings(code)
            self.breaks_out |= _OUT_OF_THE_APP in code
            self._loose(code, "script", "")
        else:
            self.texts.append(data)
            self._loose(data, "text", "")

    def _keep_strings(self, code: str) -> None:
        found = ("".join(groups) for groups in _STRINGS.findall(code))
        sentences = (text for text in found if len(text) >= _SHORTEST_STRING)
        left = _MOST_STRINGS - len(self.strings)
        self.strings += [_CODE_POINT.sub(_character, text) for text in islice(sentences, left)]

    def _attributes(self, tag: str, values: dict[str, str]) -> None:
        target = values.get("target", self.base_target)
        for name, value in values.items():
            self.breaks_out |= value.strip().lower().startswith(_OUT_OF_THE_APP)
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


def _links_of(document: str, url: str) -> tuple[LinkFacts, ...]:
    reader = _Reader(url, inner=True)
    _feed(reader, document)
    return tuple(reader.links.values())


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _unescaped(script: str) -> str:
    for escape, char in _ESCAPES.items():
        script = script.replace(escape, char)
    return script
