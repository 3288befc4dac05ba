"""Every fault on every server it can be injected into: exactly the expected rules are reported, at the right stage."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ota_proxy.harness.docker.engine import DockerEngine
from tests.container.faults.every import FAULTS
from tests.container.faults.model import Fault, inject
from tests.reports import failed, first_stage, ids, notes

pytestmark = [pytest.mark.container, pytest.mark.fault]


@pytest.mark.parametrize(
    ("server", "fault"),
    [pytest.param(server, fault, id=f"{server}-{fault.name}") for fault in FAULTS for server in fault.servers],
)
def test_a_fault_is_reported_by_exactly_its_rules(
    server: str,
    fault: Fault,
    engine_of: Callable[[str], DockerEngine],
    record_property: Callable[[str, object], None],
) -> None:
    record_property("fault", server)
    report = inject(fault, server, engine_of("bookworm"))
    assert ids(report) == set(fault.ids), "\n".join(failed(report))
    assert set(fault.notes) <= notes(report)
    assert first_stage(report) == fault.first_stage
