"""Numbers and names of the Apache renderer (`apache.toml`): capacity, buffers, timeouts, modules, meaningful extensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ota_proxy.policy.tables import table


@dataclass(frozen=True, slots=True)
class Capacity:
    """Limits of the event MPM: `processes` times `threads` is `workers`, the downloads that fit at one time."""

    processes: int
    threads: int
    thread_limit: int
    workers: int


def section(name: str) -> dict[str, Any]:
    """Return one table of the file (`buffers`: bytes, `timeouts`: seconds, `metadata`: extensions); KeyError for another."""
    return dict(table("apache")[name])


def capacity(devices: int) -> Capacity:
    """Size the event MPM for so many downloads at once (measured: one thread each)."""
    row = table("apache")["capacity"]
    threads = row["threads_per_child"]
    wanted = -(-devices * (100 + row["spare_percent"]) // 100)
    processes = max(row["least_processes"], -(-wanted // threads))
    return Capacity(processes, threads, row["thread_limit"], processes * threads)


def modules(*, tls: bool, http2: bool, behind_proxy: bool, proxied: bool, auth: bool) -> tuple[str, ...]:
    """Return the modules a site needs, without `mod_` and `_module`, in loading order."""
    rows = table("apache")["modules"]
    chosen = {"tls": tls, "http2": http2, "behind_proxy": behind_proxy, "proxied": proxied, "auth": auth}
    return tuple(rows["always"]) + tuple(name for key, wanted in chosen.items() if wanted for name in rows[key])
