"""The faults of the catalogue on the emulator of IIS: what can be broken there is reported by exactly its rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ota_proxy.harness.emulator.emulator_engine import EmulatorEngine
from tests.container.faults.every import FAULTS as OTHERS
from tests.container.faults.model import Fault, inject
from tests.emulator.faults import FAULTS, IisFault
from tests.emulator.mocks import skip_without_nginx
from tests.support.reports import failed, first_stage, ids, notes

HOST = frozenset({"OTA614"})
"""Rules about the machine itself, which is no Windows here."""
CONTENT = tuple(fault for fault in OTHERS if not fault.edits and not HOST & set(fault.ids))
"""Faults of what is served, the same on every server."""


def _reported(fault: Fault, engine: EmulatorEngine) -> None:
    if fault.site.proxied or fault.site.tls.offloaded:
        skip_without_nginx()
    report = inject(fault, "iis", engine)
    assert ids(report) == set(fault.ids), "\n".join(failed(report))
    assert set(fault.notes) <= notes(report)
    assert first_stage(report) == fault.first_stage


@pytest.mark.fault
@pytest.mark.parametrize("broken", FAULTS, ids=lambda broken: broken.fault.name)
def test_a_fault_of_iis_is_reported_by_exactly_its_rules(
    broken: IisFault, record_property: Callable[[str, object], None]
) -> None:
    record_property("fault", "iis")
    _reported(broken.fault, EmulatorEngine(broken.version, edit=broken.server_edit))


@pytest.mark.fault
@pytest.mark.parametrize("fault", CONTENT, ids=lambda fault: fault.name)
def test_a_fault_of_the_content_is_reported_by_exactly_its_rules_on_iis(
    fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    record_property("fault", "iis")
    _reported(fault, EmulatorEngine())
