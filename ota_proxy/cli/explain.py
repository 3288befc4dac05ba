"""`ota-proxy explain`: the page of a rule, what can be behind a complaint, or what a log says; nothing is asked of any network."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from typing import Any

from ota_proxy.cli.parser import COMMANDS
from ota_proxy.cli.streams import emit, tell
from ota_proxy.errors import EXIT_CLEAN, UsageError
from ota_proxy.printable import as_json, inert
from ota_proxy.report.answer import answer_document, answer_text, as_text, page_document, reading_document, reading_text
from ota_proxy.report.paint import Paint, paint_for
from ota_proxy.rules.catalogue import catalogue, page
from ota_proxy.rules.complaints.diagnosis import diagnose, of_letter
from ota_proxy.rules.complaints.logs import MOST_BYTES, decoded, is_text, read
from ota_proxy.rules.model import Rule
from ota_proxy.rules.symptoms import checked_by, confirmation, planned

_ID = re.compile(r"(?i)(?:ota)?[-_ ]?(\d{3})")
_ALMOST_ID = re.compile(r"(?i)ota[-_ ]?[\w]{1,4}")
_SHORT = 600
"""Characters of what comes by standard input that may be a complaint rather than a log."""
_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"PK": "a ZIP archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"bplist": "a binary property list",
    b"(\xb5/\xfd": "zstd",
}


def run(args: argparse.Namespace) -> int:
    """Print a page, causes or what a log says; UsageError for nothing at all and for the id of a rule that there is not."""
    asked = " ".join(args.what).strip()
    if not asked:
        raise UsageError("nothing was asked", hint="write what the phone says, such as 'cannot connect to server'")
    as_json = args.format == "json"
    if asked == "-":
        emit(_log(as_json=as_json) + "\n")
        return EXIT_CLEAN
    rule = _rule(asked)
    emit((_of_rule(asked, rule, as_json=as_json) if rule else _of_words(asked, as_json=as_json)) + "\n")
    return EXIT_CLEAN


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


def _of_rule(asked: str, rule: Rule, *, as_json: bool) -> str:
    if as_json:
        return _dumped(page_document(asked, rule.id, page(rule.id), COMMANDS))
    status = asked.isdigit() and f"As a status of HTTP: `ota-proxy explain HTTP {asked}`."
    return _page(rule, paint_for(sys.stdout)) + (f"\n\n{status}" if status else "")


def _of_words(asked: str, *, as_json: bool) -> str:
    answer = of_letter(asked) if len(asked) == 1 else None
    answer = answer or diagnose(asked)
    if as_json:
        return _dumped(answer_document(asked, answer, COMMANDS))
    return inert(answer_text(answer, paint_for(sys.stdout), COMMANDS))


def _log(*, as_json: bool) -> str:
    """Return what standard input says: as a log, or as a complaint where it is short and no line of it is one of a log."""
    data = _standard_input(MOST_BYTES + 1)
    if not is_text(data):
        raise UsageError(
            "this is not text", place="stdin", hint="ota-proxy explain - < console.log reads consoles and logs"
        )
    reading = read(data)
    if not reading.groups and not reading.asides and len(data) <= _SHORT and data.strip():
        return _of_words(decoded(data).strip(), as_json=as_json)
    if as_json:
        return _dumped(reading_document(reading, COMMANDS))
    return inert(reading_text(reading, paint_for(sys.stdout), COMMANDS))


def _standard_input(most: int) -> bytes:
    """Return at most so many bytes of standard input; UsageError where there is none, or what comes is no text."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise UsageError("there is no standard input to read", hint="ota-proxy explain - < console.log")
    if sys.stdin.isatty():
        tell("ota-proxy: paste the log; it ends with ^D on a line of its own\n")
    try:
        data = bytes(stream.read(most))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read: {error}", place="stdin", hint="ota-proxy explain - < console.log") from None
    for magic, name in _ARCHIVES.items():
        if data.startswith(magic):
            raise UsageError(
                f"this is {name}, not a log",
                place="stdin",
                hint="unpack it first, such as `zcat LOG.gz | ota-proxy explain -`",
            )
    return data


def _dumped(document: dict[str, Any]) -> str:
    return as_json(document, indent=2)


def _page(rule: Rule, paint: Paint) -> str:
    head = f"{paint.bold(rule.id)} {rule.name} ({paint.tint(rule.severity, rule.severity)})"
    foot = [paint.bold("To confirm it"), f"  {confirmation(rule, COMMANDS)}"]
    return "\n".join([head, looked_for(rule), "", as_text(page(rule.id), paint), "", *foot])


def looked_for(rule: Rule) -> str:
    """Say which commands look for a rule, and which do not yet: `looked for by check; not yet by lint`."""
    now = checked_by(rule, COMMANDS)
    later = [command for command in planned(rule) if command not in now]
    words = f"looked for by {', '.join(now)}" if now else "not looked for by any command yet"
    return words + (f"; not yet by {', '.join(later)}" if now and later else "")
