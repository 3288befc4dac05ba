"""Targets that wait for a free place, taken fairly by host: a host with many slow targets never keeps the targets of others waiting."""

from __future__ import annotations

from collections import Counter, deque

from ota_proxy.apps.install_link import read_link
from ota_proxy.device.walk import SCHEME
from ota_proxy.facts.install import origin


class Waiting:
    """A queue of targets for each host and port, and how many of each are under way."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[str]] = {}
        self._busy: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def add(self, target: str) -> None:
        """Put a target at the end of its host's queue."""
        self._queues.setdefault(place(target), deque()).append(target)

    def take(self) -> str:
        """Return the next target of the host with the fewest under way, the one that waited longest first; IndexError when none waits."""
        if not self._queues:
            raise IndexError("no target waits")
        host = min(self._queues, key=lambda name: self._busy[name])
        queue = self._queues.pop(host)
        target = queue.popleft()
        if queue:
            self._queues[host] = queue  # behind the others with as many under way
        self._busy[host] += 1
        return target

    def done(self, target: str) -> None:
        """Give back the place of a target that was taken."""
        host = place(target)
        self._busy[host] -= 1
        if not self._busy[host]:
            del self._busy[host]


def place(target: str) -> str:
    """Return host and port that a target will ask first; empty for what cannot be asked."""
    link = read_link(target, "given").manifest_url if target.lower().startswith(SCHEME) else target
    _, host, port = origin(link)
    return f"{host}:{port}"
