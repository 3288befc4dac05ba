"""The words for what was proved: fixed here, so that a change of one is meant."""

from __future__ import annotations

import pytest

from ota_proxy.facts.levels import LEVELS, level_line
from ota_proxy.report import html, text
from ota_proxy.report.report import Report, TargetReport
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts


def test_the_levels_are_these_five_in_these_words() -> None:
    assert [one.line for one in LEVELS.values()] == [
        "L0 schema: compared with IIS's published schema rules; says nothing about how IIS behaves, and no IIS has read it",
        "L1 emulated: behaves as documented, by our emulator; no IIS has run it",
        "L2 cross-checked: behaves as documented, by our emulator and, for inbound rewrite rules, by ASP.NET Core; no IIS has run it",
        "L3 recorded: our emulator answers as a named Windows build did when its answers were recorded",
        "L4 live: a real IIS on Windows ran it and answered these requests",
    ]


@pytest.mark.parametrize("level", ["L0", "L1", "L2"])
def test_without_windows_nothing_reads_as_verified_on_iis(level: str) -> None:
    line = level_line(level).lower()
    assert "no iis has" in line
    assert "verified" not in line


def test_a_server_without_levels_has_no_line_and_an_unknown_level_is_a_bug() -> None:
    assert level_line(None) == ""
    with pytest.raises(KeyError):
        level_line("L9")


@pytest.mark.parametrize("level", LEVELS)
def test_reports_for_people_print_the_line(level: str) -> None:
    outcomes = evaluate(Facts(), "web.config", "l")
    report = Report((TargetReport("web.config", "iis", "2022", "", level, outcomes),))
    assert level_line(level) in " ".join(text.render(report).split())
    assert level_line(level).replace("'", "&#x27;") in html.render(report)
