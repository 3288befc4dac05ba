"""An HTML report as a browser reads it, and what must never be in one."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from ota_proxy.report import html
from ota_proxy.report.report import Report, TargetReport

_NAMES = """html head meta title style body header main footer nav article section figure figcaption blockquote h1 h2 h3 p
small b i a ol ul li dl div dt dd pre br mark span details summary table thead tbody tr th td"""


ELEMENTS = frozenset(_NAMES.split())


ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "id", "class", "href", "title", "style"}


class Page(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def page(*targets: TargetReport) -> Page:
    return Page(html.render(Report(targets)))


def check_harmless(seen: Page) -> None:
    assert seen.open == []
    for tag, attributes in seen.elements:
        assert tag in ELEMENTS
        assert set(attributes) <= ATTRIBUTES
        assert (attributes.get("href") or "#").startswith("#")
        if "style" in attributes:
            assert re.fullmatch(r"width:\d+\.\d%", attributes["style"] or "")
