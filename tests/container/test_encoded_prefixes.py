"""Prefixes that a URL must encode, in a whole installation: the links, the manifests and what the server makes of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ota_proxy.commands.verify import verify
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.trial import Trial
from tests.support.reports import failed, warnings_of
from tests.support.variants import variant

pytestmark = pytest.mark.container
SITE = variant(
    "static",
    locations=[
        {"path": "/über uns (1)/", "root": "/srv/ota"},
        {"path": "/it's & more/", "upstream": "http://127.0.0.1:8080"},
    ],
    domains=["ota.example.com"],
)


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_a_site_with_encoded_prefixes_installs_without_a_finding(
    server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    report = verify(Trial(server, SITE), engine_of("bookworm"), lambda _: None)
    assert failed(report) == []
    assert warnings_of(report) == []
    assert report.facts is not None
    assert report.facts.install is not None
    assert len(report.facts.install.packages) == 1
