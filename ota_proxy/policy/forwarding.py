"""What a client may not tell an application about itself (`forwarding.toml`)."""

from __future__ import annotations

from ota_proxy.policy.tables import table


def claims() -> tuple[str, ...]:
    """Return the names of request headers that are taken away on the way to an application."""
    return tuple(table("forwarding")["claims"])
