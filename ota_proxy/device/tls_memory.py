"""What one run found out about the TLS of hosts, so that a thousand manifests of one host are not a thousand probes. Bounded; never judges."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime

from ota_proxy.device import tls
from ota_proxy.device.network import NetFault, Network, addresses
from ota_proxy.facts.tls import TlsFacts

_HOSTS = 512
"""Hosts that are remembered; the one that was asked for longest ago goes first."""

_Key = tuple[str, int, tuple[tuple[str, int], ...]]


class TlsMemory:
    """One probe for each host, port and set of addresses, shared by all walks of one event loop, also those under way at once."""

    def __init__(self) -> None:
        self._probes: OrderedDict[_Key, asyncio.Task[TlsFacts]] = OrderedDict()

    async def probe(self, host: str, port: int, network: Network, now: datetime) -> TlsFacts:
        """Return what `tls.probe` found, now or before. A walk that is given up does not take the probe of the others with it."""
        try:
            key = (host, port, tuple(sorted(await addresses(host, port, network))))
        except NetFault:
            return await tls.probe(host, port, network, now)
        task = self._probes.get(key)
        if task is None or _useless(task):
            task = self._probes[key] = asyncio.create_task(tls.probe(host, port, network, now))
        self._probes.move_to_end(key)
        self._forget()
        return await asyncio.shield(task)

    def _forget(self) -> None:
        """Drop the oldest finished probes beyond the limit; one under way stays until it has answered."""
        surplus = len(self._probes) - _HOSTS
        for key in [key for key, task in self._probes.items() if task.done()][: max(0, surplus)]:
            del self._probes[key]


def _useless(task: asyncio.Task[TlsFacts]) -> bool:
    """Say whether a finished probe is no basis for others: it was cancelled, failed, had gaps, or met nobody."""
    if not task.done():
        return False
    return task.cancelled() or task.exception() is not None or task.result().partial or not task.result().reachable
