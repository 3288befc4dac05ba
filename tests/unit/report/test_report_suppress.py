"""Living with a finding: what a suppression is about, what it does to a report, and when it is told that it matched nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.report import html, view
from ota_proxy.report.report import Report, TargetReport, exit_code, no_verdict, summary
from ota_proxy.report.suppress import Standing, Suppression, highest, matches, standings, suppress, unused
from ota_proxy.rules.rule import Outcome
from ota_proxy.testing import InstallReport
from tests.support.report_samples import REASON, TARGET, URL, outcome, sample

HERE = Suppression("OTA315", REASON, "ota-proxy.toml:4")


def target(*outcomes: Any, **more: Any) -> TargetReport:  # noqa: ANN401 - outcomes, and fields of the report
    return replace(TargetReport(TARGET, "nginx", "", "", None, outcomes), **more)


def reasons(report: TargetReport) -> list[tuple[str, str]]:
    return [(one.rule.id, one.suppressed) for one in report.suppressed]


# -- globs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("glob", "text", "is_it"),
    [
        ("https://a.example/*", "https://a.example/", True),
        ("https://a.example/*", "https://a.example/ota/app.ipa", True),
        ("https://a.example/*", "https://a.example", False),
        ("https://a.example/*", "https://A.example/", False),
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("?", "", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*/web.config", "site/sub/web.config", True),
        ("*/web.config", "web.config", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("https://[2001:db8::7]/*", "https://[2001:db8::7]/app.plist", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("**a**", "xax", True),
        (r"C:\ota\*", r"C:\ota\web.config", True),
        ("a", "a\n", False),
        ("a*", "a\nb", True),
    ],
)
def test_a_glob_is_the_whole_text_with_stars_and_question_marks(glob: str, text: str, *, is_it: bool) -> None:
    assert matches(glob, text) is is_it


# -- what it is about ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ("", True),
        ("https://ota.example.com/ota/*", True),  # the finding's subject
        ("https://ota.example.com/", True),  # the target
        ("https://other.example.com/*", False),
        ("app.ipa", False),
    ],
)
def test_a_glob_is_held_against_subject_and_target(subject: str, tmp_path: Path, *, found: bool) -> None:
    report = suppress(target(outcome("OTA315", subject=URL)), [replace(HERE, subject=subject)], tmp_path)
    assert reasons(report) == [("OTA315", REASON)] * found
    assert len(report.findings) == (not found)


@pytest.mark.parametrize("subject", ["conf/site.conf", "{root}/conf/site.conf", "*/site.conf", "conf/*"])
def test_a_glob_may_name_the_file_as_it_is_reported_or_in_the_project(subject: str, tmp_path: Path) -> None:
    found = outcome("OTA315", subject="http", file=str(tmp_path / "conf/site.conf"), line=3)
    glob = subject.replace("{root}", str(tmp_path))
    assert reasons(suppress(target(found), [replace(HERE, subject=glob)], tmp_path)) == [("OTA315", REASON)]


def test_a_glob_sees_what_the_report_shows_of_a_secret(tmp_path: Path) -> None:
    found = target(outcome("OTA406", subject=URL))
    glob = "https://ota.example.com/ota/app.ipa?token=s3cr…"
    assert reasons(suppress(found, [Suppression("OTA406", "x", "", glob)], tmp_path)) == [("OTA406", "x")]
    assert not reasons(suppress(found, [Suppression("OTA406", "x", "", URL)], tmp_path))


def test_only_what_failed_is_suppressed_and_the_first_reason_counts(tmp_path: Path) -> None:
    ignored = [HERE, replace(HERE, reason="another")]
    report = suppress(target(outcome("OTA315", "passed"), outcome("OTA406")), ignored, tmp_path)
    assert reasons(report) == []
    assert reasons(suppress(target(outcome("OTA315")), ignored, tmp_path)) == [("OTA315", REASON)]


@pytest.mark.parametrize(("line", "found"), [(3, False), (4, True), (6, True), (7, False), (0, False)])
def test_a_comment_is_about_its_lines_of_its_file(line: int, tmp_path: Path, *, found: bool) -> None:
    comment = replace(HERE, file="a/web.config", first=4, last=6)
    here = outcome("OTA315", file="a/web.config", line=line)
    there = outcome("OTA315", file="b/web.config", line=line)
    report = suppress(target(here, there), [comment], tmp_path)
    assert [one.in_source for one in report.suppressed] == [True] * found


def test_settings_are_no_part_of_the_source(tmp_path: Path) -> None:
    (found,) = suppress(target(outcome("OTA315", file="a", line=1)), [HERE], tmp_path).suppressed
    assert not found.in_source


# -- what it does to a report -------------------------------------------------------------------------------------------


def test_without_suppressions_a_report_stays_as_it_is(tmp_path: Path) -> None:
    report = sample(tmp_path).targets[0]
    assert suppress(report, [], tmp_path) == report


def test_the_exit_code_counts_and_the_phone_know_nothing_of_a_suppressed_error(tmp_path: Path) -> None:
    error = outcome("OTA301", subject=URL, sees="Cannot connect to ota.example.com", message="404")
    report = target(error, outcome("OTA201", "passed"))
    assert (exit_code(Report((report,))), view.phone(report)) == (1, error)
    lived_with = suppress(report, [Suppression("OTA301", "x", "")], tmp_path)
    assert exit_code(Report((lived_with,)), "note") == 0
    assert view.phone(lived_with) is None
    counts = summary(Report((lived_with,)))
    assert (sum(counts.findings.values()), counts.outcomes["failed"], counts.suppressed) == (0, 1, 1)


def test_a_stage_says_what_is_left_of_it(tmp_path: Path) -> None:
    report = target(outcome("OTA301"), outcome("OTA315", severity="warning"), outcome("OTA302", "passed"))

    def mark(*rules: str) -> str:
        done = suppress(report, [Suppression(rule, "x", "") for rule in rules], tmp_path)
        return dict(view.stages(done))["manifest"]

    assert (mark(), mark("OTA301"), mark("OTA301", "OTA315")) == ("error", "warning", "good")


@pytest.mark.parametrize(
    ("seen", "marks"),
    [
        ([outcome("OTA505")], {"package": "good", "install": "error", "open": "error"}),
        ([outcome("OTA503")], {"package": "good", "install": "error", "open": "none"}),
        ([outcome("OTA401")], {"package": "error", "install": "none", "open": "none"}),
        ([outcome("OTA205")], {"connect": "error", "package": "error", "open": "none"}),
        ([outcome("OTA505", severity="note")], {"package": "good", "install": "note", "open": "note"}),
        ([outcome("OTA511", severity="note")], {"install": "good", "open": "good"}),
        ([outcome("OTA201")], {"connect": "error", "manifest": "good", "open": "good"}),
        ([outcome("OTA301")], {"manifest": "error", "package": "good", "open": "good"}),
        ([outcome("OTA605")], {"server": "error", "package": "good", "install": "error", "open": "none"}),
        ([outcome("OTA606")], {"server": "error", "package": "error", "install": "none"}),
        ([outcome("OTA415", severity="warning")], {"install": "warning", "open": "good"}),
    ],
)
def test_a_stage_is_marked_by_every_finding_that_is_felt_there(seen: list[Outcome], marks: dict[str, str]) -> None:
    told = {one.rule.id for one in seen}
    fine = ("OTA101", "OTA206", "OTA302", "OTA306", "OTA410", "OTA504", "OTA113")
    passed = [outcome(rule, "passed") for rule in fine if rule not in told]
    stages = dict(view.stages(target(*seen, *passed)))
    assert {stage: stages[stage] for stage in marks} == marks  # type: ignore[index]


def test_a_page_that_is_sent_around_does_not_hide_that_an_error_was_suppressed(tmp_path: Path) -> None:
    report = target(outcome("OTA301", message="404"), outcome("OTA201", "passed"))
    lived_with = suppress(report, [Suppression("OTA301", "x", "")], tmp_path)
    assert "Yes, leaving aside what is suppressed</p>" in html.render(Report((lived_with,)))
    assert "No: an install fails</p>" in html.render(Report((report,)))
    note = suppress(target(outcome("OTA511"), outcome("OTA201", "passed")), [Suppression("OTA511", "x", "")], tmp_path)
    assert "Yes</p>" in html.render(Report((note,)))


def test_a_failing_test_still_names_what_was_suppressed(tmp_path: Path) -> None:
    cached = outcome("OTA315", severity="warning", subject=URL)
    found = [outcome("OTA301", message="404"), cached, outcome("OTA406")]
    report = InstallReport(suppress(target(*found), [HERE], tmp_path))
    assert report.rules == {"OTA301", "OTA406"}
    assert report.warnings == ()
    (left,) = report.suppressed
    assert (left.rule, left.suppressed) == ("OTA315", REASON)
    assert "suppressed: OTA315 manifest-cacheable at https://ota.example.com/" in report.brief(200)
    assert "Beside it" not in report.brief(200)


def test_several_that_read_the_same_are_one_line(tmp_path: Path) -> None:
    found = [outcome("OTA315", subject=URL, message=str(number)) for number in range(3)]
    (line,) = view.suppressed(suppress(target(*found), [HERE], tmp_path))
    assert line.startswith("OTA315 manifest-cacheable at https://ota.example.com/ota/app.ipa?token=s3cr…: ")
    assert line.endswith(f": {REASON} (3 findings)")


# -- what matched nothing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "subject", "standing"),
    [
        ((outcome("OTA315"),), "", Standing.USED),
        ((outcome("OTA315", "passed"),), "", Standing.UNUSED),
        ((outcome("OTA315", "no-verdict"),), "", Standing.SILENT),
        ((outcome("OTA315", "not-applicable"),), "", Standing.SILENT),
        ((outcome("OTA201", "passed"),), "", Standing.SILENT),
        ((outcome("OTA315", "passed"),), "*/old.conf", Standing.UNUSED),
        ((outcome("OTA315", "passed"),), "https://ota.example.com/old/*", Standing.UNUSED),
        ((outcome("OTA315", "passed"),), "https://*.example.com/*", Standing.UNUSED),
        ((outcome("OTA315", "passed"),), "https://other.example.com/*", Standing.SILENT),
        ((outcome("OTA315", subject=URL),), "https://other.example.com/*", Standing.SILENT),
    ],
)
def test_a_setting_matched_nothing_only_where_its_rule_and_its_host_were_looked_at(
    outcomes: tuple[Any, ...], subject: str, standing: Standing, tmp_path: Path
) -> None:
    assert standings([target(*outcomes)], [replace(HERE, subject=subject)], tmp_path) == [standing]


@pytest.mark.parametrize(
    ("outcomes", "standing"),
    [
        ((outcome("OTA201", "passed"),), Standing.UNUSED),
        ((outcome("OTA315", "not-applicable"), outcome("OTA201", "passed")), Standing.UNUSED),
        ((outcome("OTA315", "no-verdict"), outcome("OTA201", "passed")), Standing.SILENT),
        ((), Standing.SILENT),
    ],
)
def test_what_was_said_for_this_run_matched_nothing_also_where_nobody_looks_for_its_rule(
    outcomes: tuple[Any, ...], standing: Standing, tmp_path: Path
) -> None:
    flag = replace(HERE, once=True)
    comment = replace(HERE, file="web.config", first=1, last=2)
    report = target(*outcomes, config={"web.config": "<configuration/>"})
    assert standings([report], [flag, comment], tmp_path) == [standing, standing]
    assert standings([replace(report, config={})], [comment], tmp_path) == [Standing.SILENT]


def test_of_several_targets_the_highest_standing_counts(tmp_path: Path) -> None:
    passed, failed = target(outcome("OTA315", "passed")), target(outcome("OTA315"))
    nobody = no_verdict("https://gone.example.com/", "", "nobody answers")
    assert standings([nobody, passed], [HERE], tmp_path) == [Standing.UNUSED]
    assert standings([failed, passed, nobody], [HERE], tmp_path) == [Standing.USED]
    assert standings([], [HERE], tmp_path) == [Standing.SILENT]
    assert highest([[0, 2], [1, 0]]) == [Standing.UNUSED, Standing.USED]


def test_the_sentence_names_place_rule_and_glob() -> None:
    ignored = [HERE, replace(HERE, subject="*.conf\x1b"), replace(HERE, place="--ignore")]
    assert unused(ignored, [Standing.UNUSED, Standing.UNUSED, Standing.USED]) == [
        "ota-proxy.toml:4: the suppression of OTA315 manifest-cacheable matched nothing: leave it out",
        r"ota-proxy.toml:4: the suppression of OTA315 manifest-cacheable at *.conf\x1b matched nothing: leave it out",
    ]
