"""The parser behind `page.read_page`: what a browser would do with each tag, attribute and script of an untrusted page.

Links are what a tap opens: an attribute that navigates, or a whole string of a script. Prose, samples and pieces are none; what is only
meant to become a link is kept apart as `made` (a script would do it) or `unseen` (nobody can tap it).
"""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from urllib.parse import unquote, urljoin, urlsplit

from ota_proxy import limits
from ota_proxy.apps.install_link import SCHEME, Context, is_install_link, lost_link, read_link
from ota_proxy.apps.page_parts import HOLE, BoundedParser, feed, refresh_target, refresh_url, strings
from ota_proxy.facts.install import LinkFacts
from ota_proxy.policy.media_types import extensions

MOST_LINKS = limits.LINKS
MOST_PARTS = 20
_MOST_FRAMES = 10
_AMP = re.compile("(?:amp|\N{HIGH VOLTAGE SIGN}\N{VARIATION SELECTOR-16}?)(4email|4ads)?")
_DEEPEST = 3
"""Scripts in strings of scripts, and pages in strings of scripts, that are read."""
_SHORTEST_STRING = 4
"""Characters of a string in a script from which on it may be something that people read."""
_LONGEST_STRING = 2000
_MOST_STRINGS = 2000
_OUT_OF_THE_APP = "x-safari-http"
"""The scheme that opens a page in Safari from inside another app, since iOS 17 (reported by users)."""
_BROKEN = re.compile(r"[\t\r\n]+")
"""What browsers take out of an address, wherever it stands (WHATWG URL §4.4)."""
_EDGES = "".join(map(chr, range(0x21)))
"""What they take away at its ends."""
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\$\{|\{\w*\}|<%|%>|%[s@]|\[\[|__\w+__|" + HOLE)
"""What a template, a format or a framework puts something in place of."""
_PIECE = re.compile(r"itms-services:|action=download-manifest", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^/?#\s]+", re.IGNORECASE)
_NAVIGATES = {
    "href": None,
    "xlink:href": None,
    "action": {"form"},
    "formaction": {"button", "input"},
    "src": {"iframe", "frame", "embed"},
    "data": {"object"},
}
"""Attributes whose value the browser opens, and the elements where it does; None: any but `_LOADS`."""
_LOADS = frozenset({"link", "base", "use", "image"})
_BINDS = re.compile(r"(?:on[a-z]*$|[:@*#(\[]|v-|x-|ng-|data-ng-|bind-|on-|th:|data-bind|wire:|hx-)")
"""Names of attributes whose value is code: event handlers, and those of Vue, Angular, Alpine, Thymeleaf, Knockout and their kin."""
_WORDS = frozenset({"title", "alt", "placeholder", "aria-label", "content", "name", "id", "class", "src", "srcset"})
"""Attributes whose value no script takes for an address to go to."""
_INERT = {
    "noscript": "is in <noscript>, which phones do not show",
    "template": "",
    "textarea": "is in a text field",
    "title": "is in the title",
    "xmp": "is there as text only",
    "plaintext": "is there as text only",
    "noembed": "is in <noembed>, which phones do not show",
    "noframes": "is in <noframes>, which phones do not show",
}
"""Elements whose tags a browser that runs scripts does not take for tags, or does not show, and why a link there is none."""
_RAW = ("script", "style")
CUT = "is cut off, because the page ends inside its tag"


class Reader(BoundedParser):
    """Reads one page, or a piece of markup inside it (`depth` > 0)."""

    def __init__(self, url: str, *, depth: int = 0, xml: bool = False) -> None:
        super().__init__()
        self.base, self.base_target = url, ""
        self.links: dict[tuple[str, str, str], LinkFacts] = {}
        self.packages: dict[str, None] = {}
        self.frames: dict[str, None] = {}
        self.documents: list[str] = []
        self.styles: dict[str, None] = {}
        self.images: dict[str, None] = {}
        self.scripts = self.outside = self.noindex = self.breaks_out = self.password = False
        self.amp = self.made = self.unseen = self.onward = ""
        self.texts: list[str] = []
        self.strings: list[str] = []
        self.depth, self.xml = depth, xml
        self._raw = ""
        self._told = False
        self._inert: list[str] = []
        self._later: list[tuple[str, Context, str]] = []

    def close(self) -> None:
        """End the page: links with placeholders are a script's to complete if there is one, else they are broken."""
        super().close()
        for text, context, target in self._later:
            if self.scripts:
                self.made = self.made or text
            else:
                self._keep(text, context, target)
        self._later.clear()

    # -- tags ---------------------------------------------------------------------------------------------------------

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in an element and its attributes."""
        values = {name: value or "" for name, value in reversed(attrs)}  # the first of two attributes counts
        if self._inert:
            self._hidden(tag, values)
            return
        if tag == "html":
            self.amp = next((f"amp{match[1] or ''}" for name in values if (match := _AMP.fullmatch(name))), "")
        elif tag == "base":
            self.base, self.base_target = self._absolute(values.get("href", "")), values.get("target", "")
        elif tag == "script":
            self._script(values)
        elif tag == "meta":
            self._meta(values)
        elif tag in {"iframe", "frame"}:
            self._frame(values)
        else:
            self._loaded(tag, values)
        self._raw = tag if tag in _RAW else self._raw
        if tag in _INERT:
            self._inert.append(tag)
        self._attributes(tag, values)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if tag == self._raw:
            self._raw = ""
        elif self._inert and tag == self._inert[-1]:
            self._inert.pop()

    def _hidden(self, tag: str, values: dict[str, str]) -> None:
        """Note a link in an element that is not shown; a script takes what it shows out of `<template>`."""
        if tag in _INERT:
            self._inert.append(tag)
        for value in values.values():
            if value.strip().lower().startswith(SCHEME):
                why = next((_INERT[name] for name in self._inert if _INERT[name]), "")
                self.unseen, self.made = (self.unseen or why, self.made) if why else (self.unseen, self.made or value)

    def _script(self, values: dict[str, str]) -> None:
        kind = values.get("type", "").lower()
        runs = "json" not in kind
        self._told = "ld+json" in kind
        self.scripts |= runs
        self.outside |= runs and "src" in values

    def _meta(self, values: dict[str, str]) -> None:
        content = values.get("content", "")
        if values.get("name", "").strip().lower() in {"robots", "googlebot"}:
            self.noindex |= bool({"noindex", "none"} & set(re.split(r"[\s,]+", content.lower())))
        if values.get("http-equiv", "").strip().lower() == "refresh":
            self._navigates(refresh_url(content), "")
            self.onward = self.onward or refresh_target(content, self.base)

    def _frame(self, values: dict[str, str]) -> None:
        document = values.pop("srcdoc", None)
        address = values.get("src", "").strip()
        if len(self.frames) + len(self.documents) >= _MOST_FRAMES or self.depth:
            return
        if document is not None:
            self.documents.append(document)
        elif address and (url := self._absolute(address)).startswith(("https:", "http:")):
            self.frames[url.partition("#")[0]] = None

    def _loaded(self, tag: str, values: dict[str, str]) -> None:
        """Keep the addresses of stylesheets and images, and see a field for a password."""
        if tag == "input":
            self.password |= values.get("type", "").strip().lower() == "password"
        kept, address = self.images, ""
        if tag == "img":
            address = values.get("src", "")
        elif tag == "link" and "stylesheet" in values.get("rel", "").lower().split():
            kept, address = self.styles, values.get("href", "")
        url = self._absolute(address) if address.strip() else ""
        if url.startswith(("https:", "http:")) and len(kept) < MOST_PARTS:
            kept[url.partition("#")[0]] = None

    # -- text and scripts ---------------------------------------------------------------------------------------------

    def handle_comment(self, data: str) -> None:
        """Note a link that somebody commented out."""
        if is_mentioned(data):
            self.unseen = self.unseen or "is commented out"

    def handle_cut(self, data: str) -> None:
        """Note a link in a tag that the page's end cuts off."""
        if is_mentioned(data):
            self.unseen = self.unseen or CUT

    def handle_data(self, data: str) -> None:
        """Take in text, or a whole script."""
        if self._raw == "script":
            if self._told:  # what search engines are told, no script reads it
                return
            self.code(unescape(data) if self.xml else data)
        elif self._raw != "style":
            if not self._inert:
                self.texts.append(data)
            if is_mentioned(data):
                why = next((_INERT[name] for name in self._inert if _INERT[name]), "is there as text only")
                self.unseen = self.unseen or why

    def code(self, text: str, depth: int = 0, *, read: bool = True) -> None:
        """Take in a script: whole links in its strings, markup in them, and pieces. `read` keeps its strings as words for people."""
        for string in strings(text):
            value = string.value
            if read and len(value) >= _SHORTEST_STRING and len(self.strings) < _MOST_STRINGS:
                self.strings.append(value[:_LONGEST_STRING])
            self.breaks_out |= read and _OUT_OF_THE_APP in value
            if not _PIECE.search(value):
                continue
            link = value.strip()
            if link.lower().startswith(SCHEME):
                if string.whole and _is_complete(link):
                    self._keep(link, "script", "")
                else:
                    self._made(link)
            elif depth < _DEEPEST:
                self._inside(value, depth + 1)
            else:
                self._made(value)

    def _inside(self, value: str, depth: int) -> None:
        """Look into a string of a script that has a link somewhere in it: markup, or code in turn."""
        known = len(self.links)
        if "<" in value and self.depth < _DEEPEST:
            inner = feed(Reader(self.base, depth=self.depth + 1), value)
            for key, link in inner.links.items():
                if HOLE in link.text or _PLACEHOLDER.search(link.text):
                    self._made(link.text)
                elif len(self.links) < MOST_LINKS:
                    self.links.setdefault(key, link)
        else:
            self.code(value, depth, read=False)
        if len(self.links) == known:
            self._made(value)

    def _made(self, piece: str) -> None:
        self.made = self.made or piece

    # -- attributes ---------------------------------------------------------------------------------------------------

    def _attributes(self, tag: str, values: dict[str, str]) -> None:
        target = values.get("target", self.base_target)
        for name, value in values.items():
            start = value.strip().lower()
            self.breaks_out |= start.startswith(_OUT_OF_THE_APP)
            if name in _NAVIGATES and self._opens(tag, name):
                self._navigates(value, target)
                if name == "href" and tag in {"a", "area"}:
                    self._package(value)
            elif not _PIECE.search(value):
                continue
            elif _BINDS.match(name):
                self._bound(value, target)
            elif name not in _WORDS and tag != "meta" and start.startswith(SCHEME):
                self._carried(value.strip(), target)

    @staticmethod
    def _opens(tag: str, name: str) -> bool:
        where = _NAVIGATES[name]
        return tag not in _LOADS if where is None else tag in where

    def _navigates(self, raw: str, target: str) -> None:
        """Take in the address of something that can be tapped, read as a browser reads it."""
        value = _BROKEN.sub("", raw).strip(_EDGES)
        if value.lower().startswith("javascript:"):
            self.code(unquote(value[11:]), read=False)
        elif value.startswith("{") and _PIECE.search(value):
            self._bound(value, target)  # JSX
        elif value.lower().startswith(SCHEME):
            if _PLACEHOLDER.search(value):
                self._later.append((value, "html-attribute", target))
            else:
                self._keep(value, "html-attribute", target, broken=bool(_BROKEN.search(raw.strip(_EDGES))))
        elif lost := lost_link(value):
            self._lost(value, lost.detail, lost.cause, lost.link, target)

    def _bound(self, value: str, target: str) -> None:
        """Take in code of a framework, or an address that it completes."""
        if value.strip().lower().startswith(SCHEME):
            self._carried(value.strip(), target)
        else:
            self.code(value, read=False)

    def _carried(self, value: str, target: str) -> None:
        """Take in what only a script can open: a link where nothing is wrong with it, else something that the script completes."""
        link = read_link(value, "html-attribute", target)
        if _is_complete(value) and not link.problems:
            self._add(link)
        else:
            self._made(value)

    def _package(self, href: str) -> None:
        url = self._absolute(href)
        path = urlsplit(url).path.lower() if url else ""
        if path.endswith(extensions("package")) and not path.endswith(".apk") and len(self.packages) < MOST_LINKS:
            self.packages[url] = None

    # -- links --------------------------------------------------------------------------------------------------------

    def _keep(self, text: str, context: Context, target: str, *, broken: bool = False) -> None:
        if not is_install_link(text):
            return
        link = read_link(text, context, target)
        if broken and " " in text:
            why = "the attribute is broken over lines, and the spaces at their beginning become part of the address"
            meant = read_link(text.replace(" ", ""), context, target).manifest_url
            link = replace(link, detail=why, cause="broken-lines", manifest_url=meant)
        self._add(link)

    def _lost(self, value: str, detail: str, cause: str, meant: str, target: str) -> None:
        if is_install_link(meant):
            url = read_link(meant, "html-attribute").manifest_url
            self._add(LinkFacts(value, "html-attribute", ("malformed",), detail, url, target, cause))

    def _add(self, link: LinkFacts) -> None:
        if len(self.links) < MOST_LINKS:
            self.links.setdefault((link.text, link.context, link.target), link)

    def _absolute(self, href: str) -> str:
        try:
            url = urljoin(self.base, href.strip())
            urlsplit(url)
        except ValueError:
            return ""
        return url if len(url) <= limits.URL else ""


def is_mentioned(text: str) -> bool:
    """Say whether an install link stands in a text, whatever it is there for."""
    return bool(re.search(r"itms-services:/{0,3}\?", text, re.IGNORECASE))


def _is_complete(link: str) -> bool:
    """Say whether a script's string names a manifest: nothing has to be put into it, and its address has a host."""
    return not _PLACEHOLDER.search(link) and bool(_ADDRESS.match(read_link(link, "script").manifest_url))
