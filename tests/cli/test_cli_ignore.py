"""A finding to suppress, as a person says it: in the settings, by a flag, in a comment; what then still counts, and what is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ota_proxy.report.formats import report_schema
from tests.support.command_line import Run, Said
from tests.support.sarif_schema import sarif_schema

BAD = """\
<?xml version="1.0"?>
<configuration>
  <system.webServer>
    <staticContent>
      <remove fileExtension=".ipa" />
      <mimeMap fileExtension=".ipa" mimeType="application/octet-stream" />
      <remove fileExtension=".plist" />
      <mimeMap fileExtension=".plist" mimeType="text/xml" />
      <mimeMap fileExtension=".html" mimeType="text/html" />
      <clientCache cacheControlMode="DisableCache" />
    </staticContent>
    <urlCompression doStaticCompression="false" />
    <directoryBrowse enabled="true" />
    <security><requestFiltering removeServerHeader="true" /></security>
  </system.webServer>
</configuration>
"""
LINE = '      <mimeMap fileExtension=".html" mimeType="text/html" />\n'
ERROR = ("OTA620", "error", 9)
WARNING = ("OTA613", "warning", 13)


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> Path:
    """Give a repository with one error and one warning."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "web.config").write_text(BAD, encoding="utf-8")
    return tmp_path


def commented(comment: str, *, line: str = LINE, same_line: bool = False) -> None:
    made = line.replace("\n", f" {comment}\n") if same_line else f"{comment}\n{line}"
    Path("web.config").write_text(BAD.replace(line, made), encoding="utf-8")


def settings(*entries: str) -> None:
    Path("ota-proxy.toml").write_text(
        f"[options]\nignore = [\n{''.join(f'  {{ {one} }},{chr(10)}' for one in entries)}]\n"
    )


def outcomes(said: Said) -> list[dict[str, Any]]:
    document = json.loads(said.out)
    jsonschema.validate(document, report_schema())
    return [one for one in document["outcomes"] if one["status"] == "failed"]


def counted(said: Said) -> list[tuple[str, str, int | None]]:
    return [
        (one["rule"], one["severity"], one["location"]["line"]) for one in outcomes(said) if one["suppressed"] is None
    ]


def test_without_a_word_everything_counts(run: Run) -> None:
    said = run("lint", "web.config", "--format", "json")
    assert (said.code, said.err, sorted(counted(said))) == (1, "", [WARNING, ERROR])


# -- the three ways -----------------------------------------------------------------------------------------------------


def test_a_flag_names_rule_and_reason_and_may_be_repeated(run: Run) -> None:
    flags = ("--ignore", "OTA620=no other level maps it", "--ignore", "listing-enabled=public")
    said = run("lint", "web.config", "--format", "json", "--fail-on", "note", *flags)
    assert (said.code, said.err, counted(said)) == (0, "", [])
    assert {one["rule"]: one["suppressed"] for one in outcomes(said)} == {
        "OTA620": "no other level maps it",
        "OTA613": "public",
    }


@pytest.mark.parametrize("subject", ["", 'subject = "web.config"', 'subject = "*.config"'])
def test_the_settings_name_rule_reason_and_perhaps_a_subject(subject: str, run: Run) -> None:
    settings(f'rule = "iis-duplicate-key", reason = "ours"{", " * bool(subject)}{subject}')
    said = run("lint", "web.config", "--format", "json")
    assert (said.code, said.err, counted(said)) == (0, "", [WARNING])


def test_another_subject_is_another_finding(run: Run) -> None:
    settings('rule = "OTA620", reason = "ours", subject = "old/*"')
    said = run("lint", "web.config", "--format", "json")
    assert (said.code, WARNING in counted(said), ERROR in counted(said)) == (1, True, True)
    assert said.err == (
        "note: ota-proxy.toml:3: the suppression of OTA620 iis-duplicate-key at old/* matched nothing: leave it out\n"
    )


def test_a_flag_adds_to_the_settings(run: Run) -> None:
    settings('rule = "OTA613", reason = "public"')
    said = run("lint", "web.config", "--format", "json", "--ignore", "OTA620=ours")
    assert (said.code, counted(said)) == (0, [])


@pytest.mark.parametrize("same_line", [False, True])
def test_a_comment_stands_before_its_line_or_on_it(run: Run, *, same_line: bool) -> None:
    commented("<!-- ota-proxy: ignore OTA620 our servers have none -->", same_line=same_line)
    said = run("lint", "web.config", "--format", "json")
    assert (said.code, said.err) == (0, "")
    assert [one[:2] for one in counted(said)] == [WARNING[:2]]
    assert [one["suppressed"] for one in outcomes(said) if one["rule"] == "OTA620"] == ["our servers have none"]


def test_a_comment_before_the_root_is_about_the_whole_file(run: Run) -> None:
    commented("<!-- ota-proxy: ignore OTA620 ours -->", line="<configuration>\n")
    assert run("lint", "web.config").code == 0


def test_a_comment_elsewhere_is_about_nothing_and_that_is_told(run: Run) -> None:
    commented("<!-- ota-proxy: ignore OTA620 ours -->", line="    <urlCompression")
    said = run("lint", "web.config")
    assert said.code == 1
    assert said.err == (
        "note: web.config:12: the suppression of OTA620 iis-duplicate-key matched nothing: leave it out\n"
    )


def test_a_comment_of_one_file_says_nothing_about_another(run: Run) -> None:
    Path("a").mkdir()
    Path("a/web.config").write_text(BAD, encoding="utf-8")
    commented("<!-- ota-proxy: ignore OTA620 ours -->", line="<configuration>\n")
    said = run("lint", "web.config", "a", "--format", "json")
    assert (said.code, [one for one in counted(said) if one[0] == "OTA620"]) == (1, [ERROR])


@pytest.mark.parametrize(
    ("comment", "sentence"),
    [
        ("ignore OTA620", "web.config:9: the comment ignores OTA620 without a reason"),
        ("ignore OTA6200 x", "web.config:9: there is no rule 'OTA6200'\n  hint: did you mean 'OTA620'?"),
        ("ignroe OTA620 x", "web.config:9: the comment asks to 'ignroe'\n  hint: did you mean 'ignore'?"),
    ],
)
def test_a_comment_that_asks_wrongly_ends_the_run(comment: str, sentence: str, run: Run) -> None:
    commented(f"<!-- ota-proxy: {comment} -->")
    said = run("lint", "web.config")
    assert said.code == 2
    assert said.complaint.startswith(f"ota-proxy: error: {sentence}")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("OTA620", "--ignore: 'OTA620' is not RULE=REASON"),
        ("iis-duplicat-key=x", "--ignore: options.ignore[0].rule: there is no rule 'iis-duplicat-key'"),
    ],
)
def test_a_wrong_flag_ends_every_command(words: str, sentence: str, run: Run) -> None:
    for command in (("lint", "web.config"), ("check", "https://127.0.0.1:1/"), ("verify", "nginx", "--dry-run")):
        said = run(*command, "--ignore", words)
        assert said.code == 2
        assert said.complaint.startswith(f"ota-proxy: error: {sentence}")


def test_a_rule_that_lint_does_not_look_for_is_told_for_a_flag_and_not_for_settings(run: Run) -> None:
    settings('rule = "OTA213", reason = "for check"')
    assert run("lint", "web.config").err == ""
    said = run("lint", "web.config", "--ignore", "OTA213=for check")
    assert said.err == "note: --ignore: the suppression of OTA213 cert-expiring matched nothing: leave it out\n"


# -- every format -------------------------------------------------------------------------------------------------------


@pytest.fixture
def _both() -> None:
    """Suppress the error by a comment, the warning by the settings."""
    commented("<!-- ota-proxy: ignore OTA620 ours -->", same_line=True)
    settings('rule = "OTA613", reason = "public"')


@pytest.mark.usefixtures("_both")
def test_the_text_lists_them_at_the_end_and_the_stages_know_nothing_of_them(run: Run) -> None:
    said = run("lint", "web.config", "--fail-on", "note")
    assert said.code == 0
    assert "  – suppressed: OTA613 listing-enabled at web.config:13: public\n" in said.out
    assert "  – suppressed: OTA620 iis-duplicate-key at web.config:9: ours\n" in said.out
    assert "no findings; " in said.out
    assert ", 2 suppressed" in said.out
    assert "✗" not in said.out
    assert "!" not in said.out
    assert "On the phone" not in said.out


@pytest.mark.usefixtures("_both")
def test_sarif_tells_a_comment_from_a_setting(run: Run) -> None:
    log = json.loads(run("lint", "web.config", "--format", "sarif").out)
    jsonschema.Draft7Validator(sarif_schema()).validate(log)
    assert {one["ruleId"]: one["suppressions"] for one in log["runs"][0]["results"]} == {
        "OTA620": [{"kind": "inSource", "status": "accepted", "justification": "ours"}],
        "OTA613": [{"kind": "external", "status": "accepted", "justification": "public"}],
    }


@pytest.mark.usefixtures("_both")
@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("junit", '<skipped message="suppressed: public" />'),
        ("github", "suppressed: OTA613 listing-enabled at web.config:13: public"),
        ("html", "<li>OTA613 listing-enabled at web.config:13: public</li>"),
    ],
)
def test_other_formats_keep_them_with_the_reason(name: str, here: str, run: Run) -> None:
    said = run("lint", "web.config", "--format", name, "--fail-on", "note")
    assert said.code == 0
    assert here in said.out
    assert "::error" not in said.out
    assert "::warning" not in said.out
    assert "<failure" not in said.out


@pytest.mark.usefixtures("_both")
def test_gitlab_has_no_word_for_them(run: Run) -> None:
    assert json.loads(run("lint", "web.config", "--format", "gitlab").out) == []


# -- a server -----------------------------------------------------------------------------------------------------------


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
def test_verify_lives_with_a_finding_at_a_url(run: Run) -> None:
    words = ("verify", "nginx", "--engine", "embedded", "--fail-on", "note")
    before = run(*words)
    assert (before.code, " OTA511 trust-steps-needed" in before.out) == (1, True)
    settings(
        'rule = "OTA511", reason = "everybody knows", subject = "https://ota.example.com/*"',
        'rule = "OTA406", reason = "the proxy"',
    )
    said = run(*words, "--domain", "ota.example.com")
    assert (said.code, "suppressed: OTA511" in said.out, "open –" in said.out) == (0, True, True)
    notes = [line for line in said.err.splitlines() if "suppression" in line]
    assert notes == ["note: ota-proxy.toml:4: the suppression of OTA406 package-no-range matched nothing: leave it out"]
