"""The page of each rule, `docs/rules/OTAnnn-name.md`: a front block that repeats the catalogue, then Markdown.

The Markdown is a subset: `#` to `###`, paragraphs, `- ` lists, fenced blocks, `code`, **bold**.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ota_proxy.resources import folder
from ota_proxy.rules.catalogue import catalogue

FRONT_KEYS = ("id", "name", "severity", "sees", "doors")
_FENCE = "---\n"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its front block as written, and the Markdown after it."""

    front: dict[str, str]
    body: str


def file_name(rule_id: str) -> str:
    """Return the name of a rule's page; KeyError for an id that the catalogue does not have."""
    return f"{rule_id}-{catalogue()[rule_id].name}.md"


@cache
def page(rule_id: str) -> Page:
    """Return the page of a rule; FileNotFoundError where the installation lacks it, ValueError for one without a front block."""
    return parse((folder("rules") / file_name(rule_id)).read_text(encoding="utf-8"))


def parse(text: str) -> Page:
    """Split a page into front block and Markdown; ValueError without a front block of `key: value` lines."""
    before, found, rest = text.partition(_FENCE)
    front, closed, body = rest.partition("\n" + _FENCE)
    if before or not found or not closed:
        raise ValueError("a rule's page starts with a front block between two lines of ---")
    rows = (line.partition(":") for line in front.splitlines())
    return Page({key.strip(): value.strip() for key, _, value in rows}, body.strip() + "\n")
