"""What to do about a finding, in the words of the server that is there; the texts are `remedies.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def remedies() -> dict[str, dict[str, str]]:
    """Return rule id → server (`nginx`, `apache`, `iis`) or `any` → text."""
    return tomllib.loads(Path(__file__).with_name("remedies.toml").read_text(encoding="utf-8"))


def remedy(rule_id: str, server: str = "") -> str:
    """Return the remedy for a rule, worded for the server where a wording exists; empty for a rule without one."""
    texts = remedies().get(rule_id, {})
    return texts.get(server) or texts.get("any", "")
