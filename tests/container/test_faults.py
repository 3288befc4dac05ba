"""Every fault on every server it can be injected into: exactly the expected rules are reported, at the right stage."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.report.report import TargetReport
from tests.container.faults import hostile
from tests.container.faults.every import FAULTS
from tests.container.faults.hostile import HEALTHY, HOSTILE, Hostile
from tests.container.faults.model import Fault, inject
from tests.support.reports import failed, first_stage, ids, notes

Record = Callable[[str, object], None]


def reports(report: TargetReport, fault: Fault | Hostile) -> None:
    """Hold a report against what a fault must bring up, no more and no less."""
    assert ids(report) == set(fault.ids), "\n".join(failed(report))
    assert set(fault.notes) <= notes(report)
    assert first_stage(report) == fault.first_stage


@pytest.mark.container
@pytest.mark.fault
@pytest.mark.parametrize(
    ("server", "fault"),
    [pytest.param(server, fault, id=f"{server}-{fault.name}") for fault in FAULTS for server in fault.servers],
)
def test_a_fault_is_reported_by_exactly_its_rules(
    server: str, fault: Fault, engine_of: Callable[[str], DockerEngine], record_property: Record
) -> None:
    if "::1" in {address for address, _ in fault.options.also.values()} and not _has_ipv6():
        pytest.skip("this machine has no IPv6, not even a loopback")
    record_property("fault", server)
    reports(inject(fault, server, engine_of("bookworm")), fault)


@pytest.mark.fault
@pytest.mark.parametrize("fault", HOSTILE, ids=lambda fault: fault.name)
def test_a_fault_of_no_real_server_is_reported_by_exactly_its_rules(
    fault: Hostile, tmp_path: Path, record_property: Record
) -> None:
    record_property("fault", "hostile")
    reports(hostile.inject(fault.handler, tmp_path, fault.front), fault)


def test_nothing_is_found_on_the_hostile_server_while_it_behaves(tmp_path: Path) -> None:
    assert failed(hostile.inject(HEALTHY, tmp_path)) == []


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("::1", 9))
    except OSError:
        return False
    return True
