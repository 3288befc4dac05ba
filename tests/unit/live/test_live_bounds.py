"""Judging keeps within a target's time, a line of many targets within its bytes, and what breaks between the processes costs one target."""

from __future__ import annotations

import io
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ota_proxy import limits
from ota_proxy.commands import many_targets as many
from ota_proxy.commands.check import CheckOptions, _report
from ota_proxy.commands.many_targets import Sink, check_many
from ota_proxy.commands.target_workers import Fleet
from ota_proxy.errors import UsageError
from ota_proxy.report.json import dumped, fitted, line_of
from ota_proxy.report.report import Report, TargetReport, exit_code
from ota_proxy.report.suppress import Judging
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts, Finding
from ota_proxy.rules.support.evidence import safe
from tests.support.facts import BASE, healthy
from tests.support.report_samples import outcome

DEAD = "https://dead.example.com:1/a.plist"
NOBODY = CheckOptions(resolve={("dead.example.com", 1): ("127.0.0.1", 1)})


def test_rules_that_are_left_when_the_time_is_over_have_no_verdict() -> None:
    whole = evaluate(Facts(install=healthy()), BASE, "c")
    left = itertools.count()
    some = evaluate(Facts(install=healthy()), BASE, "c", lambda: next(left) < 30)
    assert [one.rule.id for one in some] == [one.rule.id for one in whole]
    assert some[:30] == whole[:30]
    assert {(one.status, one.message) for one in some[30:]} == {
        ("no-verdict", "the time for this target was over before the rule could be judged")
    }


def test_a_target_whose_judging_ran_out_of_time_is_not_clean() -> None:
    report = _report(BASE, (healthy(),), CheckOptions(), lambda: False)
    assert {one.status for one in report.outcomes} == {"no-verdict"}
    assert exit_code(Report((report,))) == 3


def test_a_rule_lists_a_bounded_number_of_places_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    yielded = itertools.count()

    def endless(_facts: Facts) -> Any:  # noqa: ANN401 - a generator of findings
        for number in itertools.count():
            next(yielded)
            yield Finding(f"https://a.example/{number}", "x" * 10, "y" * 1_000_000)

    monkeypatch.setattr("ota_proxy.rules.registry.checks_of", lambda _door: {"OTA301": endless})
    found = evaluate(Facts(), BASE, "c")
    assert len(found) == limits.FINDINGS + 1 == next(yielded)
    assert "are not listed" in found[-1].message
    assert sum(len(one.evidence) for one in found) <= (limits.TEXT + 100) * len(found)


@pytest.mark.parametrize(
    "text",
    ["a" * 92_000, "a b " * 23_000, "https://" * 12_000, "?token=x" * 12_000, "x\n" * 46_000, "\x1b" * 92_000],
    ids=range(6),
)
def test_the_work_of_cleaning_a_text_does_not_grow_with_it(text: str) -> None:
    """Twice the text, no more output: what is beyond the limit is cut before anything else looks at it."""
    once, twice = safe(text), safe(text * 2)
    assert len(once) < 8 * limits.TEXT
    assert abs(len(once) - len(twice)) <= 2
    assert safe(once) == once or "more characters" in once


def big(count: int, evidence: int) -> TargetReport:
    """Return a target with many findings; evidence is as long as a report would let it be."""
    found = tuple(
        outcome("OTA301", subject=f"s{number}", message="m", evidence="e" * evidence) for number in range(count)
    )
    return TargetReport("https://a.example/", "", "", "", None, found)


def test_a_line_that_is_too_long_is_sent_without_its_evidence_and_then_without_its_outcomes() -> None:
    line = line_of(big(20, 900), "error", 1.0)
    assert fitted(line) is line
    without = fitted(line, 15_000)
    assert len(without["outcomes"]) == 20
    assert {one["evidence"] for one in without["outcomes"]} == {
        "(left out: this line would have more than 15000 bytes)"
    }
    bare = fitted(line, 2_000)
    assert (bare["outcomes"], bare["exit"], bare["summary"]) == ([], 1, line["summary"])
    assert "20 outcomes are left out" in bare["reason"]
    for one, most in ((line, 1 << 20), (without, 15_000), (bare, 2_000)):
        assert len(dumped(one).encode()) <= most


class Lines:
    """What a run writes."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def codes(self) -> dict[str, int]:
        return {one["target"]: one["exit"] for one in map(json.loads, self.text.splitlines())}


@pytest.mark.parametrize("said", ["'x' * 200_000", "'this is not JSON'"])
def test_a_worker_that_says_what_is_no_result_ends_no_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str
) -> None:
    """Between the processes a line beyond the limit was an exception in a task that nobody heard of, and the run waited for ever."""
    monkeypatch.setattr("ota_proxy.commands.target_workers.LONGEST", 1 << 16)
    program = (
        "import sys; sys.path[:] = sys.argv[1:]; import ota_proxy.commands.target_workers as w\n"
        "async def broken(self, target):\n"
        f"    sys.stdout.write({said} + chr(10)); sys.stdout.flush()\n"
        "    return w.failed_line(target, 2, 'x'), []\n"
        "w.Worker.line = broken\n"
        "w.main()"
    )
    monkeypatch.setattr("ota_proxy.commands.target_workers._PROGRAM", program)
    (tmp_path / "urls").write_text(f"{DEAD}\n")
    lines = Lines()
    assert (
        check_many(str(tmp_path / "urls"), (), CheckOptions(), 1, Judging(), Sink(lines.write, lines.write, sys.stderr))
        == 70
    )
    assert lines.codes() == {DEAD: 70}


def test_a_result_of_many_megabytes_is_one_line_and_the_other_targets_are_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = (
        "import sys; sys.path[:] = sys.argv[1:]; import ota_proxy.commands.target_workers as w\n"
        "checked = w.Worker.line\n"
        "async def line(self, target):\n"
        "    found, standing = await checked(self, target)\n"
        "    if target.endswith('big'):\n"
        "        one = {'evidence': chr(1) * (1 << 20), 'message': chr(0xe9) * (1 << 20)}\n"
        "        found = {**found, 'exit': 1, 'outcomes': [one] * 40}\n"
        "    return found, standing\n"
        "w.Worker.line = line\n"
        "w.main()"
    )
    monkeypatch.setattr("ota_proxy.commands.target_workers._PROGRAM", program)
    names = [f"{DEAD}?{number}" for number in range(3)] + [f"{DEAD}?big"]
    (tmp_path / "urls").write_text("\n".join(names))
    lines = Lines()
    check_many(str(tmp_path / "urls"), (), NOBODY, 4, Judging(), Sink(lines.write, lines.write, sys.stderr))
    assert lines.codes() == dict.fromkeys(names[:3], 3) | {names[3]: 1}
    assert "40 outcomes are left out" in lines.text


def test_a_line_of_targets_has_a_bounded_length() -> None:
    long = b"https://a.example/" + b"x" * (3 * limits.TARGET) + b"\n"
    rows = list(many.Rows(io.BytesIO(b"one\n" + long + b"two")))
    assert [len(row) for row in rows] == [4, limits.TARGET, 3]


def test_targets_without_an_end_are_refused_also_where_they_come_from_a_pipe() -> None:
    sink = Sink(lambda _text: None, lambda _text: None, sys.stderr)
    with pytest.raises(UsageError, match="a line has more than"):
        check_many("/dev/zero", (), CheckOptions(), 1, Judging(), sink)


def test_a_fleet_is_made_of_options_that_json_can_hold() -> None:
    assert Fleet(CheckOptions(), Judging(), 1).standings == []
