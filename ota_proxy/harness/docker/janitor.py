"""Removes what a killed run was just creating: a container that never started has no lifeline of its own.

`python janitor.py SOCKET PREFIX PID BEGUN` waits until its stdin ends; standard library only, started as a script.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import sys
import time
from typing import Any
from urllib.parse import quote, urlencode

DONE = b"done"
"""What a run says that ends in good order: it has removed its containers itself."""
SECONDS = 10.0
"""How long containers of a dead run are looked for: the daemon finishes what it was asked to create."""
_PAUSE = 0.1
_TIMEOUT = 30


class _Docker(http.client.HTTPConnection):
    """HTTP over the daemon's socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(self._path)


def main(path: str, prefix: str, pid: str, begun: str) -> int:
    """Wait for the end of stdin, then remove every container of that process, unless it ended in good order."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    said = b""
    while more := os.read(0, 64):
        said += more
    until = time.monotonic() + (0 if said == DONE else SECONDS)
    while time.monotonic() < until:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            for container in _containers(path, {"label": [f"{prefix}.pid={pid}", f"{prefix}.begun={begun}"]}):
                if not (f"{prefix}.keep" in container["Labels"] and container["State"] == "running"):
                    _ask(path, "DELETE", f"/containers/{quote(container['Id'])}?force=1&v=1")
        time.sleep(_PAUSE)
    return 0


def _containers(path: str, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        _ask(path, "GET", "/containers/json?" + urlencode({"all": 1, "filters": json.dumps(filters)}))
    )
    return found


def _ask(path: str, method: str, url: str) -> bytes:
    with contextlib.closing(_Docker(path)) as daemon:
        daemon.request(method, url)
        return daemon.getresponse().read()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
