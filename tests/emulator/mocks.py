"""What stands beside the emulator in tests: an nginx, from the PATH or from the extra, to play applications and TLS-terminating proxies."""

from __future__ import annotations

import pytest

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.process.binaries import nginx_anywhere


def skip_without_nginx() -> None:
    """Skip where there is no nginx to play the applications behind IIS or the TLS-terminating proxy before it."""
    try:
        nginx_anywhere()
    except NoVerdictError as error:
        pytest.skip(str(error))
