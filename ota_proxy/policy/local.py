"""What running a server without root takes, from `local.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from ota_proxy.resources import policy_file


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where a server may be found: names, folders beyond the PATH, and (Apache) where its modules may be."""

    names: tuple[str, ...]
    folders: tuple[str, ...]
    module_folders: tuple[str, ...] = ()


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(policy_file("local.toml").read_text(encoding="utf-8"))


def binaries(server: str) -> Binaries:
    """Return the places of `nginx` or `apache`; KeyError for another server."""
    row = _data()[server]
    return Binaries(tuple(row["names"]), tuple(row["folders"]), tuple(row.get("module_folders", ())))


def temp_paths() -> tuple[str, ...]:
    """Return the names of nginx's temporary folders, `client_body` and so on."""
    return tuple(_data()["nginx"]["temp_paths"])


def apache_modules() -> tuple[str, ...]:
    """Return the names of the modules to load, without `mod_`, in order."""
    return tuple(_data()["apache"]["modules"])


def worker_users() -> tuple[str, ...]:
    """Return the users workers may run as, best first."""
    return tuple(_data()["workers"]["users"])


def web_types() -> dict[str, str]:
    """Return extension without dot → media type."""
    return dict(_data()["types"])
