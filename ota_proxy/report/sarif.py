"""The report as SARIF 2.1.0 (OASIS, errata 01), for code scanning and editors: every rule, every finding, and what nobody could judge.

Files inside the project are relative to `%SRCROOT%`. What was found at a URL has a logical location with the URL, and for a file the URL without
its scheme: GitHub's code scanning refuses a whole log in which one result has no file, or one with https (observed behaviour).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from ota_proxy import __version__
from ota_proxy.printable import as_json
from ota_proxy.report import view
from ota_proxy.report.report import Report
from ota_proxy.report.results import Result, page_uri, results, told, unjudged, uri
from ota_proxy.rules.catalogue import catalogue, page
from ota_proxy.rules.rule import Outcome, Rule
from ota_proxy.rules.support.evidence import safe

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT: Final = "otaProxy/v1"
"""Name of our partial fingerprint; another way to make it needs another name."""
_BASE: Final = "%SRCROOT%"

_Values = dict[str, Any]


def render(report: Report, root: Path) -> str:
    """Return the report as indented JSON with a newline at the end; paths are relative to `root`."""
    return as_json(document(report, root), indent=2) + "\n"


def document(report: Report, root: Path) -> _Values:
    """Return the report as plain values: one run, however many targets."""
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_BASE: {"uri": uri(root.as_posix().rstrip("/") + "/")}},
        "invocations": [_invocation(report)],
        "results": [_result(one) for one in results(report, root)],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


# -- rules ------------------------------------------------------------------------------------------------------------


def _driver() -> _Values:
    """Name the tool with all its rules, also those that found nothing: only then does an alert that is gone count as solved."""
    rules = [_rule(rule) for rule in catalogue().values()]
    return {"name": "ota-proxy", "version": __version__, "semanticVersion": __version__, "rules": rules}


def _rule(rule: Rule) -> _Values:
    body = page(rule.id)
    title = body.partition("\n")[0].removeprefix("# ").replace("`", "")
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": title},
        "fullDescription": {"text": rule.what},
        "help": {"text": body, "markdown": body},
        **({"helpUri": address} if (address := page_uri(rule.id)) else {}),
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"tags": [rule.stage]},
    }


@cache
def _indices() -> dict[str, int]:
    return {id_: index for index, id_ in enumerate(catalogue())}


def _reference(rule: Rule) -> _Values:
    return {"id": rule.id, "index": _indices()[rule.id]}


# -- results ----------------------------------------------------------------------------------------------------------


def _result(one: Result) -> _Values:
    return {
        "ruleId": one.rule.id,
        "ruleIndex": _indices()[one.rule.id],
        "level": one.severity,
        "message": {"text": told(one)},
        "locations": [_location(one)],
        "partialFingerprints": {FINGERPRINT: one.fingerprint},
        "suppressions": _suppressions(one),
        "properties": {"target": one.target, "subject": one.subject, "stage": one.rule.stage},
    }


def _suppressions(one: Result) -> list[_Values]:
    if not one.suppressed:
        return []
    kind = "inSource" if one.in_source else "external"
    return [{"kind": kind, "status": "accepted", "justification": one.suppressed}]


def _location(one: Result) -> _Values:
    name = one.subject or one.target or one.file
    kind = {"kind": "resource"} if "://" in name else {}
    physical = _file(one) if one.file else _stand_in(name)
    return {
        "physicalLocation": {"artifactLocation": physical, "region": _region(one)},
        "logicalLocations": [{"fullyQualifiedName": name, **kind}],
    }


def _region(one: Result) -> dict[str, int]:
    """Return the lines and columns as far as they are known; the end column is that behind the last character (SARIF §3.30.8)."""
    if not (one.line and one.column):
        return {"startLine": one.line or 1}
    region = {"startLine": one.line, "startColumn": one.column}
    return region | ({"endLine": one.end_line, "endColumn": one.end_column} if one.end_line else {})


def _file(one: Result) -> _Values:
    """Name a file; one outside the project by its whole path on the server it was found on."""
    return {"uri": uri(one.path), "uriBaseId": _BASE} if one.path else {"uri": uri(one.file)}


def _stand_in(name: str) -> _Values:
    """Name something that is not a file: `ota.example.com/app.ipa` for a URL, without what may be secret in it."""
    bare = name.partition("://")[2].partition("?")[0].partition("#")[0].strip("/") or name or "unknown"
    return {"uri": uri(bare), "description": {"text": f"no file of this project: {name}"}}


# -- what nobody could judge ------------------------------------------------------------------------------------------


def _invocation(report: Report) -> _Values:
    """Say whether everything could be judged: a rule without a verdict is a note, a target without one makes the run unsuccessful.

    What a result about IIS may claim is a note too.
    """
    lost = list(unjudged(report))
    rules = [one for target in report.targets for one in target.outcomes if one.status == "no-verdict"]
    levels = [f"{safe(one.target)}: {view.level(one)}" for one in report.targets if one.level]
    told_of = [
        *(_notification("note", text, "level-of-proof") for text in levels),
        *(_notification("error", f"no verdict on {safe(target.target)}: {reason}") for target, reason in lost),
        *map(_unseen, rules),
    ]
    return {"executionSuccessful": not lost, "toolExecutionNotifications": told_of}


def _unseen(outcome: Outcome) -> _Values:
    text = f"no verdict on {outcome.rule.id} for {safe(outcome.target)}: {safe(outcome.message)}"
    return {**_notification("note", text), "associatedRule": _reference(outcome.rule)}


def _notification(level: str, text: str, name: str = "no-verdict") -> _Values:
    return {"descriptor": {"id": name}, "level": level, "message": {"text": text}}
