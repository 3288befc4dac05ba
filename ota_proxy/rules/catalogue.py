"""The catalogue (`catalogue.toml`) as values, the alert texts of a phone, and what people read about a rule: its page and its remedy.

The page is `docs/rules/OTAnnn-name.md`, in a subset of Markdown: `#` to `###`, paragraphs, `- ` lists, fenced blocks, `code`, **bold**. The remedies, in the
words of the server that is there, are `remedies.toml`.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from ota_proxy.errors import did_you_mean
from ota_proxy.resources import folder
from ota_proxy.rules.rule import Rule


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))


@cache
def catalogue() -> dict[str, Rule]:
    """Return every rule by id, in the order of ids."""
    return {id_: Rule(id=id_, **row) for id_, row in sorted(_data()["rules"].items())}


def rule_id(word: str) -> str | None:
    """Return the id of the rule that a person means by its id or its name, in any case; None if there is none."""
    rules = catalogue()
    names = {rule.name: rule.id for rule in rules.values()}
    return word.upper() if word.upper() in rules else names.get(word.lower())


def unknown_rule(word: str) -> tuple[str, str]:
    """Return what to say of a rule that does not exist, and a way out."""
    rules = catalogue()
    known = (*rules, *(rule.name for rule in rules.values()))
    near = did_you_mean(word.upper(), rules) or did_you_mean(word.lower(), known)
    return f"there is no rule {word!r}", near or "`ota-proxy rules` lists them"


def alert_text(letters: str, host: str = "HOST") -> str:
    """Return what a person reads for the first of a rule's `sees` letters, with the host's name in it; empty for none."""
    text: str = _data()["alert_texts"].get(letters[:1], "")
    return text.replace("HOST", host)


def file_name(rule_id: str) -> str:
    """Return the name of a rule's page; KeyError for an id that the catalogue does not have."""
    return f"{rule_id}-{catalogue()[rule_id].name}.md"


@cache
def page(rule_id: str) -> str:
    """Return the page of a rule, which begins with its title; FileNotFoundError where the installation lacks it."""
    return (folder("rules") / file_name(rule_id)).read_text(encoding="utf-8")


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
