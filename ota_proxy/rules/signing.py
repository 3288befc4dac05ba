"""OTA504 to OTA507, OTA510, OTA511: whether profile and signature let the app be installed over the air, and what is left to do by hand.

Kinds of profiles: Apple's technote TN3125. No signature is verified, and whether Apple has revoked a certificate cannot be
seen from outside: "passed" does not promise it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ota_proxy.facts.app import AppFacts, Bundle, Profile
from ota_proxy.facts.install import PackageFacts
from ota_proxy.policy.phones import step_from, step_needed
from ota_proxy.rules.package_app import Problem, about, looked_into, shown, signed_bundles
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.support.evidence import file_name
from ota_proxy.rules.support.predicates import walk

REVOCATION = "whether Apple has revoked its certificate cannot be seen from outside"


def _profiles(package: PackageFacts, app: AppFacts) -> list[tuple[Bundle, Profile]]:
    return [(bundle, bundle.profile) for bundle in signed_bundles(package, app) if bundle.profile is not None]


def _unseen(package: PackageFacts, app: AppFacts) -> None:
    """Raise NoVerdict where a profile is there that we could not read, or the app has none."""
    for bundle in signed_bundles(package, app):
        if bundle.profile_state == "unseen":
            raise NoVerdict(f"the profile of {bundle.name} was not read: {bundle.profile_problem}")
    if app.app is not None and app.app.profile is None:
        raise NoVerdict(f"{app.app.name} in {file_name(package.url)} has no profile that can be read")
    if app.unread_extensions:
        raise NoVerdict(f"{app.unread_extensions} more extensions in {file_name(package.url)} were not looked at")


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d}"


@checks("OTA504")
def profile_missing(facts: Facts) -> Iterator[Finding]:
    """The app has an embedded.mobileprovision, and so has each extension (a warning: not every tool that signs puts one there)."""

    def look(package: PackageFacts, app: AppFacts) -> Iterator[Finding]:
        broken = [(bundle, _lack(bundle)) for bundle in signed_bundles(package, app) if _lack(bundle)]
        yield from about(package, [problem for problem in broken if problem[0] is app.app])
        yield from about(package, [problem for problem in broken if problem[0] is not app.app], "warning")
        if app.app is not None and app.app.profile is None and not _lack(app.app):
            raise NoVerdict(f"the profile of {app.app.name} was not read: {app.app.profile_problem}")

    yield from looked_into(facts, look)


def _lack(bundle: Bundle) -> str:
    if bundle.profile_state == "missing":
        return f"{bundle.name} has no embedded.mobileprovision"
    broken = bundle.profile_state == "broken"
    return f"the embedded.mobileprovision of {bundle.name} is not a profile: {bundle.profile_problem}" if broken else ""


@checks("OTA505")
def profile_expired(facts: Facts) -> Iterator[Finding]:
    """No profile has expired, and in each at least one certificate has not."""
    now = walk(facts).now

    def look(package: PackageFacts, app: AppFacts) -> Iterator[Finding]:
        expired = [(bundle, _expiry(bundle, profile, now)) for bundle, profile in _profiles(package, app)]
        yield from about(package, [problem for problem in expired if problem[1]])
        _unseen(package, app)
        if any(profile.expires is None for _, profile in _profiles(package, app)):
            raise NoVerdict(f"a profile in {file_name(package.url)} has no date of expiry")

    yield from looked_into(facts, look)


def _expiry(bundle: Bundle, profile: Profile, now: datetime) -> str:
    if profile.expires is not None and profile.expires <= now:
        return f"the profile '{profile.name}' of {bundle.name} expired on {_day(profile.expires)}"
    ends = [certificate.not_after for certificate in profile.certificates]
    if ends and not profile.unread_certificates and max(ends) <= now:
        words = f"the profile '{profile.name}' of {bundle.name}"
        return f"every certificate in {words} has expired, the last on {_day(max(ends))}"
    return ""


@checks("OTA506")
def profile_not_ota(facts: Facts) -> Iterator[Finding]:
    """No profile is one for the App Store; one for development is a note: it installs on its devices."""

    def look(package: PackageFacts, app: AppFacts) -> Iterator[Finding]:
        found = _profiles(package, app)
        store: list[Problem] = [
            (bundle, f"the profile '{profile.name}' of {bundle.name} is for the App Store and covers no device")
            for bundle, profile in found
            if profile.kind == "app-store"
        ]
        debug: list[Problem] = [
            (
                bundle,
                f"the profile '{profile.name}' of {bundle.name} is for development: debuggable, and for its devices",
            )
            for bundle, profile in found
            if profile.kind == "development"
        ]
        yield from about(package, store)
        yield from about(package, debug, "note")
        _unseen(package, app)

    yield from looked_into(facts, look)


@checks("OTA507")
def device_not_provisioned(facts: Facts) -> Iterator[Finding]:
    """The phone, where its identifier was given, is covered by the profile of the app and by those of its extensions."""
    if not facts.udid:
        raise NotApplicable("no device was given")

    def look(package: PackageFacts, app: AppFacts) -> Iterator[Finding]:
        listed = [(bundle, profile) for bundle, profile in _profiles(package, app) if profile.kind != "app-store"]
        absent = [(bundle, profile) for bundle, profile in listed if not profile.has_device(facts.udid)]
        yield from about(package, [(bundle, _absence(facts.udid, bundle, profile)) for bundle, profile in absent])
        _unseen(package, app)
        if not listed:
            raise NoVerdict(f"the profile in {file_name(package.url)} is for the App Store and lists no devices")

    yield from looked_into(facts, look)


def _absence(udid: str, bundle: Bundle, profile: Profile) -> str:
    count = len(profile.devices)
    return f"the device {udid} is not among the {count} of the profile '{profile.name}' of {bundle.name}"


@checks("OTA510")
def signature_missing(facts: Facts) -> Iterator[Finding]:
    """The app and each extension have a _CodeSignature/CodeResources; what it says is not verified."""

    def look(package: PackageFacts, app: AppFacts) -> Iterator[Finding]:
        bare = [bundle for bundle in signed_bundles(package, app) if not bundle.signed]
        words = "has no _CodeSignature/CodeResources: it is not signed"
        yield from about(package, [(bundle, f"{bundle.name} {words}") for bundle in bare])

    yield from looked_into(facts, look)


@checks("OTA511")
def trust_steps_needed(facts: Facts) -> Iterator[Finding]:
    """What a person has to do by hand, by the kind of profile and the phone's system where that was given."""

    def look(package: PackageFacts, app: AppFacts) -> Iterator[Finding]:
        profile = app.app.profile if app.app else None
        if profile is None:
            _unseen(package, app)
            return
        steps = _steps(profile, facts.ios_version)
        if steps:
            evidence = shown(package, f"profile: {profile.name} ({profile.kind})")
            yield Finding(package.url, f"{file_name(package.url)} is signed {steps}", evidence)

    yield from looked_into(facts, look)


def _steps(profile: Profile, ios: str) -> str:
    if profile.kind == "in-house":
        restart = f", and restarts the device from iOS {step_from('restart')} on" if step_needed("restart", ios) else ""
        trust = "who installs it by hand trusts the developer in Settings › General › VPN & Device Management"
        return f"in-house: {trust}{restart}; {REVOCATION}"
    if profile.kind in ("ad-hoc", "development") and step_needed("developer_mode", ios):
        named = "for development" if profile.kind == "development" else "ad hoc"
        first = step_from("developer_mode")
        return f"{named}: from iOS {first} on the device may ask for Developer Mode (Settings › Privacy & Security)"
    return ""
