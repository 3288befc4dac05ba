"""Every machine format: valid by its own schema, with the same findings as all the others, and nothing that looks clean without being it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from ota_proxy.cli.flags import shared
from ota_proxy.printable import inert
from ota_proxy.report import formats, github, gitlab, html, junit, sarif, text
from ota_proxy.report import results as links
from ota_proxy.report.paint import Paint
from ota_proxy.report.report import FailOn, Report, TargetReport, exit_code, no_verdict
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.servers.text import Span
from ota_proxy.settings.options import Options
from tests.support.report_readers import Text, commands, shown
from tests.support.report_samples import OUTSIDE, REASON, TARGET, findings, outcome, sample, suppressed
from tests.support.report_shapes import check_shape
from tests.support.sarif_schema import sarif_schema

MACHINE = ("json", "sarif", "junit", "github", "gitlab")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project and be in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sarif_run(report: Report, root: Path) -> dict[str, Any]:
    """Return the one run of a valid SARIF log."""
    document = json.loads(sarif.render(report, root))
    checker = jsonschema.FormatChecker()
    jsonschema.Draft7Validator(sarif_schema(), format_checker=checker).validate(document)
    (run,) = document["runs"]
    return dict(run)


# -- all formats ------------------------------------------------------------------------------------------------------


def test_every_name_of_a_format_is_known_everywhere() -> None:
    assert shared.FORMATS == formats.FORMATS
    assert Options.model_fields["format"].annotation.__args__ == formats.FORMATS  # type: ignore[union-attr]  # a Literal


def place(one: Any, name: str, root: Path) -> str:  # noqa: ANN401 - an outcome
    """Return where a format says that a finding is: JSON as it was given, the others relative to the project."""
    if not one.file or name == "json":
        return f"{one.file}:{one.line}" if one.file else one.subject.partition("?")[0]
    inside = one.file.removeprefix(f"{root}/")
    if name == "sarif":
        inside = inside.replace(" ", "%20")
    return inside if name == "github" and one.file == OUTSIDE else f"{inside}:{one.line}"


@pytest.mark.parametrize("fail_on", ["error", "note", "never"])
@pytest.mark.parametrize("name", MACHINE)
def test_all_formats_have_the_same_findings(name: str, fail_on: FailOn, root: Path) -> None:
    wanted = sorted(findings(root), key=lambda one: (one.rule.id, one.severity, place(one, name, root)))
    seen = shown(sample(root), name, root, fail_on)
    assert [(one.rule, one.severity) for one in seen] == [(one.rule.id, one.severity) for one in wanted]
    for finding in wanted:
        holding = [one for one in seen if one.rule == finding.rule.id and place(finding, name, root) in one.text]
        assert len(holding) == 1, (finding, seen)
        for part in (finding.message, finding.subject.partition("?")[0]):
            assert part in holding[0].text


def test_people_read_the_same_findings(root: Path) -> None:
    page = Text(html.render(sample(root))).text
    terminal = " ".join(text.render(sample(root), paint=Paint(200)).split())
    for finding in findings(root):
        for part in (finding.rule.id, finding.message, finding.subject.partition("?")[0]):
            assert part in page
            assert part in terminal
        if finding.file:
            assert f"{finding.file}:{finding.line}" in page
            assert f"{finding.file}:{finding.line}" in terminal


@pytest.mark.parametrize("name", ["text", "html", "json", "sarif", "junit", "github"])
def test_a_suppressed_finding_is_told_with_its_reason(name: str, root: Path) -> None:
    rendered = formats.render(sample(root), name, root=root)
    assert REASON in " ".join(rendered.split())
    assert "OTA202" in rendered


def test_gitlab_has_no_word_for_suppressed_so_it_is_left_out(root: Path) -> None:
    assert "OTA202" not in gitlab.render(sample(root), root)


def test_a_suppressed_finding_counts_for_nothing(root: Path) -> None:
    target = TargetReport(TARGET, "nginx", "", "", None, (suppressed(root), outcome("OTA301", "passed")))
    assert exit_code(Report((target,)), "note") == 0
    assert target.findings == ()
    for name in MACHINE:
        assert shown(Report((target,)), name, root, "note") == []
    assert "suppressed: OTA202" in text.render(Report((target,)), paint=Paint(200))
    assert "no findings; 1 passed, 0 not applicable, 0 without a verdict, 1 suppressed" in text.render(
        Report((target,)), paint=Paint(200)
    )


@pytest.mark.parametrize("name", formats.FORMATS)
def test_a_target_without_a_verdict_is_never_clean(name: str, root: Path) -> None:
    rendered = formats.render(Report((no_verdict(TARGET, "", "nobody answers"),)), name, root=root)
    assert "nobody answers" in rendered
    assert re.search(r"(?i)no.verdict", rendered)


@pytest.mark.parametrize("name", [name for name in formats.FORMATS if name not in ("json", "gitlab")])
def test_what_a_result_about_iis_may_claim_stands_in_every_format_that_has_a_place_for_it(
    name: str, root: Path
) -> None:
    emulated = replace(sample(root).targets[0], server="iis", level="L1")
    rendered = formats.render(Report((emulated,)), name, root=root)
    assert "by our emulator; no IIS has run it" in " ".join(rendered.split())
    assert "L1" in rendered
    if name == "junit":
        check_shape(ET.fromstring(rendered))  # noqa: S314 - our own output
    if name == "sarif":
        sarif_run(Report((emulated,)), root)


@pytest.mark.parametrize("name", MACHINE)
def test_secrets_in_urls_reach_no_format(name: str, root: Path) -> None:
    assert "s3cr3ts3cr3t" not in formats.render(sample(root), name, root=root)


@pytest.mark.parametrize("name", formats.FORMATS)
def test_a_report_is_the_same_bytes_each_time_and_ends_with_a_newline(name: str, root: Path) -> None:
    once, again = (formats.render(sample(root), name, root=root) for _ in range(2))
    assert once == again
    assert once.endswith("\n")


# -- SARIF ------------------------------------------------------------------------------------------------------------


def test_sarif_lists_every_rule_with_its_level_and_help(root: Path) -> None:
    rules = sarif_run(sample(root), root)["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(catalogue())
    for rule, known in zip(rules, catalogue().values(), strict=True):
        assert rule["defaultConfiguration"]["level"] == known.severity
        assert rule["help"]["text"].startswith("# ")
        assert "helpUri" not in rule or rule["helpUri"].startswith("https://")


def test_sarif_names_files_relative_to_the_project(root: Path) -> None:
    run = sarif_run(sample(root), root)
    base = run["originalUriBaseIds"]["%SRCROOT%"]["uri"]
    assert base == f"file://{root}/"
    physical = [one["locations"][0].get("physicalLocation") for one in run["results"]]
    assert {
        "artifactLocation": {"uri": "conf/site%20one.conf", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3},
    } in physical
    assert {"artifactLocation": {"uri": f"file://{OUTSIDE}"}, "region": {"startLine": 7}} in physical


@pytest.mark.parametrize(
    ("span", "region"),
    [
        (Span("a", 3, 5, 20, 30, 4, 2), {"startLine": 3, "startColumn": 5, "endLine": 4, "endColumn": 2}),
        (Span("a", 3, 5), {"startLine": 3, "startColumn": 5}),
        (Span("a", 3), {"startLine": 3}),
        (Span("a"), {"startLine": 1}),
    ],
)
def test_a_region_in_sarif_has_what_is_known_of_its_span(span: Span, region: dict[str, int], tmp_path: Path) -> None:
    report = Report((replace(sample(tmp_path).targets[0], outcomes=(outcome("OTA406", span=span),)),))
    (result,) = sarif.document(report, tmp_path)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == region


def test_sarif_names_a_url_as_logical_location_and_in_a_way_that_code_scanning_takes(root: Path) -> None:
    (found,) = [one for one in sarif_run(sample(root), root)["results"] if one["ruleId"] == "OTA201"]
    (location,) = found["locations"]
    assert location["logicalLocations"] == [{"fullyQualifiedName": "http://ota.example.com/", "kind": "resource"}]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "ota.example.com"
    for one in sarif_run(sample(root), root)["results"]:
        physical = one["locations"][0]["physicalLocation"]
        assert physical["region"]["startLine"] >= 1
        assert not re.match(r"(?!file:)[a-z]+:", physical["artifactLocation"]["uri"])


def test_sarif_keeps_suppressed_findings_with_their_justification(root: Path) -> None:
    results = sarif_run(sample(root), root)["results"]
    assert all("suppressions" in one for one in results)
    (found,) = [one for one in results if one["suppressions"]]
    assert (found["ruleId"], found["suppressions"]) == (
        "OTA202",
        [{"kind": "inSource", "status": "accepted", "justification": REASON}],
    )


def test_sarif_says_what_could_not_be_judged(root: Path) -> None:
    (invocation,) = sarif_run(sample(root), root)["invocations"]
    assert invocation["executionSuccessful"] is False
    told = {one["message"]["text"]: one["level"] for one in invocation["toolExecutionNotifications"]}
    assert told == {
        "no verdict on https://gone.example.com/: nobody answers": "error",
        f"no verdict on OTA302 for {TARGET}: the body was too large": "note",
    }
    good = replace(sample(root), targets=sample(root).targets[:1])
    assert sarif_run(good, root)["invocations"][0]["executionSuccessful"] is True


def test_the_schema_of_sarif_refuses_what_is_wrong(root: Path) -> None:
    document = sarif.document(sample(root), root)
    document["runs"][0]["results"][0]["level"] = "critical"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, sarif_schema())


def test_the_address_of_the_rule_pages_comes_from_the_projects_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    class Metadata:
        def get_all(self, name: str) -> list[str]:
            assert name == "Project-URL"
            return ["Homepage, https://example.org/", "Rules, https://example.org/rules"]

    monkeypatch.setattr(links, "metadata", lambda _: Metadata())
    links.published.cache_clear()
    try:
        assert links.page_uri("OTA406") == "https://example.org/rules/OTA406-package-no-range.md"
    finally:
        links.published.cache_clear()


@pytest.mark.parametrize("base", ["", "https://example.org/rules/"])
def test_a_rule_leads_to_its_published_page_and_never_to_a_path_of_this_machine(
    base: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "published", lambda: base)
    rules = sarif_run(sample(root), root)["tool"]["driver"]["rules"]
    addresses = {rule.get("helpUri", "").partition("OTA")[0] for rule in rules}
    assert addresses == {base}


# -- GitHub -----------------------------------------------------------------------------------------------------------


def test_an_annotation_has_file_line_and_title_and_escapes_what_would_end_them(root: Path) -> None:
    bad = outcome("OTA406", message="50%: a\nb, c::d", file=str(root / "a,b:c%.conf"), line=3)
    rendered = github.render(Report((TargetReport(TARGET, "", "", "", None, (bad,)),)), root)
    assert rendered.splitlines()[0] == (
        "::error file=a%2Cb%3Ac%25.conf,line=3,title=OTA406 package-no-range::50%25: a%0Ab, c::d%0Aa,b:c%25.conf:3"
    )


def test_a_file_outside_the_project_is_named_in_the_text_only(root: Path) -> None:
    (found,) = [one for one in commands(github.render(sample(root), root)) if one[1]["title"].startswith("OTA511")]
    assert "file" not in found[1]
    assert f"{OUTSIDE}:7" in found[2]


def test_at_most_ten_annotations_of_a_level_name_every_rule_first_and_count_the_rest(root: Path) -> None:
    many = [outcome("OTA406", subject=f"location {number}", message="x", file="a.conf", line=1) for number in range(30)]
    many += [outcome(rule, subject="s", message="y") for rule in ("OTA301", "OTA201")]
    found = commands(github.render(Report((TargetReport(TARGET, "", "", "", None, tuple(many)),)), root))
    assert [level for level, _, _ in found] == ["error"] * github.LIMIT
    assert [one["title"][:6] for _, one, _ in found[:4]] == ["OTA201", "OTA301", "OTA406", "OTA406"]
    assert found[-1][2].startswith(f"{len(many) - (github.LIMIT - 1)} more")


def test_a_target_without_a_verdict_is_not_among_those_that_are_cut(root: Path) -> None:
    many = tuple(outcome("OTA315", subject=f"location {number}", message="x") for number in range(30))
    report = Report((TargetReport(TARGET, "", "", "", None, many), no_verdict("https://gone/", "", "nobody answers")))
    found = commands(github.render(report, root))
    assert len(found) == github.LIMIT
    assert any("nobody answers" in text for _, _, text in found)


def test_levels_come_from_error_to_notice(root: Path) -> None:
    levels = [level for level, _, _ in commands(github.render(sample(root), root))]
    assert levels == sorted(levels, key=["error", "warning", "notice"].index)


def test_the_summary_of_a_step_is_a_table_in_which_foreign_text_is_text(root: Path) -> None:
    bad = outcome("OTA406", message="| a | [x](https://evil.example) <b>&</b>\n# h ![i](y) `c` @team", subject="*s*")
    said = github.summary(Report((TargetReport(TARGET, "", "", "", None, (bad,)),)), root)
    (row,) = [line for line in said.splitlines() if "OTA406" in line]
    assert row.count("|") == 5
    assert not re.search(r"[\[\]()*`@#!](?!\d)", row.replace("&#", ""))
    assert Text(row.split("|")[4]).text.strip() == bad.message


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("::add-mask::secret", False),
        ("   ::error file=x::y", False),
        ("x ##[error]y", False),
        ("::1 is an address", False),
        ("a ::b:: c", True),
        ("x ##vso[task.setvariable]y", False),
        ("x ##teamcity[x]", False),
        ("# heading ## [x]", True),
    ],
)
def test_nothing_in_a_log_is_a_command_of_a_runner(line: str, *, same: bool) -> None:
    assert (inert(line) == line) is same
    assert not re.match(r"\s*::\S", inert(line))
    assert not re.search(r"##\w*\[", inert(line))


# -- GitLab -----------------------------------------------------------------------------------------------------------


def test_an_entry_of_gitlab_has_what_its_documentation_asks_for(root: Path) -> None:
    entries = json.loads(gitlab.render(sample(root), root))
    for one in entries:
        assert set(one) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert one["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert isinstance(one["location"]["lines"]["begin"], int)
        assert not one["location"]["path"].startswith("./")
    assert len({one["fingerprint"] for one in entries}) == len(entries)


# -- JUnit ------------------------------------------------------------------------------------------------------------


def parsed(report: Report, root: Path, fail_on: FailOn = "error") -> ET.Element:
    top = ET.fromstring(junit.render(report, root, fail_on))  # noqa: S314 - our own output
    check_shape(top)
    return top


def test_a_junit_case_stands_for_a_rule_on_a_target(root: Path) -> None:
    first, second = parsed(sample(root), root)
    names = [case.attrib["name"].split()[0] for case in first]
    assert names == list(dict.fromkeys(one.rule.id for one in sample(root).targets[0].outcomes))
    assert [case.attrib["name"] for case in second] == ["verdict"]


@pytest.mark.parametrize(
    ("fail_on", "failing"),
    [
        ("error", {"OTA201", "OTA406"}),
        ("warning", {"OTA201", "OTA406", "OTA315"}),
        ("note", {"OTA201", "OTA406", "OTA315", "OTA511"}),
        ("never", set()),
    ],
)
def test_a_junit_case_fails_where_the_exit_code_does(fail_on: FailOn, failing: set[str], root: Path) -> None:
    cases = parsed(sample(root), root, fail_on).iter("testcase")
    assert {case.attrib["name"].split()[0] for case in cases if case.find("failure") is not None} == failing


def test_junit_skips_with_a_reason(root: Path) -> None:
    skipped = {
        case.attrib["name"].split()[0]: element.attrib["message"]
        for case in parsed(sample(root), root).iter("testcase")
        if (element := case.find("skipped")) is not None
    }
    assert skipped == {
        "OTA302": "no verdict: the body was too large",
        "OTA107": "not applicable: there is no page",
        "OTA202": f"suppressed: {REASON}",
    }


def test_the_findings_of_a_rule_are_one_failure(root: Path) -> None:
    cases = {case.attrib["name"].split()[0]: case for case in parsed(sample(root), root).iter("testcase")}
    failure = cases["OTA406"].find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "max_ranges 0 (and 1 more)", "type": "error"}
    assert (failure.text or "").count("error: max_ranges 0") == 2
