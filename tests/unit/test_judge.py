"""One judge: the same facts give the same outcomes through every door, several walks are one report, and nobody else puts a report together."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from ota_proxy.commands import check as live
from ota_proxy.commands import verify as proved
from ota_proxy.commands.check import CheckOptions
from ota_proxy.commands.judge import judge, settle
from ota_proxy.facts.host import ConfigTest, HostFacts
from ota_proxy.facts.install import InstallFacts
from ota_proxy.harness.engine import Engine, Placement
from ota_proxy.harness.trial import Trial
from ota_proxy.policy.capabilities import resolve
from ota_proxy.report.report import Report, TargetReport, exit_code
from ota_proxy.report.suppress import Standing, Suppression
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.registry import Door
from ota_proxy.rules.rule import Facts, Outcome
from ota_proxy.site import Site
from ota_proxy.testing import device as tested
from ota_proxy.testing.device import Device
from ota_proxy.testing.servers import Server, TestSite
from tests.support.facts import BASE, answered, healthy, package, tls, with_manifest_answer, with_package, with_tls
from tests.support.sites import site
from tests.support.source_tree import MODULES, name_of

SITE = site(domains=["ota.example.com"])
WALKS = {
    "healthy": healthy(),
    "no manifest": with_manifest_answer(404, b""),
    "no intermediate": with_tls(trust="missing-intermediate", chain=tls().chain[:1]),
    "no range": with_package(ranged=answered(package().ranged, 200, b"x")),
    "no page": healthy(page=None, start="manifest"),
}
Said = tuple[str, str, str, str, str]


class _Engine:
    """The parts of an engine that a trial asks before anything is started."""

    name, replaced = "docker", ""

    def prepare(self, server: str, *sites: Site) -> Placement:
        return Placement(resolve(server, "latest"), sites)


class _Started:
    """A trial as `verify` sees it while it runs."""

    class running:  # noqa: N801 - an attribute of a started trial
        @staticmethod
        def logs() -> str:
            return ""

    class prepared:  # noqa: N801 - likewise
        beside = ()

    texts: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


def through_check(walks: tuple[InstallFacts, ...], monkeypatch: pytest.MonkeyPatch) -> TargetReport:
    import asyncio  # noqa: PLC0415 - only here

    async def seen(*_: object) -> tuple[InstallFacts, ...]:
        return walks

    monkeypatch.setattr(live, "walk_all", seen)
    return asyncio.run(live.check(BASE, CheckOptions()))


def through_verify(walks: tuple[InstallFacts, ...], monkeypatch: pytest.MonkeyPatch) -> TargetReport:
    @contextlib.contextmanager
    def started(*_: object, **__: object) -> Iterator[_Started]:
        yield _Started()

    def observed(*_: object) -> Facts:
        return Facts(install=walks[0], named=walks, server="nginx")

    monkeypatch.setattr(proved, "start", started)
    monkeypatch.setattr(proved, "observe", observed)
    return proved.verify(Trial("nginx", SITE), cast("Engine", _Engine()), lambda _: None)


def through_plugin(walks: tuple[InstallFacts, ...], monkeypatch: pytest.MonkeyPatch) -> TargetReport:
    async def seen(*_: object) -> tuple[InstallFacts, ...]:
        return walks

    monkeypatch.setattr(tested, "walk_all", seen)
    running = TestSite(base_url=f"{BASE}/", server="nginx")
    server = Server((), running, Trial("nginx", SITE), (), contextlib.ExitStack())
    return Device(lambda _: None, Path(), running, server).install().target


DOORS: dict[Door, tuple[Callable[..., TargetReport], ...]] = {
    "c": (through_check,),
    "v": (through_verify, through_plugin),
}


def said(outcome: Outcome) -> Said:
    return outcome.rule.id, outcome.status, outcome.subject, outcome.message, outcome.evidence


def shared(report: TargetReport, doors: str) -> set[Said]:
    """What a report says of the rules that all of these doors have."""
    return {said(one) for one in report.outcomes if set(doors) <= set(one.rule.doors)}


@pytest.mark.parametrize("name", WALKS)
def test_the_same_walk_is_judged_alike_through_every_door(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    walks = (WALKS[name],)
    reports = [way(walks, monkeypatch) for ways in DOORS.values() for way in ways]
    first, *others = (shared(report, "cv") for report in reports)
    assert len(first) > 30
    assert [other ^ first for other in others] == [set(), set()]
    assert len({exit_code(Report((report,))) for report in reports}) == 1


@pytest.mark.parametrize("door", DOORS)
def test_a_door_says_just_what_the_judge_says(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    for way in DOORS[door]:
        for walk in WALKS.values():
            report = way((walk,), monkeypatch)
            assert report.outcomes == judge(replace(report, outcomes=()), door).outcomes
            assert {one.rule.id for one in report.outcomes} <= {
                id_ for id_, rule in catalogue().items() if door in rule.doors
            }


@pytest.mark.parametrize("way", [way for ways in DOORS.values() for way in ways], ids=lambda way: way.__name__)
def test_a_finding_of_a_further_walk_counts_through_every_door(
    way: Callable[..., TargetReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = with_manifest_answer(404, b"")
    report = way((healthy(), other), monkeypatch)
    assert "OTA301" in {one.rule.id for one in report.findings}
    assert not [one for one in report.outcomes if one.rule.id == "OTA301" and one.status == "passed"]


# -- several walks, several places -----------------------------------------------------------------------------------------


def judged(*walks: InstallFacts, door: Door = "c") -> TargetReport:
    first, *rest = (Facts(install=walk) for walk in walks)
    return judge(TargetReport(BASE, "", "", "", None, facts=first, further=tuple(rest)), door)


def test_the_same_finding_of_two_walks_is_told_once() -> None:
    broken = with_manifest_answer(404, b"")
    once, twice = judged(broken), judged(broken, broken)
    assert once.findings
    assert twice.outcomes == once.outcomes


def test_a_rule_that_any_walk_could_judge_is_judged() -> None:
    partial = healthy(manifest=None, packages=())
    statuses = {one.rule.id: one.status for one in judged(healthy(), partial).outcomes}
    assert statuses["OTA302"] == "passed"


def test_a_report_with_its_reason_gets_no_outcome() -> None:
    report = TargetReport(BASE, "", "", "", None, facts=Facts(install=healthy()), reason="nothing answered")
    assert judge(report, "c") == report


def test_what_the_host_shows_is_judged_once_by_verify() -> None:
    test = ConfigTest("nginx configuration test", passed=False, output="[emerg] no")
    facts = Facts(
        install=healthy(), named=(healthy(), healthy()), host=HostFacts("x", server="nginx", config_test=test)
    )
    report = judge(TargetReport(BASE, "nginx", "", "", None, facts=facts), "v")
    assert [one.rule.id for one in report.findings] == ["OTA615"]


# -- suppression -------------------------------------------------------------------------------------------------------------


def test_what_is_settled_keeps_its_findings_with_the_reason(tmp_path: Path) -> None:
    report = judged(with_manifest_answer(404, b""))
    rules = {one.rule.id for one in report.findings}
    ignored = [*(Suppression(rule, "known", "") for rule in sorted(rules)), Suppression("OTA406", "no need", "")]
    settled = settle([report], ignored, tmp_path)
    assert {one.rule.id for one in settled.report.targets[0].suppressed} == rules
    assert settled.standings[:-1] == [Standing.USED] * len(rules)
    assert exit_code(Report((report,))) == 1
    assert exit_code(settled.report) == 0


# -- the structure -----------------------------------------------------------------------------------------------------------

_OF_THE_JUDGE = {"evaluate", "without_consequences", "suppress", "standings"}
"""What facts become outcomes with, and outcomes a settled report."""
_HOMES = {"ota_proxy/rules/registry.py", "ota_proxy/rules/server.py", "ota_proxy/report/suppress.py"}


def calls_of_the_judge(tree: ast.AST) -> list[str]:
    """Return the names of the judge's that are called, bare or of a module; methods of other things are called on something local."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ota_proxy."):
            found += [alias.name for alias in node.names if alias.name in _OF_THE_JUDGE]
        elif (
            isinstance(node, ast.Attribute)
            and node.attr in _OF_THE_JUDGE
            and ast.unparse(node.value)
            in {
                "registry",
                "names",
            }
        ):
            found.append(node.attr)
    return found


@pytest.mark.parametrize(
    ("program", "count"),
    [
        ("from ota_proxy.rules.registry import Door, evaluate", 1),
        ("def late():\n    from ota_proxy.report.suppress import suppress, standings", 2),
        ("from ota_proxy.rules import registry\nregistry.evaluate(1)", 1),
        ("import contextlib\ncontextlib.suppress(ValueError)", 0),
        ("from ota_proxy.commands.judge import judge", 0),
    ],
)
def test_the_search_for_other_judges_finds_them(program: str, count: int) -> None:
    assert len(calls_of_the_judge(ast.parse(program))) == count


def test_nobody_but_the_judge_puts_a_report_together() -> None:
    found = {
        name_of(path): names
        for path in MODULES
        if name_of(path) not in _HOMES and (names := calls_of_the_judge(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert {path: sorted(names) for path, names in found.items()} == {
        "ota_proxy/commands/judge.py": sorted(_OF_THE_JUDGE)
    }
