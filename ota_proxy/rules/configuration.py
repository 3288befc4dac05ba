"""OTA601, OTA606, OTA607, OTA610 and OTA618 to OTA622: what only a configuration can tell, of any server that is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ota_proxy.policy.media_types import hosted_types
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.support.answers import MANIFEST, PACKAGE, Effect, affected, at, configured, understood
from ota_proxy.servers.effective import Cause, Trouble

_NAMED = 4
"""How many sections a reason names; the others are counted."""


def _refused(seen: Effect, cause: Cause) -> Finding | None:
    reasons = (one.reason for one in seen.answer.refused if one.cause == cause)
    return next((at(seen.files, reason) for reason in reasons), None)


@checks("OTA601", "files")
def media_type_unmapped(facts: Facts) -> Iterator[Finding]:
    """Every extension of an OTA file has a media type: those that every site serves, and the others where such a file lies in the tree."""
    files = understood(facts)
    for extension in hosted_types():
        if files.files(extension) or extension in (*MANIFEST, *PACKAGE):
            found = affected(files, (extension,), lambda seen: _refused(seen, "media-type"))
            yield from (one for one in [next(found, None)] if one is not None)


@checks("OTA606", "files")
def head_denied(facts: Facts) -> Iterator[Finding]:
    """A device asks with HEAD before it downloads: whatever filters methods lets it through wherever GET may pass."""
    return affected(understood(facts), PACKAGE, lambda seen: _refused(seen, "method"), method="HEAD")


@checks("OTA607", "files")
def forwarded_headers_missing(facts: Facts) -> Iterator[Finding]:
    """An application behind a proxy learns the scheme and the host that the device used."""
    files = understood(facts)
    if not files.proxied:
        raise NotApplicable("nothing is proxied")
    for one in files.proxied:
        name = one.name[:1].upper() + one.name[1:]
        if "x-forwarded-proto" not in one.sets:
            yield at(files, one.reason, f"{name} passes requests on without X-Forwarded-Proto")
        elif one.keeps_host is False and "x-forwarded-host" not in one.sets:
            yield at(files, one.reason, f"{name} passes neither Host nor X-Forwarded-Host on")


@checks("OTA610", "files")
def fallback_hides_missing_files(facts: Facts) -> Iterator[Finding]:
    """A missing manifest or package is a 404 and not a page."""
    files = understood(facts)
    told = set()
    for extension in (*MANIFEST, *PACKAGE):
        for finding in affected(files, (extension,), _page, there=False):
            if finding.span not in told:
                told.add(finding.span)
                yield finding


def _page(seen: Effect) -> Finding | None:
    return at(seen.files, seen.answer.page) if seen.answer.page is not None else None


# -- the configuration itself --------------------------------------------------------------------------------------------


def _problems(facts: Facts, kind: Trouble) -> Iterator[Finding]:
    files = configured(facts)
    for one in files.problems:
        if one.kind == kind:
            found = at(files, one.reason)
            yield replace(found, severity="note") if one.doubtful else found


@checks("OTA618", "files")
def directive_ineffective(facts: Facts) -> Iterator[Finding]:
    """Everything that is set has an effect on this server."""
    understood(facts)
    yield from _problems(facts, "ineffective")


@checks("OTA619", "files")
def iis_schema(facts: Facts) -> Iterator[Finding]:
    """Every element, attribute and value is one that IIS's schema has."""
    yield from _problems(facts, "schema")
    files = configured(facts)
    if files.unreadable:
        raise NoVerdict(files.unreadable[0])
    if files.unjudged:
        raise NoVerdict(_unknown(files.unjudged))


def _unknown(names: tuple[str, ...]) -> str:
    once = list(dict.fromkeys(names))
    more = f" and {len(once) - _NAMED} more" if len(once) > _NAMED else ""
    return f"not in our table, so neither right nor wrong (see --iis-schema): {', '.join(once[:_NAMED])}{more}"


@checks("OTA620", "files")
def iis_duplicate_key(facts: Facts) -> Iterator[Finding]:
    """No collection has an entry twice, inherited ones included."""
    understood(facts)
    yield from _problems(facts, "duplicate")


@checks("OTA621", "files")
def iis_locked_section(facts: Facts) -> Iterator[Finding]:
    """No file sets what a file above it locks."""
    understood(facts)
    yield from _problems(facts, "locked")


@checks("OTA622", "files")
def iis_module_missing(facts: Facts) -> Iterator[Finding]:
    """Every section's module is installed."""
    understood(facts)
    yield from _problems(facts, "module-missing")
