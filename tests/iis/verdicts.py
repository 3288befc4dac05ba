"""What `ota-proxy lint` says of a configuration's validity, and how that differs from what a case expects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RULES = frozenset({"OTA615", "OTA619", "OTA620", "OTA621", "OTA622"})
"""The rules of what IIS refuses; the others judge what it accepts."""
Wrong = list[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcomes of those rules, or why there are none."""

    code: int
    said: str
    """What went to stderr."""
    outcomes: tuple[Mapping[str, Any], ...]
    columns: Mapping[str, int]
    """Start columns by rule, from the SARIF form."""

    def of(self, status: str) -> list[Mapping[str, Any]]:
        """Return the outcomes of a status; advice about servers that differ is no finding."""
        return [one for one in self.outcomes if one["status"] == status and not _advice(one)]


def _advice(outcome: Mapping[str, Any]) -> bool:
    return bool(outcome["status"] == "failed" and outcome["severity"] != "error")


def verdict(code: int, report: str, said: str, columns: Mapping[str, int]) -> Verdict:
    """Read a JSON report; an empty one where the command refused its flags."""
    outcomes = json.loads(report)["outcomes"] if report else ()
    return Verdict(code, said, tuple(one for one in outcomes if one["rule"] in RULES), columns)


def columns_of(sarif: str) -> dict[str, int]:
    """Return the start column of each rule's first result."""
    found: dict[str, int] = {}
    for result in json.loads(sarif)["runs"][0]["results"]:
        for location in result.get("locations", ()):
            region = location.get("physicalLocation", {}).get("region", {})
            if "startColumn" in region:
                found.setdefault(result["ruleId"], region["startColumn"])
    return found


def wrong(expected: Mapping[str, Any], seen: Verdict, judged: str) -> Wrong:
    """Return everything in which a verdict differs from a case's expectations."""
    if "usage" in expected:
        return _usage(str(expected["usage"]), seen)
    if "valid" in expected:
        return _fine(bool(expected["valid"]), seen)
    if "no_verdict" in expected:
        return _open(str(expected["no_verdict"]), seen)
    return _refused(expected, seen, judged)


def _usage(word: str, seen: Verdict) -> Wrong:
    return [] if seen.code == 2 and word in seen.said else [f"exit {seen.code}: {seen.said!r}, nothing of {word}"]


def _brief(outcomes: list[Mapping[str, Any]]) -> str:
    return (
        "; ".join(f"{one['rule']} {one['status']}: {one['message']} ({one['location']})" for one in outcomes)
        or "nothing"
    )


def _fine(want: bool, seen: Verdict) -> Wrong:
    fine = bool(seen.outcomes) and not seen.of("failed") and not seen.of("no-verdict")
    return [] if fine == want else [f"valid is {fine}: {_brief(seen.of('failed') + seen.of('no-verdict'))}"]


def _open(section: str, seen: Verdict) -> Wrong:
    """No verdict on a section, and no finding."""
    named = [one for one in seen.of("no-verdict") if section in one["message"]]
    return (
        [] if named and not seen.of("failed") else [f"no verdict on {section} expected: {_brief(list(seen.outcomes))}"]
    )


def _refused(expected: Mapping[str, Any], seen: Verdict, judged: str) -> Wrong:
    """One finding, at its place, in IIS's words."""
    findings = seen.of("failed")
    if len(findings) != 1:
        return [f"{len(findings)} findings, not one: {_brief(list(seen.outcomes))}"]
    one = findings[0]
    words = expected.get("words", ())
    found = [
        f"no {word!r} in it" for word in ([words] if isinstance(words, str) else words) if word not in one["message"]
    ]
    if "hresult" in expected and expected["hresult"] not in one["message"].lower():
        found.append(f"not {expected['hresult']}")
    section = str(expected.get("section", "")).rpartition("/")[2]
    if section not in one["message"] + one["evidence"]:
        found.append(f"neither message nor evidence names {section}: {one['evidence']!r}")
    places = {"rule": one["rule"], "line": one["location"]["line"], "column": seen.columns.get(one["rule"])}
    found += [f"{key} {got}, not {expected[key]}" for key, got in places.items() if expected.get(key, got) != got]
    if not str(one["location"]["file"]).endswith(judged):
        found.append(f"in {one['location']['file']}, not {judged}")
    return [*found, _brief(findings)] if found else []
