"""Running rules: doors, the four outcomes, the alert text, remedies by server, and the catalogue's honesty about gaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ota_proxy.rules import registry
from ota_proxy.rules.catalogue import catalogue, remedies, remedy
from ota_proxy.rules.rule import Facts, Finding, NoVerdict
from tests.support.facts import BASE, DOORS, HOST, healthy, tls, with_manifest_answer, with_tls

BROKEN = Facts(install=with_manifest_answer(404, b""))


@pytest.mark.parametrize("door", DOORS)
def test_a_door_reports_its_own_rules_and_only_those(door: registry.Door) -> None:
    reported = {outcome.rule.id for outcome in registry.evaluate(BROKEN, BASE, door)}
    assert reported == {id_ for id_ in registry.checks_of(door) if door in catalogue()[id_].doors}


@pytest.mark.parametrize("door", DOORS)
def test_every_rule_of_a_door_is_either_checked_or_named_as_unchecked(door: registry.Door) -> None:
    unchecked = {rule.id for rule in registry.unchecked(door)}
    checked = {outcome.rule.id for outcome in registry.evaluate(Facts(), BASE, door)}
    assert unchecked.isdisjoint(checked)
    assert unchecked | checked == {id_ for id_, rule in catalogue().items() if door in rule.doors}


def test_nothing_that_was_not_looked_at_passes() -> None:
    assert {outcome.status for door in DOORS for outcome in registry.evaluate(Facts(), BASE, door)} == {
        "not-applicable"
    }


def test_a_rule_that_is_not_passed_says_why() -> None:
    for outcome in registry.evaluate(BROKEN, BASE, "v"):
        assert bool(outcome.message) == (outcome.status != "passed")


def test_the_first_letter_of_a_rule_chooses_the_alert_text() -> None:
    facts = Facts(install=with_tls(trust="missing-intermediate", chain=tls().chain[:1]))
    (found,) = [o for o in registry.evaluate(facts, BASE, "c") if o.status == "failed"]
    assert found.rule.sees == "CV"
    assert found.sees == f"Cannot connect to {HOST}"


def test_a_finding_counts_although_the_rest_could_not_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(_: Facts) -> Iterator[Finding]:
        yield Finding("x", "one thing is wrong")
        raise NoVerdict("the rest was not seen")

    monkeypatch.setitem(registry.registered(), "OTA612", check)
    found = [o for o in registry.evaluate(Facts(), BASE, "v") if o.rule.id == "OTA612"]
    assert [(o.status, o.message) for o in found] == [("failed", "one thing is wrong")]


def test_a_crash_in_a_check_is_a_bug_and_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(_: Facts) -> Iterator[Finding]:
        raise ZeroDivisionError
        yield

    monkeypatch.setitem(registry.registered(), "OTA612", check)
    with pytest.raises(ZeroDivisionError):
        registry.evaluate(Facts(), BASE, "v")


@pytest.mark.parametrize("id_", ["OTA301", "OTA999"])
def test_a_check_needs_an_id_of_the_catalogue_that_is_still_free(id_: str) -> None:
    assert "OTA301" in registry.registered()
    with pytest.raises(KeyError):
        registry.checks(id_)(lambda _: iter(()))


@pytest.mark.parametrize("id_", ["OTA315", "OTA601"])
@pytest.mark.parametrize("sources", [("live",), ("files",), ("live", "files")])
def test_no_rule_has_a_second_check_whatever_it_judges(id_: str, sources: tuple[registry.Source, ...]) -> None:
    assert id_ in registry.registered()
    with pytest.raises(KeyError):
        registry.checks(id_, *sources)(lambda _: iter(()))


def test_what_is_live_and_what_is_a_file_share_their_checks() -> None:
    live, files = registry.checks_of("c"), registry.checks_of("l")
    assert {id_ for id_ in live if id_ in files and live[id_] is files[id_]} == live.keys() & files.keys()
    assert {
        "OTA201",
        "OTA202",
        "OTA219",
        "OTA220",
        "OTA225",
        "OTA314",
        "OTA315",
        "OTA411",
    } <= live.keys() & files.keys()


def test_every_check_has_a_remedy_and_every_remedy_a_check() -> None:
    assert remedies().keys() == set(registry.registered())
    for texts in remedies().values():
        assert "any" in texts
        assert texts.keys() <= {"any", "nginx", "apache", "iis"}


@pytest.mark.parametrize(
    ("server", "words"),
    [("nginx", "autoindex off;"), ("apache", "Options -Indexes"), ("iis", "directoryBrowse"), ("", "listing")],
)
def test_the_remedy_speaks_the_server_s_language(server: str, words: str) -> None:
    assert words in remedy("OTA613", server)


def test_a_server_without_a_wording_of_its_own_gets_the_general_one() -> None:
    assert remedy("OTA404", "nginx") == remedy("OTA404")


def test_the_prompt_s_host_is_that_of_the_target_where_nothing_else_is_known() -> None:
    facts = Facts(install=replace(healthy(host=""), manifest=BROKEN.install.manifest if BROKEN.install else None))
    found = [o for o in registry.evaluate(facts, "https://other.example.com/x", "c") if o.rule.id == "OTA301"]
    assert found[0].sees == "Cannot connect to other.example.com"
