"""Whatever a server, a file or a person wrote: the machine formats stay valid, and nothing in them becomes markup, a command or another finding."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from ota_proxy.report import github, gitlab, html, junit, sarif, text
from ota_proxy.report.paint import Paint
from ota_proxy.report.report import Report, TargetReport, no_verdict
from ota_proxy.rules.rule import Outcome
from tests.support.html_pages import check_harmless, page
from tests.support.report_readers import COMMAND, Text, commands
from tests.support.report_samples import outcome
from tests.support.report_shapes import check_shape
from tests.support.sarif_schema import sarif_schema

ROOT = Path("/srv/project")
ATTACKS = (
    "]]>",
    "<![CDATA[",
    "</failure><error/>",
    "&amp;&#10;",
    "::error::x",
    "\n::add-mask::x",
    "::stop-commands::x",
    "##[error]x",
    "%0A::error::x",
    "%0D%0A",
    "%253A",
    ",line=1::",
    "|",
    "`a`",
    "![i](https://evil.example/x)",
    "<img src=https://evil.example/x>",
    "<script>alert(1)</script>",
    "\x1b[2J\x07\x00\x85\u202e\u2028\ufeff\uffff",
    "\udc80",
    "../../x",
    "file:///etc/passwd",
    "C:\\x",
    "http://[",
    "é日🍏",
)
NASTY = st.lists(st.one_of(st.sampled_from(ATTACKS), st.text(max_size=12)), max_size=4).map("".join)
SCHEMA = jsonschema.Draft7Validator(sarif_schema())


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw a report with hostile text wherever foreign text may stand."""
    target = draw(NASTY)
    found = [_outcome(draw, rule, target) for rule in ("OTA406", "OTA406", "OTA315", "OTA511")]
    found += [outcome("OTA302", draw(st.sampled_from(("no-verdict", "not-applicable"))), message=draw(NASTY))]
    one = TargetReport(target, draw(NASTY), draw(NASTY), "", None, tuple(found), notes=(draw(NASTY),), log=draw(NASTY))
    return Report((one, no_verdict(draw(NASTY), "", draw(NASTY))))


def _outcome(draw: st.DrawFn, rule: str, target: str) -> Outcome:
    fields = ("subject", "message", "evidence", "remedy", "file", "suppressed")
    drawn: dict[str, Any] = {name: draw(NASTY) for name in fields}
    return outcome(rule, target=target, line=draw(st.integers(0, 9)), **drawn)


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Yield every text of a JSON value."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(inner)


def harmless(value: str) -> bool:
    return all(char in "\n " or unicodedata.category(char)[0] not in "CZ" for char in value)


@settings(deadline=None)  # validating against the schema is slow on a busy machine
@given(reports())
def test_sarif_stays_valid(report: Report) -> None:
    document = sarif.document(report, ROOT)
    document["runs"][0]["tool"]["driver"]["rules"] = []  # ours, the same each time, and slow to look at
    SCHEMA.validate(document)
    assert all(map(harmless, texts(document)))
    for one in document["runs"][0]["results"]:
        uri = one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[\w\-.~%!$&'()*+,;=@/]+|file://[\w\-.~%!$&'()*+,;=@/]+", uri, re.ASCII)


@given(reports())
def test_every_line_for_github_is_one_command_of_ours_or_plain(report: Report) -> None:
    rendered = github.render(report, ROOT)
    assert harmless(rendered)
    lines = rendered.split("\n")
    assert lines.pop() == ""
    for line in lines:
        if not COMMAND.fullmatch(line):
            assert line.startswith(("suppressed: OTA", "ota-proxy: "))
            assert "##[" not in line
    for _, properties, _ in commands(rendered):
        assert set(properties) in ({"title"}, {"title", "file", "line"})
        assert re.fullmatch(r"OTA\d{3} [\w-]+|no verdict", properties["title"])
    counted = sum(one.status == "failed" and not one.suppressed for one in report.targets[0].outcomes)
    assert sum(one["title"] != "no verdict" for _, one, _ in commands(rendered)) == counted


@given(reports())
def test_the_summary_of_a_step_is_text_in_a_table_of_ours(report: Report) -> None:
    rows = [line for line in github.summary(report, ROOT).splitlines() if line.startswith("| ")][1:]
    assert len(rows) == sum(one.status == "failed" for one in report.targets[0].outcomes)
    for row in rows:
        _, level, rule, *foreign, _ = row.split("|")
        assert level.strip() in {"error", "warning", "note", "suppressed"}
        assert re.fullmatch(r"OTA\d{3} [\w-]+", rule.strip())
        assert len(foreign) == 2
        for cell in foreign:
            assert re.fullmatch(r"(?:[^\W_]| |&#\d+;|<br>)*", cell)
            assert harmless(Text(cell).text)


@given(reports())
def test_gitlab_gets_json_of_harmless_text_with_fingerprints_of_their_own(report: Report) -> None:
    entries = json.loads(gitlab.render(report, ROOT))
    assert all(map(harmless, texts(entries)))
    prints = [one["fingerprint"] for one in entries]
    assert len(set(prints)) == len(prints)


@given(reports())
def test_junit_is_xml_with_cases_of_ours_only(report: Report) -> None:
    top = ET.fromstring(junit.render(report, ROOT))  # noqa: S314 - our own output
    check_shape(top)
    names = [case.attrib["name"].partition(" ")[0] for case in top.iter("testcase")]
    assert names == ["OTA406", "OTA315", "OTA511", "OTA302", "verdict"]
    for element in top.iter():
        assert all(map(harmless, [*element.attrib.values(), (element.text or "")]))


@given(reports())
def test_the_page_and_the_text_stay_inert(report: Report) -> None:
    check_harmless(page(*report.targets))
    assert "<script" not in html.render(report)
    shown = text.render(report, paint=Paint())
    assert harmless(shown)
    assert not re.search(r"(?m)^\s*::[^\s:]|##\[", shown)
