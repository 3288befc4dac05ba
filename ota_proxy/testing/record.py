"""What one test did with our fixtures, kept on its item: for the text of its failure, its artifacts, and the servers left running.

Light: every test that fails is asked for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ota_proxy.testing.report import InstallReport
    from ota_proxy.testing.servers import TestSite


@dataclass(slots=True)
class Record:
    """Reports in the order in which they were made, and the site that the test had."""

    reports: list[InstallReport] = field(default_factory=list)
    site: TestSite | None = None
    kept: bool = False
    """Its server is left running."""
    told: bool = False
    """The failure's own text has the reports already."""


KEY = pytest.StashKey[Record]()


def record(item: pytest.Item) -> Record:
    """Return the record of a test, empty at first."""
    return item.stash.setdefault(KEY, Record())


def known(item: pytest.Item) -> Record | None:
    """Return the record of a test that used our fixtures, else None."""
    return item.stash.get(KEY, None)
