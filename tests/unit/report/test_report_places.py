"""Paths of machine reports are the project's, and a fingerprint outlives edits that do not matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.report.results import fingerprints, project_root, relative, uri
from ota_proxy.rules.rule import Outcome
from tests.support.report_samples import outcome


def of(*outcomes: Outcome, root: Path = Path("/work")) -> list[str]:
    return fingerprints(outcomes, root)


def test_the_project_is_the_checkout_of_the_service_else_the_repository_else_the_folder(tmp_path: Path) -> None:
    inner = tmp_path / "project" / "deep"
    inner.mkdir(parents=True)
    assert project_root({}, inner) == inner
    (tmp_path / "project" / ".git").mkdir()
    assert project_root({}, inner) == tmp_path / "project"
    assert project_root({"GITHUB_WORKSPACE": str(tmp_path)}, inner) == tmp_path
    assert project_root({"CI_PROJECT_DIR": str(tmp_path)}, inner) == tmp_path
    assert project_root({"GITHUB_WORKSPACE": "/somewhere/else"}, inner) == tmp_path / "project"


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("conf/a.conf", "sub/conf/a.conf"),
        ("../b.conf", "b.conf"),
        ("../../c.conf", ""),
        ("/work/sub/./d.conf", "sub/d.conf"),
        ("/etc/nginx/nginx.conf", ""),
        ("", ""),
    ],
)
def test_a_path_is_relative_to_the_project_or_there_is_none(file: str, wanted: str) -> None:
    assert relative(file, Path("/work"), Path("/work/sub")) == wanted


def test_a_uri_quotes_what_has_a_meaning_in_uris() -> None:
    assert uri("a b/c#d?e:f%.conf") == "a%20b/c%23d%3Fe%3Af%25.conf"
    assert uri("/etc/ö.conf") == "file:///etc/%C3%B6.conf"


def test_a_fingerprint_does_not_depend_on_line_message_query_or_port() -> None:
    base = outcome("OTA406", subject="https://x.example/a.ipa?token=1#x", file="/work/a.conf", line=3, message="one")
    same = outcome("OTA406", subject="https://X.example:443/a.ipa", file="/work/./a.conf", line=99, message="two")
    assert of(base) == of(same)


def test_a_fingerprint_does_not_depend_on_the_folder_of_a_run() -> None:
    first, second = (f"/var/folders/ota-proxy-{run}/etc/nginx/x.conf" for run in ("abc123", "zzz_99"))
    assert of(outcome("OTA616", subject=f"{first}:3", file=first)) == of(outcome("OTA616", subject=second, file=second))


def test_a_comment_beside_a_line_makes_no_other_finding_of_it() -> None:
    found: dict[str, Any] = {"subject": "web.config", "file": "web.config", "line": 9}
    line = '<mimeMap fileExtension=".html" />'
    plain = outcome("OTA620", evidence=line, **found)
    for comment in ("<!-- ota-proxy: ignore OTA620 ours -->", "<!-- it goes on below"):
        assert of(outcome("OTA620", evidence=f"{line} {comment}", **found)) == of(plain)
    assert of(outcome("OTA620", evidence=line.replace("html", "json"), **found)) != of(plain)


@pytest.mark.parametrize(
    "change",
    [{"subject": "https://x.example/b.ipa"}, {"file": "/work/b.conf"}, {"subject": "https://x.example:8443/a.ipa"}],
    ids=str,
)
def test_another_subject_or_file_is_another_fingerprint(change: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"subject": "https://x.example/a.ipa", "file": "/work/a.conf"}
    assert of(outcome("OTA406", **usual)) != of(outcome("OTA406", **{**usual, **change}))
    assert of(outcome("OTA406", **usual)) != of(outcome("OTA405", **usual))


def test_where_the_subject_is_the_file_itself_its_own_words_tell_findings_apart() -> None:
    typed = [
        outcome("OTA620", subject=file, file=file, evidence="<mimeMap  x />", line=line)
        for file, line in (("/work/a/web.config", 3), ("/work/./a/web.config", 9))
    ]
    assert of(typed[0]) == of(typed[1])
    assert of(typed[0]) != of(replace(typed[0], evidence="<mimeMap y />"))


def test_findings_that_are_alike_are_numbered_and_only_findings_have_one() -> None:
    one = outcome("OTA406", subject="s")
    first, second, passed = of(one, one, outcome("OTA301", "passed"))
    assert (first[:-2], first[-2:], second[-2:], passed) == (second[:-2], ":1", ":2", "")
