"""Where on the way a finding strikes, and whom: the package is fetched after the prompt, and a picture stops nobody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ota_proxy.addresses import bracketed
from ota_proxy.facts.install import InstallFacts, Visit, origin
from ota_proxy.rules.model import STAGES, Finding, Rule, Stage

_EARLY = ("connect", "server")
"""Stages whose findings may concern the package alone."""
_UNABLE = "U"
"""What the phone says of whatever happens to the package, TLS and redirects included (observed behaviour, reported by users)."""


def struck(rule: Rule, finding: Finding, install: InstallFacts | None) -> Rule:
    """Return the rule as this finding has it.

    One of connection or server that concerns the package alone is seen at the package; what keeps a picture away is a note.
    """
    if install is None or rule.stage not in _EARLY:
        return _of_file(rule, finding)
    early, late, pictures = _places(install)
    if rule.stage == "connect" and (
        finding.subject in pictures.hosts - late.hosts - early
        or (rule.sees and finding.subject in pictures.urls - late.urls)
    ):
        return replace(rule, stage="package", sees="", severity="note")
    if rule.sees and finding.subject in late.urls | (late.hosts - early):
        return replace(rule, stage="package", sees=_UNABLE)
    return rule


_BY_FILE = {"C": ".plist", "U": ".ipa"}
"""What a phone says of a file that does not come: before the prompt of the manifest, behind it of the package."""


def _of_file(rule: Rule, finding: Finding) -> Rule:
    """Return a rule of the server as a finding in a file has it: of the files of a phone it may speak of one kind only."""
    if rule.stage != "server" or rule.sees != "".join(_BY_FILE):
        return rule
    told = f"{finding.subject} {finding.message} {finding.evidence}".lower()
    letters = "".join(letter for letter, extension in _BY_FILE.items() if extension in told)
    return replace(rule, sees=letters) if letters else rule


_HURTS: dict[str, Stage] = {
    "N": "tap",
    "V": "connect",
    "C": "manifest",
    "H": "prompt",
    "U": "package",
    "W": "install",
    "I": "install",
    "X": "open",
    "T": "open",
}
"""Letter of what a phone shows → the stage at which it does."""


def hurts(rule: Rule) -> frozenset[Stage]:
    """Return every stage at which a finding of the rule is felt: its own, and the later ones of what the phone shows.

    "Cannot connect" is said at whatever comes first, so it adds a stage to the server's rules only.
    """
    own, everywhere = STAGES.index(rule.stage), rule.stage == "server"
    felt = {_HURTS[letter] for letter in rule.sees if everywhere or letter != "C"}
    return frozenset({rule.stage, *(stage for stage in felt if everywhere or STAGES.index(stage) > own)})


@dataclass(frozen=True, slots=True)
class _Places:
    """URLs, redirects included, and `HOST:PORT` of them."""

    urls: frozenset[str]
    hosts: frozenset[str]


def _places(install: InstallFacts) -> tuple[frozenset[str], _Places, _Places]:
    """Return the hosts that are asked before the prompt, the places of packages, and those of pictures."""
    first = [part.visit for part in (install.page, install.manifest) if part]
    packages = [visit for package in install.packages for visit in (package.head, package.get)]
    return _of(first).hosts, _of(packages), _of(image.visit for image in install.images)


def _of(visits: Iterable[Visit]) -> _Places:
    urls = frozenset(hop.url for visit in visits for hop in visit.hops)
    return _Places(urls, frozenset(map(_place, urls)))


def _place(url: str) -> str:
    _, host, port = origin(url)
    return f"{bracketed(host)}:{port}"
