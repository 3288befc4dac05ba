"""The catalogue (`catalogue.toml`) as values, and the sentences a phone shows."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from ota_proxy.rules.model import Rule


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))


@cache
def catalogue() -> dict[str, Rule]:
    """Return every rule by id, in the order of ids."""
    return {id_: Rule(id=id_, **row) for id_, row in sorted(_data()["rules"].items())}


def sentence(letters: str, host: str = "HOST") -> str:
    """Return what a person reads for the first of a rule's `sees` letters, with the host's name in it; empty for none."""
    text: str = _data()["sentences"].get(letters[:1], "")
    return text.replace("HOST", host)
