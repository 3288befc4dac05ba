"""Whether this machine can start a server without Docker, for tests of the plugin that need any server at all."""

from __future__ import annotations

from functools import cache

import pytest

from ota_proxy.errors import NoVerdictError
from ota_proxy.testing.launch import choose_engine


@cache
def obstacle() -> str:
    """Return why no nginx can be started as a process here; empty where one can."""
    try:
        choose_engine("auto", "nginx", "", "skip", own=False)
    except NoVerdictError as error:
        return str(error)
    return ""


needs_nginx = pytest.mark.skipif(bool(obstacle()), reason=obstacle() or "there is one")
"""Skips with the reason where neither the PATH nor the `embedded` extra has an nginx."""
