"""What an install came to, made for assertions: short where pytest prints a value, the whole story where a test fails."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from ota_proxy.errors import UsageError
from ota_proxy.facts.install import Exchange
from ota_proxy.report import html, json, text, view
from ota_proxy.report.paint import Paint
from ota_proxy.report.report import Report, TargetReport
from ota_proxy.rules.catalogue import remedies, rule_id, unknown_rule
from ota_proxy.rules.rule import Outcome, Severity, Stage, Status
from ota_proxy.servers.text import Span
from ota_proxy.testing.lines import lines_of

_LONGEST = 150
"""Characters of a value in an assertion; pytest cuts 240 in the middle."""
_BEST: tuple[Status, ...] = ("failed", "no-verdict", "passed", "not-applicable")


class Verdict:
    """Yes or no, with the reason where pytest prints it. True exactly when a device installs; compare it as a bool."""

    def __init__(self, *, yes: bool, reason: str) -> None:
        self._yes, self._reason = yes, reason

    def __bool__(self) -> bool:
        return self._yes

    def __eq__(self, other: object) -> bool:
        return bool(other) is self._yes if isinstance(other, (bool, Verdict)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._yes)

    def __repr__(self) -> str:
        return f"{'yes' if self._yes else 'no'}: {self._reason}"


@dataclass(frozen=True, slots=True, repr=False)
class Finding:
    """One thing that is wrong: the rule, where, what a person with the phone reads (`sees`), and what to do (`remedy`)."""

    rule: str
    """`OTA406`"""
    name: str
    """`package-no-range`"""
    severity: Severity
    stage: Stage
    message: str
    subject: str
    """The URL, file or host it is about."""
    evidence: str
    remedy: str
    sees: str
    file: str
    line: int
    suppressed: str = ""
    """The reason somebody gave for suppressing it; empty for one that counts."""

    def __repr__(self) -> str:
        return f"<{self.rule} {self.name}, {self.severity}: {_short(self.message)}>"


@dataclass(frozen=True, slots=True, repr=False)
class InstallReport:
    """A report on one URL. It is true exactly when it is `installable`."""

    target: TargetReport = field(compare=True)
    """The same as the commands have it."""

    @property
    def url(self) -> str:
        """What was asked for."""
        return self.target.target

    @property
    def installable(self) -> Verdict:
        """Whether an iPhone installs it: at least one rule could judge, and none found an error. Warnings and notes do not count."""
        if not self.target.judged:
            return Verdict(yes=False, reason=f"no verdict, {_short(self.target.why) or 'nothing was checked'}")
        first = _first(self.target)
        if first is None:
            return Verdict(yes=True, reason=view.counts(Report((self.target,))))
        return Verdict(yes=False, reason=f"{first.rule.id} {first.rule.name} at '{first.rule.stage}', {_phone(first)}")

    @property
    def stage(self) -> Stage | None:
        """Where an install stops first: tap, connect, manifest, prompt, package, install, open or server; None if nowhere."""
        first = _first(self.target)
        return first.rule.stage if first else None

    @property
    def sees(self) -> str:
        """The alert text on the phone; empty if there is none."""
        first = view.phone(self.target)
        return first.sees if first else ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that is wrong, the worst first; what the project's settings suppress is in `suppressed` instead."""
        return tuple(_finding(one) for group in view.groups(self.target) for one in group)

    @property
    def suppressed(self) -> tuple[Finding, ...]:
        """What is wrong and was suppressed, each with its reason."""
        return tuple(map(_finding, self.target.suppressed))

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What keeps a device from installing."""
        return self._of("error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What will, one day or for some."""
        return self._of("warning")

    @property
    def rules(self) -> frozenset[str]:
        """The ids of the rules with a finding: `assert "OTA406" not in report.rules`."""
        return frozenset(one.rule.id for one in self.target.findings)

    def status(self, rule: str) -> Status:
        """Return passed, failed, not-applicable or no-verdict for a rule's id or name; no-verdict for one that was not looked at.

        What is suppressed has failed all the same.
        """
        wanted = _rule(rule)
        found = {one.status for one in self.target.outcomes if one.rule.id == wanted}
        return next((status for status in _BEST if status in found), "no-verdict")

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every request with its answer, in their order: `[one.response.header("etag") for one in report.exchanges if …]`."""
        facts = [one for one in (self.target.facts, *self.target.further) if one and one.install]
        return tuple(exchange for one in facts if one.install for exchange in one.install.exchanges())

    @property
    def log(self) -> str:
        """The server's log; empty for a server that is not ours."""
        return self.target.log

    def text(self, width: int = 100, *, ascii_only: bool = False) -> str:
        """Return the report for people: stages, the alert on the phone, findings with evidence and remedy, log."""
        shown = dataclasses.replace(self.target, outcomes=tuple(map(self._placed, self.target.outcomes)))
        return text.render(Report((shown,)), paint=Paint(width=width, ascii_only=ascii_only))

    def brief(self, width: int = 100, *, ascii_only: bool = False) -> str:
        """Return the report without what did not make it fail: warnings, notes and rules without a verdict are only counted."""
        if not self.errors:
            return self.text(width, ascii_only=ascii_only)
        kept = [one for one in self.target.outcomes if one.status != "no-verdict" and not _lesser(one)]
        shown = dataclasses.replace(self, target=dataclasses.replace(self.target, outcomes=tuple(kept)))
        counts = [f"  {view.counts(Report((one.target,)))}\n" for one in (shown, self)]
        lesser = ", ".join(dict.fromkeys(one.rule.id for one in self.target.outcomes if _lesser(one)))
        more = f"  Beside it {lesser}: print(report) shows all.\n" if lesser else ""
        return shown.text(width, ascii_only=ascii_only).replace(counts[0], more + counts[1])

    def json(self) -> str:
        """Return the report as JSON of the schema ota-proxy/report/1."""
        return json.render(Report((self.target,)))

    def html(self) -> str:
        """Return the report as one HTML page."""
        return html.render(Report((self.target,)))

    def __bool__(self) -> bool:
        return bool(self.installable)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        about = view.about(self.target)
        first = _first(self.target)
        verdict = "installable" if self else f"not installable, {first.rule.id}" if first else "no verdict"
        return f"<report on {_short(self.url)}{f', {about}' if about else ''}: {verdict}>"

    def _of(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.severity == severity)

    def _placed(self, outcome: Outcome) -> Outcome:
        """Point a finding without a place to the line its remedy speaks of, where the configuration is known."""
        if (
            outcome.status != "failed"
            or outcome.file
            or not remedies().get(outcome.rule.id, {}).get(self.target.server)
        ):
            return outcome
        found = lines_of(outcome, self.target.config)
        return dataclasses.replace(outcome, span=Span(*found)) if found else outcome


def _lesser(one: Outcome) -> bool:
    return one.status == "failed" and one.severity != "error" and not one.suppressed


def _first(target: TargetReport) -> Outcome | None:
    """Return the first error on the way of an install; one of the server's stage if there is no other."""
    errors = [one for one in target.findings if one.severity == "error"]
    return view.phone(target) or (errors[0] if errors else None)


def _phone(first: Outcome) -> str:
    return f"the phone shows '{_short(first.sees, 100)}'" if first.sees else _short(first.message)


def _finding(one: Outcome) -> Finding:
    return Finding(
        rule=one.rule.id,
        name=one.rule.name,
        severity=one.severity,
        stage=one.rule.stage,
        message=one.message,
        subject=one.subject,
        evidence=one.evidence,
        remedy=one.remedy,
        sees=one.sees,
        file=one.file,
        line=one.line,
        suppressed=one.suppressed,
    )


def _short(words: str, longest: int = _LONGEST) -> str:
    line = " ".join(words.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def _rule(word: str) -> str:
    found = rule_id(word)
    if found is None:
        text, hint = unknown_rule(word)
        raise UsageError(text, hint=hint)
    return found
