"""Labels that say whose a container is, and what of it may be removed: what a dead run left behind, never a living run's.

A run that dies takes its running containers with it (`lifeline.py`), and one that it was just creating is removed behind it
(`janitor.py`); what can stay is what was created while Docker itself was going down, or a kept one.
"""

from __future__ import annotations

import time
from typing import Protocol

from ota_proxy.harness.docker.daemon import Listed
from ota_proxy.harness.run_directory import Owner, me

PREFIX = "org.ota-proxy"
GRACE = 600
"""Seconds after which a leftover is removed without being asked for."""


class Containers(Protocol):
    """The part of `daemon.Daemon` that is needed here."""

    def containers(self, label: str) -> list[Listed]:
        """Return all containers that have the label."""

    def remove(self, container: str) -> None:
        """End and remove a container."""


def labels(run: str, role: str, *, keep: bool) -> dict[str, str]:
    """Return what a container of ours carries: the run, its part in it, and who to ask whether the run lives."""
    own = me()
    said = {"run": run, "role": role, "machine": own.machine, "pid": str(own.pid), "begun": own.begun}
    kept = {"keep": "1"} if keep else {}
    return {PREFIX: "1"} | {f"{PREFIX}.{key}": value for key, value in (said | kept).items()}


def owner(container: Listed) -> Owner:
    """Return who started a container; a label that somebody spoilt is nobody's."""
    said = {key: container.labels.get(f"{PREFIX}.{key}", "") for key in ("machine", "pid", "begun")}
    return Owner(said["machine"], int(said["pid"]) if said["pid"].isdecimal() else 0, said["begun"])


def is_kept(container: Listed) -> bool:
    """Say whether a person asked to keep it."""
    return f"{PREFIX}.keep" in container.labels


def is_in_use(container: Listed, here: Owner) -> bool:
    """Say whether a living run needs it. Of a run elsewhere only its state can tell: without its owner it would not run."""
    whose = owner(container)
    if whose.machine == here.machine:
        return whose.alive
    return container.state == "running" or time.time() - container.created < GRACE


def sweep(daemon: Containers) -> int:
    """Remove leftovers older than ten minutes, kept ones excepted; return how many."""
    old = [found for found in daemon.containers(PREFIX) if time.time() - found.created > GRACE and not is_kept(found)]
    return _remove(daemon, [found for found in old if not is_in_use(found, me())])


def clean(daemon: Containers) -> int:
    """Remove everything of ours that no living run owns, kept containers too; return how many."""
    return _remove(daemon, [found for found in daemon.containers(PREFIX) if not is_in_use(found, me())])


def _remove(daemon: Containers, containers: list[Listed]) -> int:
    for container in containers:
        daemon.remove(container.id)
    return len(containers)
