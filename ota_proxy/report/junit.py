"""The report as JUnit XML, in the form that Jenkins, GitLab and GitHub's readers share: a suite a target, a case a rule.

A case fails where the exit code does: at `fail_on` and above. A finding below is told in a case that passed. Not applicable, no verdict and
suppressed are skipped, with the reason. A target without any verdict is an error: it must not look green.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from ota_proxy.printable import markup
from ota_proxy.report import view
from ota_proxy.report.report import FailOn, Report, TargetReport, counted_severities
from ota_proxy.report.results import Result, results, told
from ota_proxy.rules.rule import Outcome, Severity
from ota_proxy.rules.support.evidence import safe

_SKIPPED: Final = {"not-applicable": "not applicable", "no-verdict": "no verdict"}


def render(report: Report, root: Path, fail_on: FailOn = "error") -> str:
    """Return the report as an XML document with a newline at the end; paths are relative to `root`."""
    failing = counted_severities(fail_on)
    top = ET.Element("testsuites", name="ota-proxy")
    for target in report.targets:
        top.append(_suite(target, root, failing))
    _count(top, [case for suite in top for case in suite.iter("testcase")])
    ET.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + markup(ET.tostring(top, encoding="unicode")) + "\n"


def _suite(target: TargetReport, root: Path, failing: Iterable[Severity]) -> ET.Element:
    name = safe(" ".join(part for part in (target.target, target.server, target.version) if part))
    suite = ET.Element("testsuite", name=name)
    if target.level:
        ET.SubElement(ET.SubElement(suite, "properties"), "property", name="level", value=view.level(target))
    found = results(Report((target,)), root)
    rules = list(dict.fromkeys(outcome.rule.id for outcome in target.outcomes))
    for rule in rules:
        outcomes = [one for one in target.outcomes if one.rule.id == rule]
        suite.append(_case(name, outcomes[0], [one for one in found if one.rule.id == rule], failing))
    if not target.judged:
        case = ET.SubElement(suite, "testcase", classname=name, name="verdict", time="0")
        reason = safe(target.why) or "nothing could be checked"
        ET.SubElement(case, "error", message=f"no verdict: {reason}", type="no-verdict")
    _count(suite, suite.findall("testcase"))
    return suite


def _count(element: ET.Element, cases: list[ET.Element]) -> None:
    element.set("tests", str(len(cases)))
    for name, child in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(case.find(child) is not None for case in cases)))
    element.set("time", "0")


def _case(suite: str, outcome: Outcome, found: list[Result], failing: Iterable[Severity]) -> ET.Element:
    """Make the case of a rule: its outcome, or everything that it found."""
    case = ET.Element("testcase", classname=suite, name=f"{outcome.rule.id} {outcome.rule.name}", time="0")
    counted = [one for one in found if one.severity in failing and not one.suppressed]
    rest = [one for one in found if one not in counted]
    if outcome.status in _SKIPPED:
        ET.SubElement(case, "skipped", message=f"{_SKIPPED[outcome.status]}: {safe(outcome.message)}")
    elif counted:
        more = f" (and {len(counted) - 1} more)" if len(counted) > 1 else ""
        first = counted[0]
        failure = ET.SubElement(case, "failure", message=f"{first.message}{more}", type=first.severity)
        failure.text = _blocks(counted)
    elif rest and all(one.suppressed for one in rest):
        ET.SubElement(case, "skipped", message=f"suppressed: {rest[0].suppressed}")
    if rest:
        ET.SubElement(case, "system-out").text = _blocks(rest)
    return case


def _blocks(found: list[Result]) -> str:
    return "\n\n".join(f"{one.severity}: {told(one)}" for one in found)
