"""OTA501 to OTA503, OTA508, OTA509: whether the package holds the app that the manifest promises, and one for this phone.

Read from the archive's Info.plist; an archive that cannot be read gives no verdict, OTA405, OTA412 and OTA413 say why. `signing` shares what comes first:
every package that was looked into, and how a finding about its parts is worded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ota_proxy.facts.app import AppFacts, Bundle
from ota_proxy.facts.install import PackageFacts
from ota_proxy.policy.phones import covers_phones, order, platform_words, runs_on_phones
from ota_proxy.rules.catalogue import remedy_for
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict, Severity
from ota_proxy.rules.support.evidence import file_name, proof
from ota_proxy.rules.support.predicates import delivered, manifest_of, readable_manifest

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


@checks("OTA501")
def bundle_id_mismatch(facts: Facts) -> Iterator[Finding]:
    """The manifest's bundle-identifier is the app's CFBundleIdentifier, letter for letter."""

    def look(package: PackageFacts, app: AppFacts) -> Iterator[Finding]:
        promised = metadata_of(facts, package).get("bundle-identifier")
        if not (isinstance(promised, str) and promised.strip()):
            raise NoVerdict("the manifest names no bundle-identifier")
        found = read_info(package, app).bundle_id
        if promised != found:
            own = f"the app is '{found}'" if found else "its Info.plist has no CFBundleIdentifier"
            evidence = shown(package, f"CFBundleIdentifier: {found or '(none)'}", f"bundle-identifier: {promised}")
            yield Finding(
                package.url, f"The manifest promises '{promised}'; in {file_name(package.url)} {own}", evidence
            )

    yield from looked_into(facts, look)


@checks("OTA502")
def bundle_version_mismatch(facts: Facts) -> Iterator[Finding]:
    """The manifest's bundle-version is the app's CFBundleShortVersionString or CFBundleVersion; it may be left out."""
    promises = {package.url: metadata_of(facts, package).get("bundle-version") for package in delivered(facts)}
    if not any(isinstance(promised, str) for promised in promises.values()):
        raise NotApplicable("the manifest names no bundle-version")

    def look(package: PackageFacts, app: AppFacts) -> Iterator[Finding]:
        promised = promises[package.url]
        own = (read_info(package, app).version, app.build)
        if isinstance(promised, str) and promised not in own:
            lines = (f"CFBundleShortVersionString: {own[0] or '(none)'}", f"CFBundleVersion: {own[1] or '(none)'}")
            message = f"The manifest promises version {promised}; {file_name(package.url)} is {_either(own)}"
            yield Finding(package.url, message, shown(package, *lines, f"bundle-version: {promised}"))

    yield from looked_into(facts, look)


def _either(own: tuple[str, str]) -> str:
    named = [name for name in own if name]
    return f"{named[0]} (build {named[1]})" if len(named) > 1 else "".join(named) or "without a version"


@checks("OTA503")
def not_an_app(facts: Facts) -> Iterator[Finding]:
    """The archive has a Payload/NAME.app with an Info.plist that can be read."""

    def look(package: PackageFacts, app: AppFacts) -> Iterator[Finding]:
        if app.problem:
            evidence = shown(package, f"{app.entries} entries; app: {app.app.folder if app.app else '(none)'}")
            message = f"{file_name(package.url)} is not an app: {app.problem}"
            yield Finding(package.url, message, evidence, remedy=remedy_for("OTA503", app.cause))

    yield from looked_into(facts, look)


@checks("OTA508")
def platform_mismatch(facts: Facts) -> Iterator[Finding]:
    """The app, and its profile, are for iPhone and iPad."""

    def look(package: PackageFacts, app: AppFacts) -> Iterator[Finding]:
        profile = app.app.profile if app.app else None
        signed_for = profile.platforms if profile else ()
        if app.platforms and not runs_on_phones(app.platforms):
            words = f"it is a build for {platform_words(app.platforms[0])}"
        elif signed_for and not covers_phones(signed_for):
            words = f"its profile is for {', '.join(signed_for)}"
        elif app.platforms or signed_for:
            return
        else:
            raise NoVerdict(f"neither Info.plist nor profile in {file_name(package.url)} names a platform")
        lines = (f"platforms: {', '.join(app.platforms) or '(none)'}", f"profile: {', '.join(signed_for) or '(none)'}")
        message = f"{file_name(package.url)} is not for iPhone and iPad: {words}"
        yield Finding(package.url, message, shown(package, *lines))

    yield from looked_into(facts, look)


@checks("OTA509")
def os_too_old(facts: Facts) -> Iterator[Finding]:
    """The phone's system, where it was given, is not older than MinimumOSVersion."""
    have = order(facts.ios_version)
    if have is None:
        raise NotApplicable("no iOS version was given")

    def look(package: PackageFacts, app: AppFacts) -> Iterator[Finding]:
        lowest = read_info(package, app).minimum_os
        needed = order(lowest)
        if needed is None:
            raise NoVerdict(f"the Info.plist in {file_name(package.url)} has no MinimumOSVersion that can be read")
        if have < needed:
            message = f"{file_name(package.url)} needs iOS {lowest}; the phone has {facts.ios_version}"
            yield Finding(package.url, message, shown(package, f"MinimumOSVersion: {lowest}"))

    yield from looked_into(facts, look)
