"""OTA611: whether a rule about names keeps back an OTA file that is there: seen where we know what lies on the server (verify).

A file counts as kept back when it is refused while another one of its folder is delivered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ota_proxy.facts.install import InstallFacts, Visit
from ota_proxy.policy.media_types import hosted_types
from ota_proxy.rules.evidence import file_name, proof
from ota_proxy.rules.model import Facts, Finding, NotApplicable, NoVerdict, Outcome
from ota_proxy.rules.predicates import manifest_state, package_state, walk
from ota_proxy.rules.registry import checks
from ota_proxy.rules.support.answers import MANIFEST, PACKAGE, Effect, at, every, understood
from ota_proxy.servers.effective import Effective
from ota_proxy.servers.text import Span

_REFUSED = (400, 403, 404)
"""What a deny rule or a rule about the form of URLs answers."""
_CONSEQUENCES = ("OTA301", "OTA401", "OTA402")
"""What such a file would be reported as where its cause is not known."""


@checks("OTA611", "live", "files")
def name_pattern_denied(facts: Facts) -> Iterator[Finding]:
    """Every OTA file that lies on the server is given out, whatever its name and extension."""
    if facts.files is not None:
        yield from _denied(understood(facts))
    if facts.files is None or facts.install is not None:
        yield from _kept_back(facts)


def _denied(files: Effective) -> Iterator[Finding]:
    """What lies in the tree by its name, and manifests and packages of any name; a line that refuses several is told once."""
    told: set[tuple[Span, str]] = set()
    for extension in hosted_types():
        if not files.files(extension) and extension not in (*MANIFEST, *PACKAGE):
            continue
        for finding in every(files, extension, _by_name):
            known = (finding.span, finding.message if finding.span == files.start else "")
            if known not in told:
                told.add(known)
                yield finding


def _by_name(seen: Effect) -> Iterator[Finding]:
    return (at(seen.files, one.reason) for one in seen.answer.refused if one.cause == "name")


def _kept_back(facts: Facts) -> Iterator[Finding]:
    install = walk(facts)
    if facts.site is None:
        raise NotApplicable("what lies on the server is not known")
    given = [visit for one in (install, *facts.named) for visit in _given(one)]
    if not given:
        raise NoVerdict("no file of the site was delivered")
    for visit in _refused(install):
        beside = next((other for other in given if _folder(other) == _folder(visit)), None)
        if beside is not None:
            name = file_name(visit.first.url)
            message = f"{name} lies on the server and is answered with {visit.status}; another file of its folder is delivered"
            yield Finding(visit.last.url, message, f"{proof(visit.last, 'content-type?')}\n{proof(beside.last)}")


def _folder(visit: Visit) -> str:
    return visit.first.url.partition("?")[0].rpartition("/")[0]


def _given(install: InstallFacts) -> Iterator[Visit]:
    """The visits that brought a file: the page, the manifest, its packages and pictures."""
    if install.page and install.page.visit.ok:
        yield install.page.visit
    if install.manifest and manifest_state(install.manifest) == "ok":
        yield install.manifest.visit
    yield from (package.get for package in install.packages if package_state(package) == "ok")
    yield from (image.visit for image in install.images if image.visit.ok)


def _refused(install: InstallFacts) -> Iterator[Visit]:
    """The visits to manifest and packages that a rule about names may explain; filters by agent and logins are others'."""
    manifest = install.manifest
    lost = [manifest.visit] if manifest and manifest_state(manifest) == "not-found" else []
    lost += [package.get for package in install.packages if package_state(package) in {"refused", "not-found"}]
    yield from (visit for visit in lost if visit.status in _REFUSED and not visit.redirected)


def without_consequences(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes less those that OTA611 explains: the file is neither missing nor in need of a login."""
    known = tuple(outcomes)
    caught = {one.subject for one in known if one.rule.id == "OTA611" and one.status == "failed"}
    explained = [one for one in known if one.rule.id in _CONSEQUENCES and one.subject in caught]
    rest = [one for one in known if one not in explained]
    judged = {one.rule.id for one in rest}
    silent = {one.rule.id: one for one in explained if one.rule.id not in judged}
    return tuple(sorted([*rest, *map(_explained, silent.values())], key=lambda one: one.rule.id))


def _explained(outcome: Outcome) -> Outcome:
    return Outcome(
        rule=outcome.rule,
        status="not-applicable",
        severity=outcome.rule.severity,
        target=outcome.target,
        message="a rule about names keeps the file back, which is reported",
    )
