"""The catalogue (`catalogue.toml`) as values, and the sentences a phone shows."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from ota_proxy.errors import did_you_mean
from ota_proxy.rules.model import Rule


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))


@cache
def catalogue() -> dict[str, Rule]:
    """Return every rule by id, in the order of ids."""
    return {id_: Rule(id=id_, **row) for id_, row in sorted(_data()["rules"].items())}


def rule_id(word: str) -> str | None:
    """Return the id of the rule that a person means by its id or its name, in any case; None where there is none."""
    rules = catalogue()
    names = {rule.name: rule.id for rule in rules.values()}
    return word.upper() if word.upper() in rules else names.get(word.lower())


def unknown_rule(word: str) -> tuple[str, str]:
    """Return the sentence about a rule that is none, and a way out."""
    rules = catalogue()
    known = (*rules, *(rule.name for rule in rules.values()))
    near = did_you_mean(word.upper(), rules) or did_you_mean(word.lower(), known)
    return f"there is no rule {word!r}", near or "`ota-proxy rules` lists them"


def sentence(letters: str, host: str = "HOST") -> str:
    """Return what a person reads for the first of a rule's `sees` letters, with the host's name in it; empty for none."""
    text: str = _data()["sentences"].get(letters[:1], "")
    return text.replace("HOST", host)
