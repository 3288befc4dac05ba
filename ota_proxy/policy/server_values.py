"""Numbers and names that servers are configured and started with.

What is rendered for Apache (`apache.toml`), what no client may claim (`forwarding.toml`), running a server without root (`local.toml`).
"""

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


def apache_section(name: str) -> dict[str, Any]:
    """Return one table of `apache.toml` (`buffers`: bytes, `timeouts`: seconds, `metadata`: extensions); KeyError for another."""
    return dict(table("apache")[name])


def apache_capacity(devices: int) -> Capacity:
    """Size the event MPM for so many downloads at once (measured: one thread each)."""
    row = table("apache")["capacity"]
    threads = row["threads_per_child"]
    wanted = -(-devices * (100 + row["spare_percent"]) // 100)
    processes = max(row["least_processes"], -(-wanted // threads))
    return Capacity(processes, threads, row["thread_limit"], processes * threads)


def apache_modules_for(*, tls: bool, http2: bool, behind_proxy: bool, proxied: bool, auth: bool) -> tuple[str, ...]:
    """Return the modules a site needs, without `mod_` and `_module`, in loading order."""
    rows = table("apache")["modules"]
    chosen = {"tls": tls, "http2": http2, "behind_proxy": behind_proxy, "proxied": proxied, "auth": auth}
    return tuple(rows["always"]) + tuple(name for key, wanted in chosen.items() if wanted for name in rows[key])


def claims() -> tuple[str, ...]:
    """Return the names of request headers that are taken away on the way to an application."""
    return tuple(table("forwarding")["claims"])


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where a server may be found: names, folders beyond the PATH, and (Apache) where its modules may be."""

    names: tuple[str, ...]
    folders: tuple[str, ...]
    module_folders: tuple[str, ...] = ()


def binaries(server: str) -> Binaries:
    """Return the places of `nginx` or `apache`; KeyError for another server."""
    row = table("local")[server]
    return Binaries(tuple(row["names"]), tuple(row["folders"]), tuple(row.get("module_folders", ())))


def temp_paths() -> tuple[str, ...]:
    """Return the names of nginx's temporary folders, `client_body` and so on."""
    return tuple(table("local")["nginx"]["temp_paths"])


def apache_modules() -> tuple[str, ...]:
    """Return the names of the modules to load, without `mod_`, in order."""
    return tuple(table("local")["apache"]["modules"])


def worker_users() -> tuple[str, ...]:
    """Return the users workers may run as, best first."""
    return tuple(table("local")["workers"]["users"])


def web_types() -> dict[str, str]:
    """Return extension without dot → media type."""
    return dict(table("local")["types"])
