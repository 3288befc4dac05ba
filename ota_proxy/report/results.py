"""The findings of a report for machines: harmless texts, places relative to the project, the worst first. Every format shows these.

A finding that a person suppressed is among them, with the reason; it comes last. Places are paths and URIs with fingerprints that survive an
edit; a rule's page is below the address that the project's metadata names (`[project.urls]`), if it names one.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from itertools import groupby, zip_longest
from pathlib import Path
from urllib.parse import quote, urlsplit

from ota_proxy.printable import as_bytes, printable
from ota_proxy.report.report import SEVERITIES, Report, TargetReport
from ota_proxy.rules.catalogue import file_name
from ota_proxy.rules.rule import STAGES, Outcome, Rule, Severity
from ota_proxy.rules.support.evidence import safe


@dataclass(frozen=True, slots=True)
class Result:
    """One finding. `path` is relative to the project, empty for a file outside and if there is none; Lines and columns are 0 if unknown."""

    rule: Rule
    severity: Severity
    target: str
    subject: str
    message: str
    evidence: str
    remedy: str
    sees: str
    file: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    """The column behind its last character."""
    fingerprint: str
    suppressed: str
    in_source: bool

    @property
    def place(self) -> str:
        """The file with its line, else the subject."""
        return f"{self.path or self.file}:{self.line or '?'}" if self.file else self.subject

    @property
    def title(self) -> str:
        """The rule's id and name."""
        return f"{self.rule.id} {self.rule.name}"


def results(report: Report, root: Path) -> list[Result]:
    """Return every failed outcome: what counts first, then errors before warnings before notes, then in the order of an install."""
    failed = [one for target in report.targets for one in target.outcomes if one.status == "failed"]
    made = [_result(*pair, root) for pair in zip(failed, fingerprints(failed, root), strict=True)]
    return sorted(made, key=_rank)


def _rank(one: Result) -> tuple[bool, int, int, str]:
    return bool(one.suppressed), SEVERITIES.index(one.severity), STAGES.index(one.rule.stage), one.rule.id


def _result(outcome: Outcome, fingerprint: str, root: Path) -> Result:
    return Result(
        rule=outcome.rule,
        severity=outcome.severity,
        target=safe(outcome.target),
        subject=safe(outcome.subject),
        message=safe(outcome.message),
        evidence=safe(outcome.evidence),
        remedy=safe(outcome.remedy),
        sees=safe(outcome.sees),
        file=printable(outcome.file),
        path=printable(relative(outcome.file, root)),
        line=max(0, outcome.line),
        column=max(0, outcome.span.column),
        end_line=max(0, outcome.span.end_line),
        end_column=max(0, outcome.span.end_column),
        fingerprint=fingerprint,
        suppressed=safe(outcome.suppressed),
        in_source=outcome.in_source,
    )


def spread(found: list[Result]) -> list[Result]:
    """Return results of one severity so that every rule's first comes before any rule's second: a short list then names them all."""
    by_rule = [list(group) for _, group in groupby(sorted(found, key=lambda one: one.rule.id), lambda one: one.rule.id)]
    by_rule.sort(key=lambda group: _rank(group[0]))
    return [one for row in zip_longest(*by_rule) for one in row if one is not None]


def unjudged(report: Report) -> Iterator[tuple[TargetReport, str]]:
    """Yield every target that has no verdict at all, with the reason."""
    for target in report.targets:
        if not target.judged:
            yield target, safe(target.why) or "nothing could be checked"


def told(one: Result) -> str:
    """Return a result as lines for people: message, place, evidence, what the phone shows, remedy, and why it is suppressed."""
    at = "" if one.subject == one.file or one.subject in one.message + one.evidence else f"at {one.subject}"
    parts = (
        one.message,
        one.place if one.file else "",
        at,
        one.evidence,
        f"on the phone: {one.sees}" if one.sees else "",
        f"remedy: {one.remedy}" if one.remedy else "",
        f"suppressed: {one.suppressed}" if one.suppressed else "",
    )
    return "\n".join(part for part in parts if part)


_ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Where the two services say that the checkout is (their documentation of predefined variables)."""
_TEMPORARY = re.compile(r"(?:/[^/\s]+)*/ota-proxy-[^/\s]+(?=/)")
"""The folder of a run's own; another run has another."""
_COMMENT = re.compile(r"<!--.*?(?:-->|$)")
_PLACE = re.compile(r"(?::\d+){1,2}$")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def project_root(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Path:
    """Return what paths of machine reports are relative to: the service's checkout, the repository around us, or the folder we are in."""
    here = (folder or Path.cwd()).resolve()
    variables = os.environ if environ is None else environ
    for name in _ROOTS:
        given = Path(variables.get(name) or "/").resolve()
        if given != Path("/") and here.is_relative_to(given):
            return given
    return next((place for place in (here, *here.parents) if (place / ".git").exists()), here)


def relative(file: str, root: Path, folder: Path | None = None) -> str:
    """Return a file's path relative to the project with `/`, or an empty string for one outside, such as a container's."""
    if not file:
        return ""
    path = Path(os.path.normpath((folder or Path.cwd()) / file))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else ""


def uri(path: str) -> str:
    """Return a path as a URI reference (RFC 3986): quoted, `file://` before an absolute one."""
    quoted = quote(as_bytes(path), safe="/-._~!$&'()*+,;=@")
    return f"file://{quoted}" if path.startswith("/") else quoted


def fingerprints(outcomes: Iterable[Outcome], root: Path) -> list[str]:
    """Return one for each outcome that failed, else an empty text: of rule, file and subject (the directive), not of line or message.

    The second of a kind ends with `:2`, and so on.
    """
    seen: Counter[str] = Counter()
    found = []
    for outcome in outcomes:
        if outcome.status != "failed":
            found.append("")
            continue
        parts = (outcome.rule.id, _file(outcome.file, root), _what(outcome))
        digest = hashlib.sha256(as_bytes("\0".join(parts))).hexdigest()[:32]
        seen[digest] += 1
        found.append(f"{digest}:{seen[digest]}")
    return found


def _file(file: str, root: Path) -> str:
    return relative(file, root) or _TEMPORARY.sub("", file)


def _what(outcome: Outcome) -> str:
    """Return what in a file it is: the subject, or where that is the file itself the words that the evidence shows of it.

    Comments are none of them: one that ignores the finding must not make another of it.
    """
    if outcome.file and _PLACE.sub("", outcome.subject) == outcome.file:
        return " ".join(_COMMENT.sub("", outcome.evidence).split())
    return _subject(outcome.subject)


def _subject(subject: str) -> str:
    """Return a subject without what changes from run to run: query, fragment, the usual port, a line, the folder of a run."""
    try:
        parts = urlsplit(subject)
        port = parts.port
    except ValueError:
        return " ".join(subject.split())
    if parts.scheme and parts.hostname:
        other = "" if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{port}"
        return f"{parts.scheme}://{parts.hostname}{other}{parts.path}"
    return " ".join(_PLACE.sub("", _TEMPORARY.sub("", subject)).split())


LABEL = "Rules"
"""The entry of `[project.urls]` that has the folder with the pages."""


def page_uri(rule_id: str) -> str:
    """Return the address of a rule's page, empty if none is published: a path of this machine would help nobody else."""
    base = published()
    return f"{base}{file_name(rule_id)}" if base else ""


@cache
def published() -> str:
    """Return the address of the folder with the rule pages, with `/` at its end; empty if the metadata has none."""
    try:
        entries = metadata("ota-proxy").get_all("Project-URL") or []
    except PackageNotFoundError:  # run from a checkout that is not installed
        return ""
    found = (address.strip() for label, _, address in (entry.partition(",") for entry in entries) if label == LABEL)
    return next((f"{address.rstrip('/')}/" for address in found if address), "")
