"""The validity cases as values: the files of a configuration and the verdict they must get."""

from __future__ import annotations

import codecs
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.iis.case_files import FOLDER, demand, overlay, slug, web_config

EXPECTED = frozenset({
    "valid", "no_verdict", "refused", "usage", "hresult", "words", "line", "column", "section", "rule",
})  # fmt: skip
"""`refused` alone: IIS refuses it, in words and with an HRESULT that no source gives."""
_CASE = frozenset({
    "name", "source", "web", "inside", "pad", "encoding", "parent", "parent_web", "apphost", "server", "bindings",
    "hosting", "sites", "windows", "without",
})  # fmt: skip
_MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


@dataclass(frozen=True, slots=True)
class Validity:
    """One configuration and its verdict."""

    id: str
    source: str
    files: Mapping[str, bytes] = field(repr=False)
    """web.config files by path from the site's root; none where applicationHost.config itself is judged."""
    overlay: str = field(repr=False)
    """The applicationHost.config over the defaults; empty for none."""
    windows: str
    without: tuple[str, ...]
    expected: Mapping[str, Any] = field(repr=False)

    @property
    def judged(self) -> str:
        """The file that is judged, from the folder that holds `site` and applicationHost.config."""
        return f"site/{max(self.files, key=len)}" if self.files else "applicationHost.config"


@cache
def validity_cases() -> tuple[Validity, ...]:
    """Return every validity case. ValueError for one that is out of form."""
    return tuple(
        _case(f"{path.stem}/{slug(raw['name'])}", raw)
        for path in sorted((FOLDER / "validity").glob("*.toml"))
        for raw in tomllib.loads(path.read_text())["case"]
    )


def _case(case_id: str, raw: Mapping[str, Any]) -> Validity:
    demand(case_id, iter(raw), EXPECTED | _CASE)
    return Validity(
        case_id,
        str(raw["source"]),
        dict(_files(raw)),
        _overlay(raw),
        str(raw.get("windows", "")),
        tuple(raw.get("without", ())),
        {key: value for key, value in raw.items() if key in EXPECTED},
    )


def _files(raw: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield the parent's web.config and the one that is judged, in the encoding that the case asks for."""
    parent = raw["parent_web"] if "parent_web" in raw else web_config(raw["parent"]) if "parent" in raw else None
    if parent is not None:
        yield "web.config", parent.encode()
    text = raw["web"] if "web" in raw else web_config(raw["inside"]) if "inside" in raw else None
    if text is not None:
        text = text.replace("<system.webServer>\n", "<system.webServer>\n" + "\n" * raw.get("pad", 0), 1)
        yield "web.config" if parent is None else "sub/web.config", encoded(text, str(raw.get("encoding", "utf-8")))


def encoded(text: str, encoding: str) -> bytes:
    """Write a text in an encoding with its byte order mark, or with CRLF line ends."""
    if encoding == "crlf":
        return text.replace("\n", "\r\n").encode()
    return _MARKS.get(encoding, b"") + text.encode(encoding)


def _overlay(raw: Mapping[str, Any]) -> str:
    if "apphost" in raw:
        return str(raw["apphost"])
    if "server" in raw:  # lint tells an applicationHost.config by what it holds
        return web_config(raw["server"]).replace("</configuration>", "<system.applicationHost />\n</configuration>")
    return overlay(raw)
