"""OTA501 to OTA503, OTA508, OTA509: whether the package holds the app that the manifest promises, and one for this phone.

Read from the archive's Info.plist; an archive that cannot be read gives no verdict, OTA405, OTA412 and OTA413 say why.
"""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.facts.app import AppFacts
from ota_proxy.facts.install import PackageFacts
from ota_proxy.policy.phones import covers_phones, order, platform_words, runs_on_phones
from ota_proxy.rules.apps import looked_into, metadata_of, read_info, shown
from ota_proxy.rules.evidence import file_name
from ota_proxy.rules.model import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.predicates import delivered
from ota_proxy.rules.registry import checks
from ota_proxy.rules.remedies import remedy_for


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
