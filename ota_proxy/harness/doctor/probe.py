"""One thing that was looked at, and what follows from all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ota_proxy.errors import EXIT_CLEAN, EXIT_NO_VERDICT
from ota_proxy.servers.base import names, server_named

Status = Literal["ok", "missing", "limited"]
Group = Literal["engines", "installation", "machine", "tools"]
GROUPS: dict[Group, str] = {
    "engines": "Engines, what `verify` and `up` start servers with",
    "installation": "This installation",
    "machine": "This machine",
    "tools": "Programs for some commands only",
}
"""Groups in their order, with their titles."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found: `found` is one sentence, `purpose` what it is for, `remedy` how to get it or better it.

    `limited` is there, but not for everything. `needed` says that without it nothing runs at all.
    """

    group: Group
    name: str
    status: Status
    found: str
    purpose: str = ""
    remedy: str = ""
    runs: tuple[str, ...] = ()
    """Servers that can be started with it, now and without fetching anything."""
    needed: bool = False


def engines(probes: Iterable[Probe]) -> dict[str, list[str]]:
    """Return server → names of the engines that can start it, or for IIS play it."""
    able: dict[str, list[str]] = {name: [] for name in names()}
    for probe in probes:
        for server in probe.runs:
            able[server].append(probe.name.partition(" ")[0])
    return able


def exit_code(probes: Iterable[Probe]) -> int:
    """Return 0 if at least one real server can be started and nothing needed is missing, else 3."""
    seen = list(probes)
    broken = any(probe.needed and probe.status == "missing" for probe in seen)
    return EXIT_CLEAN if real(seen) and not broken else EXIT_NO_VERDICT


def real(probes: Iterable[Probe]) -> list[str]:
    """Return the servers that can really be started: IIS is only played, which every installation can."""
    return [server for server, able in engines(probes).items() if able and not server_named(server).played]
