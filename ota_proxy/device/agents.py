"""The user agents, headers and time-outs of a device's parts, from `policy/agents.toml` (observed behaviour)."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any, Literal

from ota_proxy.device.facts import Header
from ota_proxy.resources import policy_file

Agent = Literal["manifest", "package", "mdm", "browser"]


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(policy_file("agents.toml").read_text(encoding="utf-8"))


def headers(agent: Agent, *, compressed: bool = False) -> tuple[Header, ...]:
    """Return what this part sends with every request, in order; never cookies, never a Referer."""
    who, common = _data()["agents"][agent], _data()["headers"]
    return (
        ("Accept", who["accept"]),
        ("Accept-Language", common["language"]),
        ("Accept-Encoding", common["compressed" if compressed else "plain"]),
        ("User-Agent", who["user_agent"]),
    )


def seconds(step: str) -> float:
    """Return a time-out of the table (`manifest`, `head`, `connect`, …) in seconds; KeyError for another name."""
    return float(_data()["timeouts"][step])
