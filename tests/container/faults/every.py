"""Every fault there is, and which rules they cover on which server."""

from __future__ import annotations

from tests.container.faults import app, archive, hosts, landing, manifest, package, server, transport
from tests.container.faults.model import Fault

FAULTS: tuple[Fault, ...] = (
    *landing.FAULTS,
    *transport.FAULTS,
    *hosts.FAULTS,
    *manifest.FAULTS,
    *package.FAULTS,
    *archive.FAULTS,
    *app.FAULTS,
    *server.FAULTS,
)


def covered(server: str) -> set[str]:
    """Return the ids of the rules that a fault on this server must bring up."""
    return {id_ for fault in FAULTS if server in fault.servers for id_ in (*fault.ids, *fault.notes)}
