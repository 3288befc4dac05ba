"""What `explain` answers to a complaint or a log, as text for people and as JSON; and the pages of rules for a terminal.

A page's Markdown becomes wrapped prose and indented code, without signs that only Markdown needs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any

from ota_proxy.printable import printable
from ota_proxy.report.paint import Paint, Tone
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.complaints.diagnosis import Answer, Guess
from ota_proxy.rules.complaints.index import phrases, title
from ota_proxy.rules.complaints.logs import Group, Line, Reading
from ota_proxy.rules.support.evidence import safe
from ota_proxy.rules.symptoms import confirmation

SCHEMA = "ota-proxy/explain/1"
_DETAILED = 5
"""So many causes are told at length, the others by name."""
_WIDTH = 80
_EXCERPT = 240
_HOST_COMMAND = "ota-proxy check https://HOST/"
_ELSE = "   (IIS; else "
_COMMENT = re.compile(r"\s{3}\(.*\)$")


def answer_text(answer: Answer, paint: Paint, commands: Collection[str]) -> str:
    """Return the answer to a complaint for people: causes, most likely first, how to recognise each, and what to ask next."""
    narrow = replace(paint, width=min(_WIDTH, paint.width))
    parts = ["\n".join(_head(answer, narrow))]
    detailed = answer.guesses[:_DETAILED]
    asks = [_ask(one.rule, [other.rule for other in detailed], commands) for one in detailed]
    numbered = enumerate(zip(detailed, asks, strict=True), 1)
    parts += ["\n".join(_cause(number, one, narrow, ask)) for number, (one, ask) in numbered]
    others = answer.guesses[_DETAILED:]
    if others:
        parts.append(
            "\n".join(narrow.wrap("Also possible: " + ", ".join(_named(one.rule) for one in others) + ".", "  ", ""))
        )
    parts.append("\n".join(_next(answer, narrow, commands)))
    return "\n\n".join(part for part in parts if part)


def _head(answer: Answer, paint: Paint) -> Iterator[str]:
    for said in answer.asides:
        yield from paint.wrap(f"Known: {said}.", "  ", "")
    if not answer.guesses:
        yield from paint.wrap("Nothing in the catalogue fits these words.", "  ", "") if not answer.asides else ()
        return
    if not answer.fits:
        yield from paint.wrap("Nothing fits these words well. The nearest causes, which may be wrong:", "  ", "")
        return
    for said in dict.fromkeys(said for one in answer.guesses for said in one.because):
        yield from paint.wrap(f"{said[:1].upper()}{said[1:]}.", "  ", "")
    for symptom in answer.symptoms[:2]:
        yield paint.bold(symptom.title)
        yield from paint.wrap(f"{symptom.reason[:1].upper()}{symptom.reason[1:]}.", "  ")
    yield "Most likely first:"


def _cause(number: int, guess: Guess, paint: Paint, command: str) -> Iterator[str]:
    rule = catalogue()[guess.rule]
    first, *rest = paint.wrap(f"{rule.id} {rule.name}: {title(rule.id)}", "      ", f"{number:>3}.  ")
    yield from (first.replace(rule.id, paint.bold(rule.id), 1), *rest)
    yield from paint.wrap(look(rule.id), "      ", "      tell it by: ")
    yield f"      {paint.tint(command, 'note')}"


def _ask(rule_id: str, among: Iterable[str], commands: Collection[str]) -> str:
    """Return the command that would confirm a rule: where nothing speaks of IIS, the one for the other servers."""
    command = confirmation(catalogue()[rule_id], commands)
    _, found, otherwise = command.partition(_ELSE)
    iis = any(catalogue()[one].name.startswith("iis-") for one in among)
    return otherwise.removesuffix(")") if found and not iis else command


def look(rule_id: str) -> str:
    """Return how to recognise a rule's cause and tell it from its neighbours."""
    said: str = phrases().get(rule_id, {}).get("look") or catalogue()[rule_id].what
    return said


def _named(rule_id: str) -> str:
    return f"{rule_id} {catalogue()[rule_id].name}"


def _next(answer: Answer, paint: Paint, commands: Collection[str]) -> Iterator[str]:
    """Yield the next command to run: the one that most of the causes have in common, and the page of the first."""
    shown = [one.rule for one in answer.guesses[:_DETAILED]]
    asked = [_COMMENT.sub("", _ask(rule, shown, commands)) for rule in shown]
    common = max(dict.fromkeys(asked), key=asked.count, default="")
    if asked.count(common) > 1 and common.startswith("ota-proxy check "):
        yield from paint.wrap(f"`{common}` tells these apart: it installs as a phone does.", "  ", "")
    elif asked.count(common) > 1 and common.startswith("ota-proxy lint "):
        yield from paint.wrap(f"`{common}` tells these apart: it reads the file as IIS does.", "  ", "")
    else:
        yield from paint.wrap(f"`{_HOST_COMMAND}` installs as a phone does and names the cause.", "  ", "")
    if not answer.fits:
        yield from paint.wrap(
            "More helpful: the alert on the phone, an error code, a line of the log (`ota-proxy explain - < error.log`). `ota-proxy rules` lists every rule.",
            "  ",
            "",
        )
    if shown:
        yield from paint.wrap(
            f"`ota-proxy explain {shown[0]}` says more about a rule, with the lines to change.", "  ", ""
        )


def reading_text(reading: Reading, paint: Paint, commands: Collection[str]) -> str:
    """Return what a log says for people: rules, most likely first, each with its lines."""
    wide = replace(paint, width=max(paint.width, _WIDTH))
    parts = [_counted(reading)]
    among = [one.rules[0] for one in reading.groups]
    asks = [_ask(rule, among, commands) for rule in among]
    numbered = enumerate(zip(reading.groups, asks, strict=True), 1)
    parts += ["\n".join(_found(number, one, wide, ask)) for number, (one, ask) in numbered]
    parts += ["\n".join(_aside(one, wide)) for one in reading.asides]
    if reading.groups:
        parts.append(
            f"`ota-proxy explain {reading.groups[0].rules[0]}` says more about a rule, with the lines to change."
        )
    else:
        parts.append(
            f"`{_HOST_COMMAND}` installs as a phone does. An error log at its default level is enough; a device's console needs the lines of the"
            " moment of the install (macOS: Console, or `idevicesyslog`)."
        )
    return "\n\n".join(parts)


def _counted(reading: Reading) -> str:
    many = f"{reading.lines} line{'' if reading.lines == 1 else 's'}"
    read = (
        many
        if reading.whole
        else f"The first {many} (the rest was not read; give the end of a long log: `tail -n 100000 LOG | ota-proxy explain -`)"
    )
    if not reading.groups and not reading.asides:
        return f"{read}: none of them is in the catalogue."
    return f"{read}. Most likely first:" if reading.groups else f"{read}."


def _found(number: int, group: Group, paint: Paint, command: str) -> Iterator[str]:
    rule = catalogue()[group.rules[0]]
    first, *rest = paint.wrap(f"{rule.id} {rule.name}: {title(rule.id)}", "      ", f"{number:>3}.  ")
    yield from (first.replace(rule.id, paint.bold(rule.id), 1), *rest)
    for said in group.says[:3]:
        yield from paint.wrap(f"{said}", "      ", "      ")
    yield from _lines(group, paint)
    if group.rules[1:]:
        yield from paint.wrap("or " + ", ".join(map(_named, group.rules[1:5])), "      ", "      ")
    yield f"      {paint.tint(command, 'note')}"


def _aside(group: Group, paint: Paint) -> Iterator[str]:
    yield from paint.wrap(f"Known, but there is no rule for it: {group.says[0]}", "      ", "   -  ")
    yield from _lines(group, paint)


def _lines(group: Group, paint: Paint) -> Iterator[str]:
    yield from (f"      {paint.tint(f'line {line.number}:', 'none')} {excerpt(line)}" for line in group.lines)
    if group.count > len(group.lines):
        yield f"      … {group.count} lines"


def excerpt(line: Line) -> str:
    """Return a line as it may be shown: printable, without secrets, not too long."""
    text = safe(line.text[: 20 * _EXCERPT].replace("\t", " ").strip())
    return text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1]}…"


def answer_document(asked: str, answer: Answer, commands: Collection[str]) -> dict[str, Any]:
    """Return the answer to a complaint as JSON."""
    rows = [_row(one.rule, commands) | {"because": list(one.because), "lines": []} for one in answer.guesses]
    return _document(asked, "words", rows, asides=answer.asides, fits=answer.fits)


def reading_document(reading: Reading, commands: Collection[str]) -> dict[str, Any]:
    """Return what a log says as JSON; `or` are the rules that the same lines can mean."""
    rows = [
        _row(one.rules[0], commands)
        | {"because": one.says, "lines": [{"line": line.number, "text": excerpt(line)} for line in one.lines]}
        | {"count": one.count, "or": list(one.rules[1:])}
        for one in reading.groups
    ]
    asides = [said for one in reading.asides for said in one.says]
    document = _document("-", "log", rows, asides=asides, fits=bool(reading.groups))
    return document | {"lines_read": reading.lines, "whole": reading.whole}


def page_document(asked: str, rule_id: str, body: str, commands: Collection[str]) -> dict[str, Any]:
    """Return a rule's page as JSON."""
    return _document(asked, "rule", [_row(rule_id, commands) | {"page": body}], asides=(), fits=True)


def _document(
    asked: str, kind: str, rows: list[dict[str, Any]], *, asides: Iterable[str], fits: bool
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "asked": printable(asked),
        "kind": kind,
        "fits": fits,
        "asides": list(asides),
        "rules": rows,
    }


def _row(rule_id: str, commands: Collection[str]) -> dict[str, Any]:
    rule = catalogue()[rule_id]
    return {
        "id": rule.id,
        "name": rule.name,
        "severity": rule.severity,
        "title": title(rule.id),
        "look": look(rule.id),
        "confirm": confirmation(rule, commands),
    }


_WIDEST = 80
_INDENT = "  "
_TONES: dict[str, Tone] = {"right": "good", "wrong": "error", "refused": "error"}
_NAMES = {"apache": "Apache", "html": "HTML", "js": "JavaScript", "powershell": "PowerShell"}
_WORDS = {
    "http": "at http level",
    "main": "at main level",
    "server": "at server level",
    "plist": "",
    "iis": "",
    "manifest": "",
}
_OWNERS = {"iis": "IIS", "manifest": "manifest", "plist": "property list"}
"""Whose XML a block is."""
_SPAN = re.compile(r"`([^`]+)`")


def as_text(body: str, paint: Paint) -> str:
    """Return a page's Markdown as text of at most 80 columns; code keeps its own lines."""
    narrow = replace(paint, width=min(_WIDEST, paint.width))
    lines = list(_page_lines(body, narrow))
    return "\n".join(line for line, before in zip(lines, ["", *lines], strict=False) if line or before).rstrip()


def _page_lines(body: str, paint: Paint) -> Iterator[str]:
    rows = iter(body.strip().splitlines())
    prose: list[str] = []
    for row in rows:
        if prose and (not row.strip() or row.startswith(("#", "- ", "```"))):
            yield from _prose(prose, paint)
            prose = []
        if row.startswith("```"):
            yield from _code(row[3:], rows, paint)
        elif row.startswith("#"):
            yield paint.bold(row.lstrip("# "))
        elif not row.strip():
            yield ""
        else:
            prose.append(row.strip())
    yield from _prose(prose, paint)


def _prose(rows: list[str], paint: Paint) -> list[str]:
    """Wrap first, then paint: what is painted has no width."""
    if not rows:
        return []
    text = " ".join(rows)
    item = text.startswith("- ")
    wrapped = paint.wrap(text, _INDENT * (2 if item else 1), _INDENT)
    if not paint.colour:
        return wrapped
    return _SPAN.sub(lambda span: paint.tint(span[1], "note"), "\n".join(wrapped)).splitlines()


def _code(info: str, rows: Iterator[str], paint: Paint) -> Iterator[str]:
    """Label and lines of a fenced block, up to its end."""
    language, *rest = info.split()
    label = _label(language, rest)
    yield ""
    yield _INDENT + paint.tint(label, next((_TONES[word] for word in rest if word in _TONES), "none"))
    for row in rows:
        if row.startswith("```"):
            break
        yield (_INDENT * 2 + row).rstrip()
    yield ""


def _label(language: str, rest: list[str]) -> str:
    """Say what a block is in the words of people: `nginx, right, from 1.25.1 on`."""
    owner = next((_OWNERS[word] for word in rest if word in _OWNERS), _NAMES.get(language, language))
    words = [f"from {word[6:]} on" if word.startswith("since=") else _WORDS.get(word, word) for word in rest]
    return ", ".join([owner, *filter(None, words)])
