"""Level 3: the emulator against answers that were recorded on Windows, and the format they are kept in.

No answers are invented here but in tests that say so: they write them to a folder of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.iis.case_files import Case, Site, behaviour_cases
from tests.iis.emulator import Emulator, Pool
from tests.iis.expectations import Setting, wrong
from tests.iis.upstream import Upstream, upstream
from tests.iis.wire import Seen
from tests.windows import recorded
from tests.windows.record import Lane, asked
from tests.windows.recorded import Answer, Recording, answer_of, differences, seen_of, standing

CASES = {case.id: case for case in behaviour_cases()}
RECORDINGS = recorded.load()
ON_THE_WIRE = frozenset({"answer", "headers", "location", "reason", "closes", "tls", "certificate"})
"""What a case expects that a client sees; the rest stands in the emulator's access log or at the application."""


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with upstream() as application:
        emulators = Pool(tmp_path_factory.mktemp("recorded"), application)
        yield emulators
        emulators.close()


def replayed(recording: Recording, pool: Pool) -> list[str]:
    """Ask the emulator what was asked on Windows; return where the two differ, and where Windows differs from the cases."""
    found: list[str] = []
    kept = {(answer.case, answer.step): answer for answer in recording.answers}
    for case in [CASES[name] for name in dict.fromkeys(answer.case for answer in recording.answers) if name in CASES]:
        emulator, seen = pool.of(case.site), None
        for number, step in enumerate(case.steps):
            seen = emulator.ask(step, seen)
            answer = kept.get((case.id, number))
            if answer is not None:
                found += differences(answer, emulated(case, number, seen), spoken_of(case, number))
                found += against_case(answer, case, emulator, seen)
    return found


def emulated(case: Case, number: int, seen: Seen) -> Answer:
    return answer_of(case.id, number, seen, None if seen.log is None else seen.log["substatus"])


def spoken_of(case: Case, number: int) -> frozenset[str]:
    """Return the headers that a step's expectations name with a value of their own."""
    headers = case.steps[number].expected.get("headers", {})
    return frozenset(name.lower() for name, want in headers.items() if isinstance(want, str | bool))


def against_case(answer: Answer, case: Case, emulator: Emulator, seen: Seen) -> list[str]:
    expected = {key: want for key, want in case.steps[answer.step].expected.items() if key in ON_THE_WIRE}
    theirs = seen_of(answer, seen.request)
    theirs.log = None if answer.substatus is None else _log(theirs, answer.substatus)
    if theirs.log is None:
        expected.pop("answer", None)
    setting = Setting(case.site.files, emulator.ports, emulator.upstream.url)
    return [f"{case.id} step {answer.step}: Windows: {line}" for line in wrong(expected, theirs, setting)]


def _log(seen: Seen, substatus: int) -> dict[str, Any]:
    """Return the line that the emulator would have logged, as far as Windows' log says it too."""
    known = {"method": seen.request.method, "url": seen.request.target, "status": seen.status, "substatus": substatus}
    nothing = dict.fromkeys(("rewritten_url", "served", "proxied_to", "upstream_headers", "rule"))
    return nothing | known


@pytest.mark.skipif(not RECORDINGS, reason=standing(RECORDINGS))
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda one: one.name)
def test_the_emulator_answers_as_windows_did(recording: Recording, pool: Pool) -> None:
    assert replayed(recording, pool) == []


def test_what_was_recorded_names_cases_that_there_are() -> None:
    assert {answer.case for one in RECORDINGS for answer in one.answers} <= CASES.keys()


def invented(pool: Pool, *names: str) -> Recording:
    """Return an INVENTED recording, made from the emulator's own answers: it proves the replayer, nothing about IIS."""
    answers = []
    for name in names:
        case, seen = CASES[name], None
        for number, step in enumerate(case.steps):
            seen = pool.of(case.site).ask(step, seen)
            answers.append(emulated(case, number, seen))
    return Recording("iis", "10.0.99999.1", "INVENTED for a test", {"RewriteModule": "0.0"}, tuple(answers))


NAMES = (
    "access/folders-that-need-tls/plain-http-is-refused-not-redirected",
    "access/folders-that-need-tls/https-is-served",
)


def test_an_invented_recording_that_agrees_is_replayed_without_a_difference(pool: Pool, tmp_path: Path) -> None:
    recorded.save(tmp_path / "invented.json", invented(pool, *NAMES))
    (again,) = recorded.load(tmp_path / "invented.json")
    assert len(again.answers) == 2
    assert replayed(again, pool) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": 301}, "status was 301 on Windows, the emulator has 403"),
        ({"substatus": 7}, "Windows: answered 403.7, not 403.4"),
        ({"headers": {"location": "https://x/"}}, "location was 'https://x/' on Windows, the emulator has None"),
        ({"outcome": "closed"}, "outcome was 'closed' on Windows, the emulator has 'answered'"),
    ],
)
def test_an_invented_recording_that_differs_is_said_with_case_and_step(
    pool: Pool, change: dict[str, Any], says: str
) -> None:
    made = invented(pool, NAMES[0])
    found = replayed(replace(made, answers=(replace(made.answers[0], **change),)), pool)
    assert any(says in line and NAMES[0] in line for line in found), found


class EmulatedLane(Lane):
    """The recorder's lane with the emulator in the place of IIS, and its access log written as W3C: what it records is INVENTED."""

    def __init__(self, pool: Pool, cases: list[Case], work: Path) -> None:
        super().__init__("iis", work, "")
        self.pool, self.cases = pool, cases

    def apply(self, site: Site, application: Upstream) -> dict[str, int]:
        assert application is self.pool.upstream
        self.emulator = self.pool.of(site)
        self.before = self.emulator.log.read_text().splitlines() if self.emulator.log.exists() else []
        return self.emulator.ports

    def log(self) -> str:
        agents = [f"ota-proxy-lane/{case.id}/{number}" for case in self.cases for number in range(len(case.steps))]
        lines = [json.loads(line) for line in self.emulator.log.read_text().splitlines()[len(self.before) :]]
        rows = [f"{agent} {line['status']} {line['substatus']}" for agent, line in zip(agents, lines, strict=True)]
        return "\n".join(["#Fields: cs(User-Agent) sc-status sc-substatus", *rows])


def test_the_recorder_asks_every_step_and_finds_its_sub_status_in_the_log(tmp_path: Path) -> None:
    with upstream() as application:
        pool = Pool(tmp_path, application)
        try:
            cases = [case for case in CASES.values() if case.site.id == "access/folders-that-need-tls"]
            lane = EmulatedLane(pool, cases, tmp_path)
            emulator = pool.of(cases[0].site)
            answers = tuple(asked(lane, cases, application, emulator.ca))
        finally:
            pool.close()
    assert [answer.case for answer in answers] == [case.id for case in cases]
    assert {(answer.status, answer.substatus) for answer in answers} >= {(403, 4), (403, 7), (200, 0)}
    assert all("date" not in answer.headers and len(answer.body) == 64 for answer in answers)


def test_level_3_is_named_only_where_there_are_answers() -> None:
    empty = Recording("iis", "10.0.20348.1", "Windows Server 2022", {}, ())
    assert standing(()) == standing((empty,)) == recorded.NOT_RUN
    some = replace(empty, answers=(Answer("a/b/c", 0, "closed"),))
    assert standing((some,)).startswith("L3 recorded: ")
    assert standing((some,)).endswith("(1 answers of IIS on Windows Server 2022 10.0.20348.1)")
    assert not recorded.NOT_RUN.startswith("L3 recorded")


def test_a_new_recording_of_a_build_replaces_the_old_one_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "invented.json"
    first = Recording("iis", "10.0.99999.1", "INVENTED", {}, (Answer("a/b/c", 0, "closed"),))
    express = replace(first, server="iis-express")
    for one in (first, express, replace(first, answers=(Answer("a/b/d", 0, "tls-failed"),))):
        recorded.save(path, one)
    kept = recorded.load(path)
    assert [(one.server, one.answers[0].case) for one in kept] == [("iis", "a/b/d"), ("iis-express", "a/b/c")]


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "ota-proxy/iis-recorded/2"},
        {"recordings": [{"server": "nginx", "build": "10.0.1.1", "product": "x", "modules": {}, "answers": []}]},
        {"recordings": [{"server": "iis", "build": "Linux 6.1", "product": "x", "modules": {}, "answers": []}]},
        {
            "recordings": [
                {
                    "server": "iis",
                    "build": "10.0.1.1",
                    "product": "x",
                    "modules": {},
                    "answers": [{"case": "a/b/c", "step": 0, "outcome": "answered"}],
                }
            ]
        },
    ],
)
def test_a_file_out_of_form_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "invented.json"
    path.write_text(json.dumps({"schema": "ota-proxy/iis-recorded/1", "recordings": []} | change))
    with pytest.raises(jsonschema.ValidationError):
        recorded.load(path)
