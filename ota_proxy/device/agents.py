"""The user agents, headers and time-outs of a device's parts, from `policy/agents.toml` (observed behaviour)."""

from __future__ import annotations

from typing import Literal

from ota_proxy.facts.install import Header
from ota_proxy.policy.tables import table

Agent = Literal["manifest", "package", "mdm", "browser"]


def user_agent(name: str) -> str:
    """Return the user agent of a row of the table; KeyError for another name."""
    return str(table("agents")["agents"][name]["user_agent"])


def in_app() -> dict[str, str]:
    """Return app → the user agent of the browser inside it, for the apps of the table."""
    view, names = table("agents")["in_app"]["view"], table("agents")["in_app"]["names"]
    return {name: f"{view} {token}" for name, token in names.items()}


def headers(agent: Agent, *, compressed: bool = False, user_agent: str = "") -> tuple[Header, ...]:
    """Return what this part sends with every request, in order; never cookies, never a Referer. `user_agent` replaces its own."""
    who, common = table("agents")["agents"][agent], table("agents")["headers"]
    return (
        ("Accept", who["accept"]),
        ("Accept-Language", common["language"]),
        ("Accept-Encoding", common["compressed" if compressed else "plain"]),
        ("User-Agent", user_agent or who["user_agent"]),
    )


def seconds(step: str) -> float:
    """Return a time-out of the table (`manifest`, `head`, `connect`, …) in seconds; KeyError for another name."""
    return float(table("agents")["timeouts"][step])
