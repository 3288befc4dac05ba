"""Every fault on every server it can be injected into: exactly the expected rules are reported."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ota_proxy.harness.docker.engine import DockerEngine
from ota_proxy.harness.verify import Trial, verify
from tests.container.faults import manifest, package, server, transport
from tests.container.faults.model import Fault
from tests.reports import failed, ids

FAULTS = (*transport.FAULTS, *manifest.FAULTS, *package.FAULTS, *server.FAULTS)
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
    trial = Trial(server, fault.site, content=fault.content, edit=fault.edits.get(server))
    report = verify(trial, engine_of("bookworm"), lambda _: None)
    assert ids(report) == fault.ids, "\n".join(failed(report))
