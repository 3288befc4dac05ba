"""Level 2: what the emulator does with inbound rewrite rules, ASP.NET Core does too, but for the differences that are listed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from tests.iis import crosscheck
from tests.iis.case_files import Case, behaviour_cases
from tests.iis.crosscheck import Harness, Outcome, checked, comparable, divergences, emulated
from tests.iis.emulator import Pool
from tests.iis.upstream import upstream
from tests.iis.wire import Seen, request_of

CASES = comparable(behaviour_cases())
SITES = [(name, list(cases)) for name, cases in groupby(CASES, key=lambda case: case.site.id)]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with upstream() as application:
        emulators = Pool(tmp_path_factory.mktemp("crosscheck"), application)
        yield emulators
        emulators.close()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if crosscheck.dotnet() is None:
        pytest.skip(crosscheck.NOT_RUN)
    return crosscheck.build(tmp_path_factory.mktemp("harness"))


@pytest.mark.parametrize("cases", [cases for _, cases in SITES], ids=[name for name, _ in SITES])
def test_aspnet_core_sends_a_request_where_the_emulator_does(
    cases: list[Case], program: Path, pool: Pool, tmp_path: Path
) -> None:
    harness = Harness(program, cases[0].site, tmp_path)
    try:
        found = [line for case in cases for line in differences(case, harness, pool)]
    finally:
        harness.stop()
    assert [line for case, line in found if case not in divergences()] == []


def differences(case: Case, harness: Harness, pool: Pool) -> Iterator[tuple[str, str]]:
    seen: Seen | None = None
    for step in case.steps:
        seen = pool.of(case.site).ask(step, seen)
        ours, theirs = emulated(seen), harness.ask(seen.request)
        if (seen.log or {}).get("rule") in harness.unreadable:
            yield case.id, f"{case.id}: ASP.NET Core cannot read the rule {(seen.log or {})['rule']}"
        elif ours != theirs:
            yield (
                case.id,
                f"{case.id}: {seen.request.method} {seen.request.url}: emulator {ours}, ASP.NET Core {theirs}",
            )


def test_every_listed_difference_is_of_a_case_that_is_compared_and_has_a_reason() -> None:
    assert divergences().keys() <= {case.id for case in CASES}
    assert all(divergences().values())


def test_there_are_cases_to_compare() -> None:
    assert len(CASES) >= 100
    assert len(divergences()) < len(CASES) // 5


def test_without_a_dotnet_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert crosscheck.dotnet() is None
    assert crosscheck.NOT_RUN == "L2 not run: no dotnet on the PATH"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("rewrite-actions/actions/found", Outcome(302, "http://ota.example.com/a.html")),
        ("rewrite-actions/actions/a-rewrite-keeps-the-query", Outcome(200, "/a.html?v=2&w= ")),
        ("rewrite-actions/actions/a-custom-refusal", Outcome(403, "")),
        ("rewrite-actions/actions/an-aborted-request-gets-no-answer", Outcome(0, "")),
        ("rewrite-match/patterns/no-rule-no-rewriting", Outcome(200, "/real.html?x=1")),
        ("rewrite-match/patterns/the-input-has-no-leading-slash", Outcome(200, "/sl")),
    ],
)
def test_where_the_emulator_sent_a_request_is_read_from_answer_and_log(name: str, wanted: Outcome, pool: Pool) -> None:
    (case,) = [case for case in CASES if case.id == name]
    assert emulated(pool.of(case.site).ask(case.steps[0], None)) == wanted


def test_where_the_harness_sent_a_request_is_read_from_its_answer() -> None:
    request = request_of({"request": "GET https://ota.example.com/x?a=1"}, None)
    assert checked(302, {"location": "/new"}, request) == Outcome(302, "https://ota.example.com/new")
    assert checked(410, {}, request) == Outcome(410, "")
    assert checked(200, {"x-lane-target": "/a%20b?c=1"}, request) == Outcome(200, "/a b?c=1")
    assert checked(200, {}, request) == Outcome(200, "")
