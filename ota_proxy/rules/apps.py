"""What the rules about the app share: every package that was looked into, and how a finding about its parts is worded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ota_proxy.facts.app import AppFacts, Bundle
from ota_proxy.facts.install import PackageFacts
from ota_proxy.rules.evidence import file_name, proof
from ota_proxy.rules.model import Facts, Finding, NotApplicable, NoVerdict, Severity
from ota_proxy.rules.predicates import delivered, manifest_of, readable_manifest

Look = Callable[[PackageFacts, AppFacts], Iterator[Finding]]
Problem = tuple[Bundle, str]
"""A bundle of the package and what is wrong with it."""


def looked_into(facts: Facts, look: Look) -> Iterator[Finding]:
    """Yield what `look` finds in each package; NoVerdict after that where one could not be looked into, or `look` says so."""
    unseen = ""
    for package in delivered(facts):
        if package.app is None:
            unseen = (
                unseen
                or f"{file_name(package.url)} was not looked into: {package.app_unread or 'no part of it was read'}"
            )
            continue
        try:
            yield from look(package, package.app)
        except NoVerdict as error:
            unseen = unseen or str(error)
    if unseen:
        raise NoVerdict(unseen)


def signed_bundles(package: PackageFacts, app: AppFacts) -> tuple[Bundle, ...]:
    """Return the app and its extensions; NoVerdict where the archive has no app, which OTA503 reports."""
    if app.app is None:
        raise NoVerdict(f"{file_name(package.url)} holds no app: {app.problem}")
    return app.bundles


def read_info(package: PackageFacts, app: AppFacts) -> AppFacts:
    """Return the app when its Info.plist was read; NoVerdict where not, which OTA503 reports."""
    if app.problem:
        raise NoVerdict(f"the Info.plist in {file_name(package.url)} was not read: {app.problem}")
    return app


def metadata_of(facts: Facts, package: PackageFacts) -> Mapping[str, Any]:
    """Return the metadata of the manifest's item that names a package; NotApplicable where the walk starts at the package."""
    manifest_of(facts)
    for item in readable_manifest(facts).items:
        assets, metadata = item.get("assets"), item.get("metadata")
        if isinstance(assets, list) and any(_names(asset, package.url) for asset in assets):
            return metadata if isinstance(metadata, Mapping) else {}
    raise NotApplicable(f"no item of the manifest names {file_name(package.url)}")


def _names(asset: object, url: str) -> bool:
    return isinstance(asset, Mapping) and asset.get("url") == url


def shown(package: PackageFacts, *lines: str) -> str:
    """Return the request that brought the bytes, and what stands in them."""
    visit = package.app_visits[-1] if package.app_visits else package.get
    return "\n".join((proof(visit.last), *lines))


def about(package: PackageFacts, problems: Sequence[Problem], severity: Severity | None = None) -> Iterator[Finding]:
    """Yield one finding for a package, in the words of the first problem; the others are named, and stand in the evidence."""
    if not problems:
        return
    (bundle, first), *others = problems
    more = f"; likewise {', '.join(other.name for other, _ in others)}" if others else ""
    lines = [f"{each.folder}: {words}" for each, words in problems] if others else [f"in {bundle.folder}"]
    yield Finding(package.url, f"{file_name(package.url)}: {first}{more}", shown(package, *lines), severity=severity)
