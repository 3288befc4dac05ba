"""Reads every report format back into findings: (rule, severity, text), where text must hold what the format shows of a finding."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from ota_proxy.report.formats import render
from ota_proxy.report.report import FailOn, Report


class Shown(NamedTuple):
    """A finding as a format shows it; `text` is everything that a reader of the format sees of it."""

    rule: str
    severity: str
    text: str


_LEVELS = {"notice": "note", "critical": "error", "major": "warning", "info": "note"}


def shown(report: Report, name: str, root: Path, fail_on: FailOn = "error") -> list[Shown]:
    """Return the findings of a report in a format."""
    return read(name, render(report, name, root=root, fail_on=fail_on))


def read(name: str, rendered: str) -> list[Shown]:
    """Return the findings of a format's text, sorted."""
    readers = {"json": _json, "sarif": _sarif, "junit": _junit, "github": _github, "gitlab": _gitlab}
    return sorted(readers[name](rendered))


def _json(rendered: str) -> Iterator[Shown]:
    for one in json.loads(rendered)["outcomes"]:
        if one["status"] == "failed" and not one["suppressed"]:
            file, line = one["location"]["file"], one["location"]["line"]
            yield Shown(one["rule"], one["severity"], f"{file}:{line} {one['subject']} {one['message']}")


def _sarif(rendered: str) -> Iterator[Shown]:
    (run,) = json.loads(rendered)["runs"]
    for one in run["results"]:
        rule = run["tool"]["driver"]["rules"][one["ruleIndex"]]
        assert rule["id"] == one["ruleId"]
        if not one["suppressions"]:
            yield Shown(one["ruleId"], one["level"], _place(one) + one["message"]["text"])


def _place(result: dict[str, Any]) -> str:
    (location,) = result["locations"]
    (logical,) = location["logicalLocations"]
    physical = location.get("physicalLocation")
    if physical is None:
        return f"{logical['fullyQualifiedName']} "
    uri, line = physical["artifactLocation"]["uri"], physical.get("region", {}).get("startLine")
    return f"{uri.removeprefix('file://')}:{line} {logical['fullyQualifiedName']} "


def _junit(rendered: str) -> Iterator[Shown]:
    for case in ET.fromstring(rendered).iter("testcase"):  # noqa: S314 - our own output
        blocks = "\n\n".join(element.text or "" for element in case if element.tag in ("failure", "system-out"))
        for block in filter(None, blocks.split("\n\n")):
            severity, _, text = block.partition(": ")
            if "\nsuppressed: " not in block:
                yield Shown(case.attrib["name"].split()[0], severity, text)


COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


def commands(rendered: str) -> list[tuple[str, dict[str, str], str]]:
    """Return (level, properties, text) of every workflow command, read as GitHub's runner does."""
    found = (COMMAND.fullmatch(line) for line in rendered.splitlines())
    return [(match[1], _properties(match[2]), _unescaped(match[3])) for match in found if match]


def _properties(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(","))
    return {name: _unescaped(value, property_=True) for name, _, value in pairs}


def _unescaped(text: str, *, property_: bool = False) -> str:
    for code, sign in (("%3A", ":"), ("%2C", ",")) if property_ else ():
        text = text.replace(code, sign)
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def _github(rendered: str) -> Iterator[Shown]:
    for level, properties, text in commands(rendered):
        if properties["title"].startswith("OTA"):
            place = f"{properties['file']}:{properties['line']} " if "file" in properties else ""
            yield Shown(properties["title"].split()[0], _LEVELS.get(level, level), place + text)


def _gitlab(rendered: str) -> Iterator[Shown]:
    for one in json.loads(rendered):
        if one["check_name"].startswith("OTA"):
            place = f"{one['location']['path']}:{one['location']['lines']['begin']} "
            yield Shown(one["check_name"].split()[0], _LEVELS[one["severity"]], place + one["description"])


class Text(HTMLParser):
    """What a browser shows of a page, with markup taken out."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's
        self.tags.append(tag)
        self.text += "\n" if tag == "br" else ""

    def handle_data(self, data: str) -> None:
        self.text += data
