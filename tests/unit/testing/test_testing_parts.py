"""Small parts of the pytest plugin: engines, a server's words, names of folders, reports, skips."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ota_proxy.errors import NoVerdictError, UsageError
from ota_proxy.report.report import TargetReport, no_verdict
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.rule import Outcome
from ota_proxy.testing import InstallReport
from ota_proxy.testing import launch as engines
from ota_proxy.testing.failure import folder_name
from ota_proxy.testing.launch import words
from ota_proxy.testing.options import DockerChoice

# -- engines ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What `choose` is asked for; every engine refuses."""
    found: list[tuple[str, str]] = []

    def choose(name: str, server: str, image: str = "") -> None:
        found.append((name, image))
        raise NoVerdictError(f"no engine can run {server} here:\n  {name}: it is not there", hint=f"get {name}")

    monkeypatch.setattr(engines, "choose", choose)
    return found


@pytest.mark.parametrize(
    ("wanted", "docker", "image", "own"),
    [
        ("auto", "auto", "", False),
        ("auto", "require", "", False),
        ("auto", "auto", "", True),
        ("auto", "auto", "bookworm", False),
        ("local", "require", "", False),
        ("docker", "auto", "", False),
    ],
)
def test_the_session_and_the_test_decide_which_engines_are_tried(
    asked: list[tuple[str, str]], wanted: str, docker: DockerChoice, image: str, *, own: bool
) -> None:
    with pytest.raises(NoVerdictError):
        engines.choose_engine(wanted, "nginx", image, docker, own=own)
    assert asked == [(wanted if wanted != "auto" or (docker, image, own) == ("auto", "", False) else "docker", image)]


def test_without_docker_all_others_are_tried_and_each_says_why_not(asked: list[tuple[str, str]]) -> None:
    with pytest.raises(NoVerdictError) as caught:
        engines.choose_engine("auto", "nginx", "", "skip", own=False)
    assert [name for name, _ in asked] == ["local", "embedded"]
    head, *rows = caught.value.message.split("\n")
    assert head == "no engine can run nginx here:"
    assert rows[:2] == ["  local: it is not there", "  embedded: it is not there"]
    assert caught.value.hint == "get local"


@pytest.mark.parametrize(
    ("wanted", "docker", "own", "reason"),
    [
        ("auto", "skip", True, "your own configuration names its own paths and ports, so only Docker can start it"),
        ("docker", "skip", False, "--ota-docker=skip leaves it out"),
        ("embedded", "auto", True, "only Docker can start it"),
    ],
)
def test_what_cannot_be_is_not_tried(
    asked: list[tuple[str, str]], wanted: str, docker: DockerChoice, own: bool, reason: str
) -> None:
    with pytest.raises(NoVerdictError, match=reason):
        engines.choose_engine(wanted, "nginx", "", docker, own=own)
    assert asked == []


def test_an_engine_that_there_is_not_is_a_mistake(asked: list[tuple[str, str]]) -> None:
    with pytest.raises(UsageError, match=r"there is no engine 'dokcer'.*\n.*did you mean 'docker'"):
        engines.choose_engine("dokcer", "nginx", "", "auto", own=False)
    assert asked == []


# -- words --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            '2026/11/26 07:16:26 [emerg] 7#7: unknown directive "x" in /etc/nginx/nginx.conf:10\nnginx: configuration file /etc/nginx/nginx.conf test failed',
            'unknown directive "x"',
        ),
        ('nginx: [emerg] no "events" section in configuration', 'no "events" section in configuration'),
        ("AH00526: Syntax error on line 8 of /etc/a.conf:\nInvalid command 'X'", "Invalid command 'X'"),
        (
            "apache2: Syntax error on line 3 of /a.conf: Syntax error on line 1 of /b.load: Cannot load x.so",
            "Cannot load x.so",
        ),
        ("AH00526: Syntax error on line 8 of /etc/a.conf:", ""),
        ("first\nlast", "last"),
        ("", "no word"),
    ],
)
def test_a_servers_words_come_without_time_process_and_place(output: str, said: str) -> None:
    assert words(output) == said


# -- folders ------------------------------------------------------------------------------------------------------------


def name_of(nodeid: str, dist: str = "load") -> str:
    item = SimpleNamespace(nodeid=nodeid, config=SimpleNamespace(option=SimpleNamespace(dist=dist)))
    return folder_name(cast("pytest.Item", item))


def test_a_folder_is_named_after_its_test_and_is_its_own() -> None:
    first, second = (
        name_of("tests/a/test_x.py::TestY::test_z[https://h/ü?x]"),
        name_of("tests/a/test_x.py::TestY::test_z[b]"),
    )
    assert first.startswith("tests-a-test_x.py-TestY-test_z-https-h-x-")
    assert first != second
    assert name_of("a::b/c") != name_of("a::b-c")


@pytest.mark.parametrize(
    "nodeid", ["../../etc/passwd::x", "x" * 5000, "a.py::t[" + "é" * 500 + "]", "::", "a.py::t[..]", "\udcff"]
)
def test_no_name_of_a_test_leads_out_of_the_folder_or_is_too_long(nodeid: str) -> None:
    name = name_of(nodeid)
    assert "/" not in name
    assert not name.startswith(".")
    assert 0 < len(name.encode()) < 120


def test_where_every_worker_runs_every_test_each_has_its_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw3")
    assert name_of("a::b", dist="each").endswith("-gw3")
    assert not name_of("a::b").endswith("-gw3")


# -- reports ------------------------------------------------------------------------------------------------------------


def report(*found: tuple[str, str], config: dict[str, str] | None = None, log: str = "") -> InstallReport:
    outcomes = []
    for rule, status in found:
        known = catalogue()[rule]
        outcomes.append(
            Outcome(
                known,
                cast("Any", status),
                known.severity,
                "https://h/",
                message=f"about {rule}",
                sees="Cannot connect to h" if status == "failed" else "",
            )
        )
    return InstallReport(
        TargetReport("https://h/", "nginx", "1.26.3", "docker", None, tuple(outcomes), log=log, config=config or {})
    )


def test_no_verdict_is_never_installable() -> None:
    nothing = InstallReport(no_verdict("https://h/", "", "nobody answered"))
    assert not nothing
    assert repr(nothing.installable) == "no: no verdict, nobody answered"
    assert repr(nothing) == "<report on https://h/: no verdict>"
    assert not report(("OTA406", "no-verdict"))
    assert report(("OTA406", "no-verdict")).status("OTA406") == report().status("OTA101") == "no-verdict"


def test_warnings_and_notes_do_not_keep_a_device_from_installing() -> None:
    seen = report(("OTA406", "passed"), ("OTA219", "failed"))
    assert seen
    assert seen.installable == True  # noqa: E712 - that a verdict compares like a bool is what is tested
    assert (seen.stage, seen.sees, seen.errors) == (None, "", ())
    assert [one.rule for one in seen.warnings] == ["OTA219"]
    assert repr(seen.warnings) == "(<OTA219 hsts-missing, warning: about OTA219>,)"


def test_the_first_error_on_the_way_of_an_install_is_the_reason() -> None:
    seen = report(("OTA406", "failed"), ("OTA301", "failed"), ("OTA219", "failed"))
    assert seen.stage == "manifest"
    assert (
        repr(seen.installable) == "no: OTA301 manifest-not-found at 'manifest', the phone shows 'Cannot connect to h'"
    )
    assert seen.rules == {"OTA406", "OTA301", "OTA219"}
    assert [one.rule for one in seen.findings] == ["OTA301", "OTA406", "OTA219"]
    assert {seen.installable, False} == {False}


def test_the_brief_text_counts_what_did_not_make_it_fail() -> None:
    seen = report(("OTA406", "failed"), ("OTA219", "failed"), ("OTA301", "no-verdict"))
    brief, whole = seen.brief(), seen.text()
    assert "about OTA406" in brief
    assert "about OTA219" not in brief
    assert "about OTA219" in whole
    assert "Beside it OTA219: print(report) shows all." in brief
    assert "1 error, 1 warning; 0 passed, 0 not applicable, 1 without a verdict" in brief
    assert str(seen) == whole


def test_a_verdict_fits_into_the_line_that_pytest_prints() -> None:
    long = TargetReport("https://h/" + "x" * 500, "", "", "", None, (), reason="because " * 100)
    assert max(len(repr(InstallReport(long))), len(repr(InstallReport(long).installable))) < 240
