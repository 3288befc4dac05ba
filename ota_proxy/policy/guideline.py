"""The server-side TLS guideline 6.0 (tlsref/data, 2026-04-06): protocols, cipher suites, groups, HSTS age."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from ota_proxy.resources import policy_file


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile of the guideline. `ciphers` are OpenSSL names for TLS 1.2, empty where it is not spoken."""

    name: str
    version: str
    protocols: tuple[str, ...]
    ciphers: tuple[str, ...]
    suites_tls13: tuple[str, ...]
    groups: tuple[str, ...]
    leaf_kinds: tuple[str, ...]


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(policy_file("guideline.json").read_text(encoding="utf-8"))
    return data


def profile(name: str) -> Profile:
    """Return the profile `intermediate` or `modern`; KeyError for another name."""
    data, chosen = _data(), _data()["profiles"][name]
    return Profile(
        name=name,
        version=data["version"],
        protocols=tuple(chosen["protocols"]),
        ciphers=tuple(chosen["ciphers"]),
        suites_tls13=tuple(data["suites_tls13"]),
        groups=tuple(data["groups"]),
        leaf_kinds=tuple(chosen["leaf_kinds"]),
    )


HSTS_MINIMUM_AGE: int = _data()["hsts_minimum_age"]
