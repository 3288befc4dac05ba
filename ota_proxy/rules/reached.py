"""The one condition of a clean report: the walk reached manifest and package and read both. Whatever stopped it is named here, kind by kind.

It is asked behind the rules: a target that no error explains and that was not read has no verdict, however many rules passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ota_proxy.facts.install import InstallFacts, ManifestFacts, PackageFacts, Visit, origin
from ota_proxy.rules.evidence import answer, file_name
from ota_proxy.rules.model import Facts, Outcome, Stage
from ota_proxy.rules.predicates import WHY, is_login, manifest_state, package_state


def unread(facts: Iterable[Facts]) -> str:
    """Return why an install of these walks, or a configuration, was not read to its end, the first reason; empty where all were."""
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
