"""Reports of real commands in every format: the same findings, files, a summary for GitHub, and what happens when one cannot be written."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from ota_proxy.report.formats import FORMATS, report_schema
from tests.support.command_line import Run
from tests.support.report_readers import read
from tests.support.sarif_schema import sarif_schema

BROKEN = """\
<?xml version="1.0"?>
<configuration>
  <system.webServer>
    <staticContent>
      <mimeMap fileExtension=".ipa" mimeType="text/plain" />
      <mimeMap fileExtension=".html" mimeType="text/html" />
    </staticContent>
    <directoryBrowse enabled="true" />
  </system.webServer>
</configuration>
"""
GONE = ("check", "https://127.0.0.1:1/app.plist")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository with a broken configuration in a folder, be in that folder, and on nobody's CI."""
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".git").mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "web.config").write_text(BROKEN, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "site")
    return tmp_path


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", ["sarif", "junit", "github", "gitlab"])
def test_a_real_lint_has_the_same_findings_in_every_format(name: str, run: Run) -> None:
    wanted = read("json", run("lint", "web.config", "--format", "json").out)
    assert len({one.rule for one in wanted}) > 3
    said = run("lint", "web.config", "--format", name)
    assert said.code == 1
    seen = read(name, said.out)
    assert [(one.rule, one.severity) for one in seen] == [(one.rule, one.severity) for one in wanted]
    for one in wanted:
        line = one.text.partition(" ")[0].rpartition(":")[2]
        assert any(other.rule == one.rule and f"site/web.config:{line}" in other.text for other in seen)


@pytest.mark.usefixtures("project")
def test_a_real_lint_obeys_the_schemas(run: Run) -> None:
    jsonschema.validate(json.loads(run("lint", "web.config", "--format", "json").out), report_schema())
    log = json.loads(run("lint", "web.config", "--format", "sarif").out)
    jsonschema.Draft7Validator(sarif_schema()).validate(log)
    assert {
        one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in log["runs"][0]["results"]
    } == {"site/web.config"}


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
def test_a_real_verify_obeys_the_schemas_and_says_the_same_in_both(run: Run) -> None:
    words = ("verify", "nginx", "--engine", "embedded", "--format")
    document, log = run(*words, "json"), run(*words, "sarif")
    assert (document.code, log.code) == (0, 0)
    jsonschema.validate(json.loads(document.out), report_schema())
    jsonschema.Draft7Validator(sarif_schema()).validate(json.loads(log.out))
    found = read("json", document.out)
    assert found
    assert [one[:2] for one in read("sarif", log.out)] == [one[:2] for one in found]
    prints = {one["fingerprint"] for one in json.loads(document.out)["outcomes"] if one["fingerprint"]}
    assert {one["partialFingerprints"]["otaProxy/v1"] for one in json.loads(log.out)["runs"][0]["results"]} == prints, (
        "two runs of the same give the same fingerprints"
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_goes_to_stdout_or_a_file(name: str, tmp_path: Path, run: Run) -> None:
    said = run(*GONE, "--format", name)
    assert (said.code, said.out.endswith("\n")) == (3, True)
    again = run(*GONE, "--format", name, "-o", str(tmp_path / "report"))
    assert (again.code, again.out) == (3, "")
    written = (tmp_path / "report").read_text(encoding="utf-8")
    assert written.split()[:20] == said.out.split()[:20]  # what comes later in HTML are times


def test_the_format_may_come_from_the_site_file(tmp_path: Path, run: Run) -> None:
    (tmp_path / "ota-proxy.toml").write_text('[options]\nformat = "gitlab"\n', encoding="utf-8")
    (entry,) = json.loads(run(*GONE).out)
    assert entry["check_name"] == "no-verdict"


def test_an_unknown_format_is_refused_with_what_was_meant(run: Run) -> None:
    said = run(*GONE, "--format", "sarf")
    assert said.code == 2
    assert "did you mean 'sarif'?" in said.complaint


# -- the summary of a step --------------------------------------------------------------------------------------------


def test_annotations_come_with_a_summary_that_is_added_to_what_is_there(
    project: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    file = project / "summary.md"
    file.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    run("lint", "web.config", "--format", "github")
    text = file.read_text(encoding="utf-8")
    assert text.startswith("before\n### ota-proxy\n")
    assert "| error | OTA620 iis-duplicate-key |" in text


def test_other_formats_add_no_summary(project: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    run("lint", "web.config", "--format", "sarif")
    assert not (project / "summary.md").exists()


def test_a_summary_that_cannot_be_written_spoils_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "nowhere" / "summary.md"))
    said = run("lint", "web.config", "--format", "github")
    assert said.code == 1
    assert "::error file=site/web.config" in said.out
    assert "the summary of this step cannot be written: No such file or directory" in said.err
