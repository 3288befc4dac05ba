"""Reports: the JSON document and its schema, the text for a terminal, the exit code."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from ota_proxy.facts.host import ConfigTest, HostFacts
from ota_proxy.report import json as json_report
from ota_proxy.report import text
from ota_proxy.report.paint import Paint, paint_for
from ota_proxy.report.report import Report, TargetReport, exit_code, no_verdict
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts
from tests.support.facts import (
    BASE,
    MANIFEST_URL,
    answered,
    healthy,
    manifest,
    package,
    respond,
    visit,
    with_manifest,
    with_package,
)
from tests.support.report_targets import BROKEN, HEALTHY, SCHEMA, target

WARNED = Facts(install=with_manifest(visit=answered(manifest().visit, cache_control="")), server="nginx")
NOTED = Facts(
    install=healthy(missing=visit(f"{BASE}/x", respond(404, {"Server": "nginx/1.26.3"}))),
    server="nginx",
)
UNSEEN = Facts()


def shown(*targets: TargetReport, **paint: Any) -> str:  # noqa: ANN401 - fields of Paint
    return text.render(Report(targets), paint=Paint(**paint))


@pytest.mark.parametrize("facts", [HEALTHY, BROKEN, WARNED, NOTED], ids=["healthy", "broken", "warned", "noted"])
def test_json_is_what_the_published_schema_says(facts: Facts) -> None:
    document = json.loads(json_report.render(Report((target(facts), no_verdict("x", "iis", "IIS does not run here")))))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(document, SCHEMA)
    assert len(document["outcomes"]) == len(evaluate(facts, BASE, "v"))


def test_the_schema_refuses_an_outcome_with_another_status() -> None:
    document = json_report.document(Report((target(HEALTHY),)))
    document["outcomes"][0]["status"] = "ok"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_json_counts_what_it_lists() -> None:
    document = json_report.document(Report((target(BROKEN), target(HEALTHY))))
    for status, number in document["summary"]["outcomes"].items():
        assert number == sum(outcome["status"] == status for outcome in document["outcomes"])
    assert document["summary"]["findings"]["error"] == 1


def test_json_gives_a_reason_for_a_target_without_verdict() -> None:
    document = json_report.document(Report((no_verdict("https://x/", "iis", "IIS does not run here"),)))
    assert document["summary"]["without_verdict"] == [{"target": "https://x/", "reason": "IIS does not run here"}]


@pytest.mark.parametrize(
    ("facts", "fail_on", "code"),
    [
        (HEALTHY, "error", 0),
        (BROKEN, "error", 1),
        (BROKEN, "never", 0),
        (WARNED, "error", 0),
        (WARNED, "warning", 1),
        (NOTED, "warning", 0),
        (NOTED, "note", 1),
        (UNSEEN, "error", 3),
    ],
)
def test_the_exit_code_follows_the_worst_finding(facts: Facts, fail_on: Any, code: int) -> None:  # noqa: ANN401 - a literal
    assert exit_code(Report((target(facts),)), fail_on) == code


def test_findings_weigh_more_than_a_target_without_verdict() -> None:
    nothing = no_verdict("x", "iis", "IIS does not run here")
    assert exit_code(Report((nothing, target(HEALTHY)))) == 3
    assert exit_code(Report((nothing, target(BROKEN)))) == 1
    assert exit_code(Report((nothing, target(WARNED)))) == 3


def test_the_text_names_target_server_engine_and_every_stage_in_order() -> None:
    lines = shown(target(HEALTHY, level="L1"), width=120).splitlines()
    assert lines[0] == f"{BASE}  (nginx 1.26.3, docker)"
    assert lines[1].startswith("  L1 emulated: ")
    assert re.findall(r"[a-z]+ (?=[✓✗!?i–])", lines[2]) == [
        f"{stage} " for stage in ("tap", "connect", "manifest", "prompt", "package", "install", "open", "server")
    ]
    assert lines[-1].startswith("  no findings; ")


def test_the_text_says_what_the_phone_shows_at_the_first_failing_stage() -> None:
    output = shown(target(BROKEN))
    assert "On the phone, at 'manifest': Cannot connect to ota.example.com" in output
    assert "manifest ✗" in output
    assert "connect ✓" in output
    assert "package ?" in output


def test_the_text_has_rule_message_evidence_and_the_remedy_for_this_server() -> None:
    output = shown(target(WARNED), width=120)
    for part in (
        "! OTA315 manifest-cacheable  warning",
        "no Cache-Control",
        f"GET {MANIFEST_URL}",
        "(no cache-control)",
    ):
        assert part in output
    assert 'add_header Cache-Control "no-store" always;' in output


def test_repeated_findings_of_a_rule_are_folded() -> None:
    builds = tuple(
        replace(
            package(url=f"{BASE}/ota/app-1.{index}.ipa"),
            get=answered(package(url=f"{BASE}/ota/app-1.{index}.ipa").get, 404, b""),
            head=answered(package().head, 404),
        )
        for index in range(6)
    )
    output = shown(target(Facts(install=healthy(packages=builds))))
    assert output.count("✗ OTA401") == 1
    assert output.count("also: ") == 3
    assert "and 2 more of this rule" in output


def test_reasons_without_verdict_are_given_once() -> None:
    output = " ".join(shown(target(BROKEN), width=120).split())
    assert output.count("the manifest could not be read: the answer is an error") == 1
    packages = "OTA401 to OTA413, OTA501 to OTA506, OTA508, OTA510, OTA511"
    assert f"no verdict on {packages}: no package was asked for" in output


@pytest.mark.parametrize("before", ["", "/moved"])
def test_a_refused_configuration_shows_the_line_with_its_neighbours_and_the_log(before: str) -> None:
    test = ConfigTest("nginx -t", passed=False, output="unknown directive", file=f"{before}/etc/nginx/x.conf", line=3)
    config = {"/etc/nginx/x.conf": "one\ntwo\nthree\nfour\nfive\nsix\n"}
    log = "".join(f"line {number}\n" for number in range(30))
    output = shown(target(Facts(host=HostFacts("docker://x", "nginx", config_test=test)), config=config, log=log))
    assert "/etc/nginx/x.conf:3" in output
    assert [line for line in output.splitlines() if re.match(r"    [> ] +\d ", line)] == [
        f"    {'>' if number == 3 else ' '} {number:4} {word}"
        for number, word in enumerate(("one", "two", "three", "four", "five"), 1)
    ]
    assert "the last 12 of 30 lines" in output
    assert "line 29" in output
    assert "line 17" not in output


def test_a_log_without_an_error_is_not_shown() -> None:
    assert "harmless" not in shown(target(HEALTHY, log="harmless\n"))


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("facts", [HEALTHY, BROKEN, WARNED, NOTED], ids=["healthy", "broken", "warned", "noted"])
def test_lines_fit_the_columns_but_for_words_that_cannot_be_broken(facts: Facts, width: int) -> None:
    for line in shown(target(facts), width=width).splitlines():
        assert len(line) <= width or max(map(len, line.split())) > width // 2


def test_colour_only_adds_escape_sequences() -> None:
    plain, coloured = shown(target(BROKEN)), shown(target(BROKEN), colour=True)
    assert "\x1b[" not in plain
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"


def test_colour_needs_a_terminal_and_respects_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paint_for(_Terminal()).colour
    assert not paint_for(io.StringIO()).colour
    assert not paint_for(None).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not paint_for(_Terminal()).colour


def test_a_terminal_without_unicode_gets_ascii_only() -> None:
    output = shown(target(BROKEN), ascii_only=True)
    assert output.isascii()
    assert "manifest x" in output


def test_secrets_in_urls_are_shortened_in_both_forms() -> None:
    secret = "s3cr3tS3cr3tS3cr3t99"
    url = f"{BASE}/ota/app-1.2.ipa?token={secret}&x=1"
    facts = Facts(
        install=with_package(
            get=answered(package(url=url).get, 404, b""), head=answered(package(url=url).head, 404), url=url
        )
    )
    report = Report((target(facts, name=url),))
    for output in (text.render(report, paint=Paint()), json_report.render(report)):
        assert secret not in output
        assert "token=s3cr…" in output


def test_several_targets_end_with_one_count() -> None:
    assert "2 targets: 1 error; " in shown(target(BROKEN), target(HEALTHY))
