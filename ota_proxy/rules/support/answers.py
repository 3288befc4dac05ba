"""The answers that a rule judges, whoever gave them: a server that a device walked, or a configuration that says what it would answer.

A check is written once over `Seen`. `each` brings it the answers of both worlds; what it finds points at a request, or at the line that decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ota_proxy.facts.exchange import Exchange
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict, Severity
from ota_proxy.rules.support.evidence import proof
from ota_proxy.servers.effective import Answer, Effective, Reason, Request

MANIFEST = (".plist",)
PACKAGE = (".ipa",)
ANY_NAME = "any"
"""Stands for a file whose name nobody knows."""


class Seen(Protocol):
    """One answer: values of a header by its name in lower case, and findings about it."""

    @property
    def comes(self) -> bool:
        """Whether there is an answer with the file's headers."""

    def values(self, name: str) -> tuple[str, ...]:
        """Return every value of a header."""

    def finding(self, message: str, *headers: str, severity: Severity | None = None, extra: str = "") -> Finding:
        """Return a finding about the answer, shown by these headers; a name with `?` at its end is left out where it is not there."""


@dataclass(frozen=True, slots=True)
class Live:
    """An answer that a server gave."""

    hop: Exchange

    @property
    def comes(self) -> bool:
        """Whether it answered."""
        return self.hop.response is not None

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values as they came."""
        return tuple(self.hop.response.headers_all(name)) if self.hop.response else ()

    def finding(self, message: str, *headers: str, severity: Severity | None = None, extra: str = "") -> Finding:
        """Return a finding at the URL, proved by request and answer."""
        evidence = "\n".join(filter(None, (proof(self.hop, *headers), extra)))
        return Finding(self.hop.url, message, evidence, severity=severity)


@dataclass(frozen=True, slots=True)
class Effect:
    """An answer that a configuration would give."""

    files: Effective
    answer: Answer

    @property
    def comes(self) -> bool:
        """Whether the file has a media type, without which some servers give nothing out."""
        return not any(one.cause == "media-type" for one in self.answer.refused)

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values that it would have."""
        return tuple(one.value for one in self.answer.header(name))

    def finding(self, message: str, *headers: str, severity: Severity | None = None, extra: str = "") -> Finding:
        """Return a finding at the line that sets the first of these headers, or switches it off; NoVerdict where such a line may stand in an unseen file."""
        del extra
        names = [one.removesuffix("?") for one in headers]
        known = (*self.answer.headers, *self.answer.silent)
        reasons = [one.reason for name in names for one in known if one.name == name]
        reason = next(iter(reasons), Reason("", absent=True))
        words = f"{message}: {reason.why}" if reason.why else message
        return at(self.files, reason, words, severity)


def at(files: Effective, reason: Reason, message: str = "", severity: Severity | None = None) -> Finding:
    """Return a finding at a line, in the reason's own words unless others are given; what stands nowhere is found where it would have to stand.

    NoVerdict for that where a file was not looked at that may have it.
    """
    if files.unseen and (reason.absent or not reason.span.line):
        raise NoVerdict(files.unseen)
    span = reason.span if reason.span.line else files.start
    shown = reason.text or files.text(reason.span)
    return Finding(span.file, message or reason.why, shown, severity=severity, span=span)


def configured(facts: Facts) -> Effective:
    """Return the configuration; NotApplicable where none was read."""
    if facts.files is None:
        raise NotApplicable("no configuration file was looked at")
    return facts.files


def understood(facts: Facts) -> Effective:
    """Return the configuration; NoVerdict where a file of it could not be understood, so that what it says is not known."""
    files = configured(facts)
    if files.unread:
        raise NoVerdict(files.unread)
    return files


Problem = Callable[[Effect], Finding | None]


def affected(files: Effective, extensions: tuple[str, ...], problem: Problem, **asked: Any) -> Iterator[Finding]:  # noqa: ANN401 - fields of the request
    """Yield what is wrong for OTA files of the tree, each line once.

    Without such a file nobody knows where builds will lie: then it is a finding only where it is true of every path that could host them.
    """
    names = [name for extension in extensions for name in files.files(extension)]
    seen: set[tuple[str, int, str]] = set()
    for name in names:
        finding = problem(Effect(files, files.ask(Request(name, **asked))))
        if finding is not None and _place(finding) not in seen:
            seen.add(_place(finding))
            yield finding
    if not names:
        problems = [problem(one) for one in _anywhere(files, extensions, asked)]
        if problems and all(problems):
            yield from problems[:1]  # type: ignore[misc]  # none of them is None


def every(files: Effective, extension: str, problems: Callable[[Effect], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield each of the things that are wrong for OTA files of the tree; without such a file, those that are wrong in every folder that could host one."""
    names = files.files(extension)
    if names:
        yield from (one for name in names for one in problems(Effect(files, files.ask(Request(name)))))
        return
    found = [list(problems(one)) for one in _anywhere(files, (extension,), {})]
    common = {_place(one) for one in found[0]} if found else set()
    for others in found[1:]:
        common &= {_place(one) for one in others}
    yield from (one for one in found[0] if _place(one) in common) if found else ()


def _anywhere(files: Effective, extensions: tuple[str, ...], asked: dict[str, Any]) -> Iterator[Effect]:
    """Yield the answers for a file of any name, in every folder that could host it."""
    for path in files.hosting(extensions):
        named = path.endswith(extensions)
        name = path if named else f"{path.rstrip('/')}/{ANY_NAME}{extensions[0]}"
        yield Effect(files, files.ask(Request(name, named=named, **asked)))


def _place(finding: Finding) -> tuple[str, int, str]:
    return finding.span.file, finding.span.line, finding.message


def each(
    facts: Facts,
    live: Callable[[Facts], Iterable[Live]],
    extensions: tuple[str, ...],
    problem: Callable[[Seen], Finding | None],
    **asked: Any,  # noqa: ANN401 - fields of the request
) -> Iterator[Finding]:
    """Yield what is wrong with the answers of the walk, and with those of the configuration for files with these extensions."""
    if facts.files is not None:
        yield from affected(understood(facts), extensions, problem, **asked)
    if facts.files is None or facts.install is not None:
        yield from (finding for seen in live(facts) if (finding := problem(seen)) is not None)
