"""The conformance cases as values: `cases/behaviour/*.toml` and `cases/validity/*.toml`, read and checked for their form.

Sources are written as in the notes of this project: D: a path of MicrosoftDocs/iis-docs under `iis/`, K: an article of
MicrosoftDocs/SupportArticles-docs under `support/developer/webapps/iis/health-diagnostic-performance/`, S: a published
schema file of IIS 10, X: the applicationHost.config of a bare IIS 10 role with URL Rewrite and ARR, J: JexusManager's tests
of IIS's messages, P: what this project promises where no source speaks; else an RFC or a page. An id is `topic/site/case`
in lower case and stays as it is: recorded answers name it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "cases"
EXPECTED = frozenset({
    "answer", "serves", "served", "headers", "location", "body", "contains", "reason", "rewritten", "rule", "proxied",
    "upstream", "hresult", "closes", "tls", "certificate", "refuses",
})  # fmt: skip
"""What a step may expect."""
_SENT = frozenset({"request", "send", "content", "version", "sni", "repeat"})
_SITE = frozenset({
    "name", "source", "files", "text", "web", "config", "configs", "apphost", "bindings", "hosting", "sites", "without", "windows", "case",
})  # fmt: skip
_BINDINGS = """\
<binding protocol="http" bindingInformation="*:80:" />
<binding protocol="https" bindingInformation="*:443:" sslFlags="0" />
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One request and what has to come of it."""

    sent: Mapping[str, Any]
    expected: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """What lies on the disk and in the server's configuration; several cases share one."""

    id: str
    files: Mapping[str, bytes]
    """Content by path, the web.config files too."""
    overlay: str
    """The applicationHost.config that goes over the defaults of IIS 10; empty for none."""
    without: tuple[str, ...]
    """Modules that are not installed."""
    windows: str
    """The version of Windows; empty for the default."""


@dataclass(frozen=True, slots=True)
class Case:
    """One documented behaviour."""

    id: str
    source: str
    site: Site = field(repr=False)
    steps: tuple[Step, ...] = field(repr=False)


@cache
def behaviour_cases() -> tuple[Case, ...]:
    """Return every behaviour case, those of one site beside each other. ValueError for one that is out of form."""
    return tuple(
        case
        for path in sorted((FOLDER / "behaviour").glob("*.toml"))
        for raw in tomllib.loads(path.read_text())["site"]
        for case in _cases(path.stem, raw)
    )


def slug(text: str) -> str:
    """Write a name as in an id."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


def demand(place: str, keys: Iterator[str], known: frozenset[str]) -> None:
    """Refuse keys that nobody reads."""
    unknown = set(keys) - known
    if unknown:
        raise ValueError(f"{place}: unknown keys {sorted(unknown)}")


def _cases(topic: str, raw: Mapping[str, Any]) -> Iterator[Case]:
    site_id = f"{topic}/{slug(raw['name'])}"
    demand(site_id, iter(raw), _SITE)
    site = Site(site_id, _files(raw), overlay(raw), tuple(raw.get("without", ())), str(raw.get("windows", "")))
    for case in raw["case"]:
        case_id = f"{site_id}/{slug(case['name'])}"
        shared = {key: value for key, value in case.items() if key not in {"name", "source", "step"}}
        steps = tuple(_step(case_id, step) for step in case.get("step", [shared]))
        yield Case(case_id, str(case.get("source", raw.get("source", ""))), site, steps)


def _step(case_id: str, raw: Mapping[str, Any]) -> Step:
    demand(case_id, iter(raw), EXPECTED | _SENT)
    sent = {key: value for key, value in raw.items() if key in _SENT}
    return Step(sent, {key: value for key, value in raw.items() if key in EXPECTED})


def _files(raw: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the site's files: `a.html` holds its own name, `big.html 5000` so many bytes; `text` says it itself."""
    found: dict[str, bytes] = {}
    for entry in raw.get("files", ()):
        path, _, size = entry.partition(" ")
        line = f"{path}\n".encode()
        found[path] = (line * (int(size) // len(line) + 1))[: int(size)] if size else line
    found |= {path: text.encode() for path, text in raw.get("text", {}).items()}
    if "config" in raw:
        found["web.config"] = str(raw["config"]).encode()
    configs = {"": raw["web"]} if "web" in raw else {}
    for folder, inside in {**configs, **raw.get("configs", {})}.items():
        found[f"{folder}/web.config".lstrip("/")] = web_config(inside).encode()
    return found


def web_config(inside: str) -> str:
    """Write a web.config around what stands in system.webServer."""
    return f"<configuration>\n<system.webServer>\n{inside}\n</system.webServer>\n</configuration>\n"


def overlay(raw: Mapping[str, Any]) -> str:
    """Write the applicationHost.config of a case; empty where the defaults hold."""
    inside = str(raw.get("apphost", ""))
    if raw.keys() & {"bindings", "hosting", "sites"}:
        site = (
            '<site name="Default Web Site" id="1">\n<application path="/">'
            '<virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\wwwroot" /></application>\n'
            f"<bindings>\n{raw.get('bindings', _BINDINGS)}</bindings>\n{raw.get('hosting', '')}\n</site>\n"
        )
        sites = f"<sites>\n{site}{raw.get('sites', '')}</sites>\n"
        inside = f"<system.applicationHost>\n{sites}</system.applicationHost>\n{inside}"
    return f"<configuration>\n{inside}\n</configuration>\n" if inside else ""
