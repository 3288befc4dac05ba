"""The engine `local`: nginx or Apache as installed on this machine, without root, on loopback ports and in a temporary folder."""

from __future__ import annotations

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.process import binaries
from ota_proxy.harness.process.engine import ProcessEngine


class LocalEngine(ProcessEngine):
    """Runs one scenario at a time; it looks for servers only when it is asked to."""

    def __init__(self) -> None:
        super().__init__("local", _find, binaries.nginx_anywhere)


def _find(server: str) -> binaries.Binary:
    if server not in ("nginx", "apache"):
        raise NoVerdictError(f"{server} does not run on this machine", hint="take another --engine")
    return binaries.find(server)
