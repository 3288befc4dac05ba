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


@cache
def causes() -> dict[str, dict[str, str]]:
    """Return rule id → cause → text, for rules with several causes that have nothing in common."""
    return tomllib.loads(Path(__file__).with_name("remedy_causes.toml").read_text(encoding="utf-8"))


def remedy_for(rule_id: str, cause: str) -> str:
    """Return what to do about one cause of a rule; empty for a cause without an own remedy, which has the rule's."""
    return causes().get(rule_id, {}).get(cause, "")
