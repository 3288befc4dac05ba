"""What a rule is, what it may say, and the four outcomes. The catalogue itself is `catalogue.toml`.

A rule is a generator function registered with `@checks("OTA406")`; it takes `Facts` and yields `Finding`s. Nothing yielded
is "passed". `raise NotApplicable(reason)` where the subject does not exist, `raise NoVerdict(reason)` where it could not be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from ota_proxy.facts.host import HostFacts
from ota_proxy.facts.install import InstallFacts
from ota_proxy.servers.effective import Effective
from ota_proxy.servers.text import NOWHERE, Edit, Span
from ota_proxy.site import Site

Severity = Literal["error", "warning", "note"]
Stage = Literal["tap", "connect", "manifest", "prompt", "package", "install", "open", "server"]
Status = Literal["passed", "failed", "not-applicable", "no-verdict"]
STAGES: tuple[Stage, ...] = ("tap", "connect", "manifest", "prompt", "package", "install", "open", "server")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the catalogue. `sees` holds the letters of rules.md (`CU`), `-` where nobody sees anything."""

    id: str
    name: str
    severity: Severity
    sees: str
    doors: str
    stage: Stage
    what: str
    note_doors: str = ""
    """Doors through which a finding is a note: `verify` proves a server, and an app's own faults are none of it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a rule may look at. A part that was not looked at is None: not applicable, never passed."""

    install: InstallFacts | None = None
    host: HostFacts | None = None
    files: Effective | None = None
    """A configuration that was read, to be asked what it would answer (lint)."""
    site: Site | None = None
    """What the server was meant to do, where we know it (verify)."""
    named: tuple[InstallFacts, ...] = ()
    """All walks of the same server, also to files whose names need care (verify)."""
    server: str = ""
    """`nginx`, `apache`, `iis` or empty: words the remedy."""
    udid: str = ""
    """The phone's identifier, where one was given."""
    ios_version: str = ""
    """The phone's system version, where one was given."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, with the evidence (request, response line, header, byte) and the line to change."""

    subject: str
    """The URL, file or host it is about."""
    message: str
    evidence: str = ""
    remedy: str = ""
    severity: Severity | None = None
    """Overrides the rule's own where the catalogue allows two (a development profile is a note)."""
    span: Span = NOWHERE
    """Where it stands in a configuration; `NOWHERE` for what stands in none."""
    edits: tuple[Edit, ...] = ()
    """What would mend it; none where no fix is known."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rule on one target: the unit of every report."""

    rule: Rule
    status: Status
    severity: Severity
    target: str
    subject: str = ""
    message: str = ""
    evidence: str = ""
    remedy: str = ""
    span: Span = NOWHERE
    edits: tuple[Edit, ...] = ()
    sees: str = field(default="")
    """The alert text that a person reads on the phone; empty for passed."""
    suppressed: str = ""
    """The reason a person gave to suppress a finding: it is reported still, and counts for nothing. Empty: it counts."""
    in_source: bool = False
    """The reason stands in a comment of the configuration itself, not in settings or flags."""

    @property
    def file(self) -> str:
        """The file it stands in, empty for none."""
        return self.span.file

    @property
    def line(self) -> int:
        """The line it begins at, from 1; 0 if that is not known."""
        return self.span.line


class NotApplicable(Exception):  # noqa: N818 - an outcome, not an error
    """The rule's subject does not exist here."""


class NoVerdict(Exception):  # noqa: N818 - an outcome, not an error
    """The rule's subject could not be seen; the reason is the message."""


Check = Callable[[Facts], Iterator[Finding]]
