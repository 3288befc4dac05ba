"""From a place in a file to its line, as evidence."""

from __future__ import annotations

from collections.abc import Iterable

from ota_proxy.facts.configuration import Line
from ota_proxy.servers.iis.places import Place
from ota_proxy.servers.iis.syntax import Document


class Lines:
    """The lines of some documents, split once."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._lines = {one.file: one.text.replace("\r\n", "\n").replace("\r", "\n").split("\n") for one in documents}

    def at(self, place: Place | None) -> Line:
        """Return the line of a place; without text for one that stands in no file that was read."""
        if place is None:
            return Line("", 0)
        lines = self._lines.get(place.file, [])
        inside = 1 <= place.line <= len(lines)
        return Line(place.file, place.line, lines[place.line - 1].strip() if inside else "", place.column)
