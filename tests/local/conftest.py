"""Servers that many tests of this folder look at, started once a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import apache_sites
from tests.apache_host import Host


@pytest.fixture(scope="session")
def busy_apache() -> Iterator[Host]:
    with apache_sites.busy() as host:
        yield host


@pytest.fixture(scope="session")
def apache_behind() -> Iterator[Host]:
    with apache_sites.behind() as host:
        yield host
