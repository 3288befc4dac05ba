"""Whether pages can be opened in a real browser here, and why not; with OTA_TESTS_REQUIRE_BROWSER set, not being able to is a failure."""

from __future__ import annotations

import os

import pytest

from ota_proxy.browser.find import missing

MISSING = missing()
needs_browser = pytest.mark.skipif(
    bool(MISSING) and not os.environ.get("OTA_TESTS_REQUIRE_BROWSER"), reason=f"no browser: {MISSING}"
)
