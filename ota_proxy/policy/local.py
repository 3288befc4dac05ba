"""What running a server without root takes, from `local.toml`."""

from __future__ import annotations

from dataclasses import dataclass

from ota_proxy.policy.tables import table


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
