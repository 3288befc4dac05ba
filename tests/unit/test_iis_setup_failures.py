"""setup.ps1 and undo.ps1 that end at any call: what is on disk by then is enough to go on and to go back (tests/powershell_model)."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from contextlib import suppress
from typing import Any

import pytest

from tests.powershell_model import Machine, PsError
from tests.powershell_model.servers import unordered, used
from tests.support.iis_setup import NAMES, server, setup, undo


def some(calls: list[str], name: str, count: int = 4) -> list[int]:
    """Return numbers of calls spread over a run, others in each variant; all of them with OTA_PROXY_EVERY_CALL=1."""
    step = 1 if os.environ.get("OTA_PROXY_EVERY_CALL") == "1" else max(1, len(calls) // count)
    return list(range(1 + NAMES.index(name) % step, len(calls) + 1, step))


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_after_a_run_that_fails_anywhere_undo_restores_and_a_rerun_converges(name: str, others: bool) -> None:
    def start() -> Machine:
        on = server(name)
        if others:
            used(on)
        return on

    whole = start()
    before = whole.state()
    setup(whole, name)
    wanted = whole.state()
    for number in some(list(whole.calls), name):
        broken, again = start(), start()
        for on in (broken, again):
            _fail_at(on, number, name)
        undo(broken, name)
        assert unordered(broken.state()) == unordered(before), f"undo after a failure at call {number}: {broken.calls}"
        setup(again, name)
        assert _without_records(again) == _without_records(whole), f"rerun after a failure at call {number}"
        undo(again, name)
        assert unordered(again.state()) == unordered(before), f"undo after failure at {number} and rerun"
    assert whole.state() == wanted


def _fail_at(on: Machine, number: int, name: str) -> None:
    on.fail_at = number
    with suppress(PsError):  # the injected failure, or the sentence that the script makes of it
        setup(on, name)
    on.fail_at = 0


def _without_records(on: Machine) -> dict[str, Any]:
    """Leave out what a second run may do in another order: the records, and cipher suites that one run enabled after the other."""
    state = unordered(on.state())
    state["cipher suites"] = sorted(state["cipher suites"])
    state["files"] = {path: text for path, text in state["files"].items() if not path.endswith(".json")}
    return state


@pytest.mark.parametrize("name", ["static-2019-no-rewrite", "several-2025"])
def test_an_undo_that_fails_anywhere_can_be_run_again(name: str) -> None:
    plain = server(name)
    before = plain.state()
    setup(plain, name)
    undo(plain, name)
    for number in some(list(plain.calls), name):
        on = server(name)
        setup(on, name)
        on.fail_at = number
        try:
            undo(on, name)
        except PsError:
            on.fail_at = 0
            undo(on, name)
        assert said(on.state()) == said(before), f"failure at call {number}"


def said(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out sections and location tags that say nothing: undo.ps1 keeps one where it could not look into it."""
    root = ET.fromstring(state["applicationHost.config"])  # noqa: S314 - our own text
    for location in root.findall("location"):
        _prune(location)
        if len(location) == 0:
            root.remove(location)
    ET.indent(root)
    return state | {"applicationHost.config": ET.tostring(root, encoding="unicode")}


def _prune(element: ET.Element) -> None:
    for child in list(element):
        _prune(child)
        if len(child) == 0 and not child.attrib and child.tag != "clear":
            element.remove(child)
