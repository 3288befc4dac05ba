"""Every variant on the embedded nginx and on the servers of this machine: the same walk, no finding."""

from __future__ import annotations

import pytest

from ota_proxy.commands.verify import verify
from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.engine import Engine, choose
from ota_proxy.harness.trial import Trial
from tests.support.reports import failed
from tests.support.variants import NAMES, variant


def _engine(name: str, server: str) -> Engine:
    try:
        return choose(name, server)  # type: ignore[arg-type]  # one of the two names below
    except NoVerdictError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("engine", "server"),
    [
        pytest.param("embedded", "nginx", marks=pytest.mark.embedded),
        pytest.param("local", "nginx", marks=pytest.mark.local),
        pytest.param("local", "apache", marks=pytest.mark.local),
    ],
)
def test_a_rendered_site_installs_without_a_finding(engine: str, server: str, name: str) -> None:
    report = verify(Trial(server, variant(name)), _engine(engine, server), lambda _: None)
    assert failed(report) == []
    assert report.notes[0].startswith("Ports, listening addresses, folders")
    assert report.facts is not None
