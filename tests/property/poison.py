"""Texts that try to be commands, what they would do, and a way to put one into every text of a value, however deep it lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from ota_proxy.rules.rule import Rule

ATTACKS = (
    "x\n::stop-commands::pause\n::error::x",
    "x\r::add-mask::x\r\n   ::set-env name=A::b",
    "::warning::at the begin",
    "\u2028::error::after a line separator\u2029\x85\x0b\x0c\x1c\x1d\x1e",
    "##[error]x ##[group]y",
    "##vso[task.setvariable variable=A]b\n##vso[task.complete result=Failed]",
    "##teamcity[buildStatus status='FAILURE']",
    "###[x] ####vso[y]",
    "\x1b[2J\x1b]0;title\x07\x1b]8;;https://evil.example/\x1b\\link\x1b[8m\x9b31m\x90q\x9c",
    "section_start:1:x[collapsed=true]\r\x1b[0Kx",
    "\u202eesrever\u2066\u2069\u200b\u200d\ufeff\u00ad\u061c\u180e",
    "\u115f\u3164\uffa0\u2800\U000e0041\U000e0101\ufe0f\ufe0f\u034f",
    "\x00\x07\x08\x7f\x80\x9f\uffff\U0010ffff\ue000",
    "\ud800\udc80 half a character",
    "<script>alert(1)</script><img src=x onerror=alert(1)>\" onmouseover='x' ]]> --> </failure><error/>",
    "[a](https://evil.example) ![i](https://evil.example/x) `a` | b |\n| c | **d** <https://evil.example>",
    "\\u001b[2J %0A::error::x %1B[2J &#27;[2J",
    "\n\nota-proxy: error: not said by us",
)
_OURS = re.compile(r"::(?:error|warning|notice) title=[^:]*::[^\n]*")
_KEPT = ("Literal", "Rule", "Severity", "Status", "Stage", "Trust", "ErrorKind", "Unread", "datetime", "Context")
_KEPT_NAMES = frozenset({"level", "kind", "hash_name", "key_kind", "trust", "server"})
"""Fields whose values are words of ours although they are typed as texts, or that choose how something is shown."""


def poisoned(value: Any, attack: str) -> Any:  # noqa: ANN401 - any value, and one like it
    """Return the value with every text in it that is not empty replaced; what is a word of ours by its type stays."""
    if isinstance(value, str):
        return attack if value else value
    if isinstance(value, bytes):
        return attack.encode("utf-8", "surrogatepass")
    if isinstance(value, (tuple, list, frozenset)):
        return type(value)(poisoned(one, attack) for one in value)
    if isinstance(value, Mapping):
        return {poisoned(key, attack): poisoned(one, attack) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, (type, Rule)):
        kept = {one.name for one in fields(value) if str(one.type).startswith(_KEPT) or one.name in _KEPT_NAMES}
        more = {one.name: getattr(value, one.name) for one in fields(value) if one.init and one.name not in kept}
        return replace(value, **{name: poisoned(one, attack) for name, one in more.items()})
    return value


def unseen(text: str) -> list[str]:
    """Return the characters of a text that a terminal obeys or nobody sees; a line feed between lines is none."""
    found = [char for char in text if not (char.isprintable() or char == "\n")]
    return found + re.findall("[\u034f\u115f\u1160\u2800\u3164\uffa0\U000e0100-\U000e01ef]|\ufe0f\ufe0f", text)


def commands(text: str) -> list[str]:
    """Return what a CI service would take for a command, other than our own annotations."""
    found = [line for line in text.split("\n") if line.lstrip().startswith("::") and not _OURS.fullmatch(line)]
    return found + re.findall(r"##\w*\[", text)
