"""What a fresh IIS 10 has in its applicationHost.config, as elements, so that it is merged like any other file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ota_proxy.servers.iis.syntax import Attribute, Element
from ota_proxy.servers.text import Span

FILE = "the defaults of IIS 10"
PLACE = Span(FILE)


@cache
def elements() -> Mapping[str, Element]:
    """Return section path → element of every section that a fresh IIS 10 sets."""
    found = {name: _element(name.rpartition("/")[2], body) for name, body in _load("defaults").items()}
    static = found["system.webServer/staticContent"]
    maps = tuple(
        _element("mimeMap", {"fileExtension": extension, "mimeType": mime}) for extension, mime in media_types().items()
    )
    found["system.webServer/staticContent"] = Element(static.name, static.attributes, maps, "", PLACE, PLACE)
    return found


@cache
def media_types() -> Mapping[str, str]:
    """Return extension (`.txt`) → media type of the default map."""
    types: Mapping[str, str] = _load("mime")["types"]
    return dict(sorted((extension, mime) for mime, extensions in types.items() for extension in extensions.split()))


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "schema" / f"{name}.toml").read_text(encoding="utf-8"))


def _element(name: str, body: Mapping[str, Any]) -> Element:
    attributes = tuple(
        Attribute(key, value, PLACE, PLACE, PLACE) for key, value in body.items() if isinstance(value, str)
    )
    children: list[Element] = []
    for key, value in body.items():
        if isinstance(value, list):
            children += (_element(key, one) for one in value)
        elif isinstance(value, dict):
            children.append(_element(key, value))
    return Element(name, attributes, tuple(children), "", PLACE, PLACE)
