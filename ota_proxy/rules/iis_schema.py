"""OTA618 to OTA622: what IIS refuses with 500.19, and what it accepts although nothing acts on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ota_proxy.facts.configuration import IisFacts, Refusal
from ota_proxy.rules.iis_reach import iis, point, readable
from ota_proxy.rules.model import Facts, Finding, NoVerdict
from ota_proxy.rules.registry import lints

_NAMED = 4
"""How many sections a reason names; the others are counted."""


def _refused(found: IisFacts, kind: str) -> Iterator[Finding]:
    for one in found.refusals:
        if one.kind == kind:
            yield point(one.at, _message(one), found=found)


def _message(one: Refusal) -> str:
    """IIS's own words and code, then ours; what it stops at is marked."""
    hint = f": {one.hint}" if one.hint else ""
    return f"{'IIS stops here: ' * one.first}{one.message} ({one.hresult}){hint}"


@lints("OTA619")
def iis_schema(facts: Facts) -> Iterator[Finding]:
    """Every element, attribute and value is one that IIS's schema has."""
    found = iis(facts)
    yield from _refused(found, "schema")
    for one in found.doubts:
        yield replace(point(one.at, one.what, found=found), severity="note")
    if found.unreadable:
        raise NoVerdict(found.unreadable[0])
    if found.remarks:
        raise NoVerdict(_unknown([one.what for one in found.remarks]))


def _unknown(names: list[str]) -> str:
    once = list(dict.fromkeys(names))
    more = f" and {len(once) - _NAMED} more" if len(once) > _NAMED else ""
    return f"not in our table, so neither right nor wrong (see --iis-schema): {', '.join(once[:_NAMED])}{more}"


@lints("OTA620")
def iis_duplicate_key(facts: Facts) -> Iterator[Finding]:
    """No collection has an entry twice, inherited ones included."""
    found = readable(facts)
    yield from _refused(found, "duplicate")
    for one in found.unguarded:
        message = f"{one.name} is added without <remove>: 500.19 on a server that maps it already (its applicationHost.config was not given)"
        yield replace(point(one.at, message, found=found), severity="note")


@lints("OTA621")
def iis_locked_section(facts: Facts) -> Iterator[Finding]:
    """No file sets what a file above it locks."""
    yield from _refused(readable(facts), "locked")


@lints("OTA622")
def iis_module_missing(facts: Facts) -> Iterator[Finding]:
    """Every section's module is installed."""
    yield from _refused(readable(facts), "module-missing")


@lints("OTA618")
def directive_ineffective(facts: Facts) -> Iterator[Finding]:
    """Every section that is set has its module, and works on this Windows."""
    found = readable(facts)
    for one in found.ineffective:
        yield point(one.at, f"{one.what}: IIS accepts the section and ignores it", found=found)
    for unused in dict.fromkeys(entry for path in found.paths for entry in path.cache_unused):
        message = f"{unused.name} does nothing without cacheControlMode {unused.value}"
        yield point(unused.at, message, found=found)
    if not found.server_header_can_go and any(one.server_header_removed for one in found.paths):
        message = f"removeServerHeader does nothing on Windows {found.windows}: it works from Windows 1709 on"
        yield point(found.root_line(), message, found=found, evidence='removeServerHeader="true"')
