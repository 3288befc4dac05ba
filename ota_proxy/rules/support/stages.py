"""Where on the way a finding strikes, and whom; and how far the walk got.

The package is fetched after the prompt, and an image stops nobody. The one condition of a clean report is that the walk reached manifest and package and
read both; whatever stopped it is named here, kind by kind. That is asked behind the rules: a target that no error explains and that was not read has no
verdict, however many rules passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ota_proxy.addresses import bracketed
from ota_proxy.facts.install import InstallFacts, ManifestFacts, PackageFacts, Visit, origin
from ota_proxy.rules.rule import STAGES, Facts, Finding, Outcome, Rule, Stage
from ota_proxy.rules.support.evidence import answer, file_name
from ota_proxy.rules.support.predicates import WHY, is_login, manifest_state, package_state

_EARLY = ("connect", "server")
"""Stages whose findings may concern the package alone."""
_UNABLE = "U"
"""What the phone says of whatever happens to the package, TLS and redirects included (observed behaviour, reported by users)."""


def struck(rule: Rule, finding: Finding, install: InstallFacts | None) -> Rule:
    """Return the rule as this finding has it.

    One of connection or server that concerns the package alone is seen at the package; what keeps an image away is a note.
    """
    if install is None or rule.stage not in _EARLY:
        return _of_file(rule, finding)
    early, late, images = _places(install)
    if rule.stage == "connect" and (
        finding.subject in images.hosts - late.hosts - early
        or (rule.sees and finding.subject in images.urls - late.urls)
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
    """Return the hosts that are asked before the prompt, the places of packages, and those of images."""
    first = [part.visit for part in (install.page, install.manifest) if part]
    packages = [visit for package in install.packages for visit in (package.head, package.get)]
    return _of(first).hosts, _of(packages), _of(image.visit for image in install.images)


def _of(visits: Iterable[Visit]) -> _Places:
    urls = frozenset(hop.url for visit in visits for hop in visit.hops)
    return _Places(urls, frozenset(map(_place, urls)))


def _place(url: str) -> str:
    _, host, port = origin(url)
    return f"{bracketed(host)}:{port}"


def unread(facts: Iterable[Facts]) -> str:
    """Return why an install of these walks, or a configuration, was not read to its end, the first reason; empty if all were."""
    known = tuple(facts)
    files = (why for one in known if one.files is not None for why in one.files.unreadable)
    return next(files, "") or next((why for _, why in _all_gaps(known)), "")


def unread_stages(facts: Iterable[Facts]) -> frozenset[Stage]:
    """Return the stages of an install that a walk did not get through: what passed there is not the whole of it."""
    return frozenset(stage for stage, _ in _all_gaps(facts))


def _all_gaps(facts: Iterable[Facts]) -> Iterator[tuple[Stage, str]]:
    installs = [walk for one in facts for walk in (one.install, *one.named) if walk is not None]
    return (gap for install in installs for gap in _gaps(install))


def explained(outcomes: Iterable[Outcome]) -> bool:
    """Say whether an error was found; one that a person suppressed with a reason is explained by that person."""
    return any(one.status == "failed" and one.severity == "error" for one in outcomes)


def _gaps(install: InstallFacts) -> Iterator[tuple[Stage, str]]:
    if install.unwalked:
        yield (
            "tap",
            f"{install.unwalked} further installs of the page were not walked; give their manifests as targets of their own",
        )
    if install.start != "package" and install.manifest is None:
        yield "manifest", _no_manifest(install)
    if install.manifest is not None and manifest_state(install.manifest) != "ok":
        yield "manifest", f"the manifest was not read: {_manifest(install.manifest)}"
    elif not install.packages:
        yield "package", "no package was read: nothing gave an address to ask"
    for package in install.packages:
        why = _package(package)
        if why:
            yield "package", f"the package {file_name(package.url)} was not read: {why}"
    left = len(_named(install)) - len(install.packages)
    if install.packages and left > 0:
        yield "package", f"{left} of the packages that the manifest names were not asked for"


def _no_manifest(install: InstallFacts) -> str:
    """A page or link that led to no manifest."""
    page = install.page
    if page is None:
        return "the link leads to no manifest"
    visit = page.visit
    if page.password or is_login(visit):
        return "the landing page asks for a login, and what is behind it was not read"
    if page.unread or page.undecodable:
        return f"the landing page could not be read: {page.unread or page.undecodable}"
    if visit.response is None or not visit.ok:
        return f"the landing page was not read: {_stopped(visit)}"
    return "the landing page led to no manifest"


def _manifest(manifest: ManifestFacts) -> str:
    state = manifest_state(manifest)
    return _stopped(manifest.visit) if state in ("tls", "no-answer") else WHY[state]


def _package(package: PackageFacts) -> str:
    state = package_state(package)
    if state == "ok":
        return package.app_unread if package.app is None else ""
    return _stopped(package.get) if state == "no-answer" else WHY[state]


def _stopped(visit: Visit) -> str:
    if visit.stopped:
        return f"a redirect is not followed ({visit.stopped}) at {visit.last.url}"
    return answer(visit.last)


def _named(install: InstallFacts) -> frozenset[str]:
    """Return the packages of the manifest that have an address; those without one are errors of their own (OTA310 to OTA312)."""
    assets = install.manifest.assets if install.manifest else ()
    return frozenset(one.url for one in assets if one.kind == "software-package" and origin(one.url)[1])
