"""Catalogue, rule pages and faults, held against each other: what `verify` and `check` promise to see is seen on real servers."""

from __future__ import annotations

import pytest

from ota_proxy.rules.catalogue import catalogue, page
from ota_proxy.rules.registry import registered
from ota_proxy.rules.rule import STAGES
from tests.container.faults.every import FAULTS, covered
from tests.container.faults.hostile import HOSTILE, Hostile
from tests.container.faults.model import SERVERS, Fault

ALONE = {
    "OTA604 apache": "Apache sends one Content-Type, whatever Header adds to it and an application behind it sends (measured)",
    "OTA616 nginx": "what passes nginx's own test starts: it is Apache that reads some values only at its start",
}
"""Where a rule cannot be broken on a server, and why."""
NOT_YET: tuple[str, ...] = ()
"""Where a fault is still being written; empty when all are there."""

EVERY: tuple[Fault | Hostile, ...] = (*FAULTS, *HOSTILE)
SEEN = [rule for rule in catalogue().values() if {"c", "v"} & set(rule.doors)]


@pytest.mark.parametrize("server", SERVERS)
def test_every_rule_of_verify_and_check_is_broken_on_every_server(server: str) -> None:
    missing = {f"{rule.id} {server}" for rule in SEEN} - {f"{id_} {server}" for id_ in covered(server)}
    assert missing == {place for place in (*ALONE, *NOT_YET) if place.endswith(server)}


def test_faults_name_rules_that_exist_are_checked_and_are_asked_through_their_door() -> None:
    for fault in FAULTS:
        for id_ in (*fault.ids, *fault.notes):
            assert id_ in registered(), fault.name
            doors = "c" if fault.door == "check" else "va"  # verify judges what the host shows as audit does
            assert set(doors) & set(catalogue()[id_].doors), f"{fault.name}: {id_} is no rule of {fault.door}"


def test_every_fault_names_a_rule_once_and_a_stage() -> None:
    for fault in EVERY:
        named = (*fault.ids, *fault.notes)
        assert named, fault.name
        assert len(set(named)) == len(named), fault.name
        assert fault.first_stage in STAGES


@pytest.mark.parametrize("server", SERVERS)
def test_no_two_faults_of_a_server_share_a_name(server: str) -> None:
    names = [fault.name for fault in FAULTS if server in fault.servers]
    assert len(set(names)) == len(names)


def test_what_the_hostile_server_does_no_real_one_can_be_made_to_do() -> None:
    assert all(fault.why for fault in HOSTILE)
    assert {id_ for fault in HOSTILE for id_ in fault.ids} <= set(registered())


def test_every_rule_that_a_fault_breaks_has_a_page_that_says_how_it_is_found() -> None:
    for id_ in {id_ for fault in FAULTS for id_ in (*fault.ids, *fault.notes)}:
        assert "## How it is found" in page(id_)


def test_a_fault_without_edits_breaks_what_is_served_or_how_it_is_asked_for() -> None:
    plain = Fault("nothing", ())
    for fault in FAULTS:
        changed = fault.edits or fault.content != plain.content or fault.options != plain.options
        assert changed or fault.site != plain.site, fault.name
