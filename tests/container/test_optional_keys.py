"""The optional keys on the servers of Debian: a person gives the password, and everything the installer fetches is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ota_proxy.commands.verify import verify
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.trial import Trial
from tests.support.reports import failed, warnings_of
from tests.support.variants import variant

pytestmark = pytest.mark.container
KEYS: dict[str, Any] = {
    "auth": {"htpasswd": "/etc/ota/htpasswd", "realm": "Builds"},
    "cors": {"origins": ["https://portal.example.com"]},
    "client_certificates": {"ca": "/etc/ota/staff-ca.pem", "locations": ["/team/ios/"]},
    "error_pages": {"folder": "/srv/ota errors", "statuses": [401, 403, 404, 405, 503]},
}
MORE: dict[str, dict[str, Any]] = {"nginx": {"limits": {"requests_per_second": 10, "burst": 20}}, "apache": {}}


@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("suite", ["bullseye", "trixie"])
def test_an_iphone_installs_from_a_site_with_every_optional_key(
    suite: str, server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    report = verify(Trial(server, variant("static", **KEYS, **MORE[server])), engine_of(suite), lambda _: None)
    assert failed(report) == []
    assert warnings_of(report) == []
    assert report.facts is not None
    assert report.facts.install is not None
    page = report.facts.install.page
    assert page is not None
    assert page.visit.last.status == 200
    assert len(report.facts.install.packages) == 1
    assert not any(row.status == "no-verdict" for row in report.outcomes)
