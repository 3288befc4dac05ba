"""Explains: the page of a rule, what can be behind a complaint, or what a log says; nothing is asked of any network."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ota_proxy.errors import UsageError
from ota_proxy.printable import as_json, inert
from ota_proxy.report.answer import answer_document, answer_text, as_text, page_document, reading_document, reading_text
from ota_proxy.report.paint import Paint
from ota_proxy.rules.catalogue import catalogue, page
from ota_proxy.rules.complaints.diagnosis import diagnose, of_letter
from ota_proxy.rules.complaints.logs import decoded, is_text, read
from ota_proxy.rules.rule import Rule
from ota_proxy.rules.symptoms import checked_by, confirmation, planned

_ID = re.compile(r"(?i)(?:ota)?[-_ ]?(\d{3})")
_ALMOST_ID = re.compile(r"(?i)ota[-_ ]?[\w]{1,4}")
_SHORT = 600
"""Characters of what comes by standard input that may be a complaint rather than a log."""


@dataclass(frozen=True, slots=True)
class Answering:
    """How to answer: as a document or as text in colours, and `commands`, those that exist."""

    as_json: bool
    paint: Paint
    commands: Sequence[str]


def explained(asked: str, how: Answering) -> str:
    """Return a rule's page, or what can be behind a complaint; UsageError for nothing at all and for the id of a rule that there is not."""
    if not asked:
        raise UsageError("nothing was asked", hint="write what the phone says, such as 'cannot connect to server'")
    rule = _rule(asked)
    return _of_rule(asked, rule, how) if rule else _of_words(asked, how)


def _rule(asked: str) -> Rule | None:
    """Return the rule of an id (`OTA406`, `ota-406`, `406`) or name, in any case; UsageError for an id that there is not."""
    match = _ID.fullmatch(asked)
    if match and f"OTA{match[1]}" in catalogue():
        return catalogue()[f"OTA{match[1]}"]
    if _ALMOST_ID.fullmatch(asked):
        raise _no_such_rule(asked)
    name = re.sub(r"[ _]+", "-", asked.lower())
    return next((rule for rule in catalogue().values() if rule.name == name), None)


def _no_such_rule(asked: str) -> UsageError:
    rules = catalogue()
    near = difflib.get_close_matches(asked.upper().replace("-", ""), rules, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(f'{one} {rules[one].name}' for one in near)}? " if near else ""
    return UsageError(f"there is no rule {asked.upper()}", hint=f"{hint}`ota-proxy rules` lists every rule")


def _of_rule(asked: str, rule: Rule, how: Answering) -> str:
    if how.as_json:
        return _dumped(page_document(asked, rule.id, page(rule.id), how.commands))
    status = asked.isdigit() and f"As a status of HTTP: `ota-proxy explain HTTP {asked}`."
    return _page(rule, how) + (f"\n\n{status}" if status else "")


def _of_words(asked: str, how: Answering) -> str:
    answer = of_letter(asked) if len(asked) == 1 else None
    answer = answer or diagnose(asked)
    if how.as_json:
        return _dumped(answer_document(asked, answer, how.commands))
    return inert(answer_text(answer, how.paint, how.commands))


def explained_log(data: bytes, how: Answering) -> str:
    """Return what a log says, or what can be behind a complaint where the data is short and no line of it is one of a log.

    UsageError for what is not text.
    """
    if not is_text(data):
        raise UsageError(
            "this is not text", place="stdin", hint="ota-proxy explain - < console.log reads consoles and logs"
        )
    reading = read(data)
    if not reading.groups and not reading.asides and len(data) <= _SHORT and data.strip():
        return _of_words(decoded(data).strip(), how)
    if how.as_json:
        return _dumped(reading_document(reading, how.commands))
    return inert(reading_text(reading, how.paint, how.commands))


def _dumped(document: dict[str, Any]) -> str:
    return as_json(document, indent=2)


def _page(rule: Rule, how: Answering) -> str:
    head = f"{how.paint.bold(rule.id)} {rule.name} ({how.paint.tint(rule.severity, rule.severity)})"
    foot = [how.paint.bold("To confirm it"), f"  {confirmation(rule, how.commands)}"]
    return "\n".join([head, looked_for(rule, how.commands), "", as_text(page(rule.id), how.paint), "", *foot])


def looked_for(rule: Rule, commands: Sequence[str]) -> str:
    """Say which commands look for a rule, and which do not yet: `looked for by check; not yet by lint`."""
    now = checked_by(rule, commands)
    later = [command for command in planned(rule) if command not in now]
    words = f"looked for by {', '.join(now)}" if now else "not looked for by any command yet"
    return words + (f"; not yet by {', '.join(later)}" if now and later else "")
