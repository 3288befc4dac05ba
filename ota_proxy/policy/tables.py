"""The data files of this folder, each read once."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

from ota_proxy.resources import policy_file


@cache
def table(name: str) -> dict[str, Any]:
    """Return `NAME.toml` as plain values, shared by all readers: do not change it. FileNotFoundError for another name."""
    return tomllib.loads(policy_file(f"{name}.toml").read_text(encoding="utf-8"))
