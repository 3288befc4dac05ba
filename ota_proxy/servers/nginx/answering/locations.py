"""Which location answers, after `ngx_http_core_find_location`: exact, the longest prefix, then regular expressions in their order; nested ones likewise."""

from __future__ import annotations

from enum import Enum, auto

from ota_proxy.servers.nginx.answering.levels import Level, chain
from ota_proxy.servers.nginx.answering.patterns import compiled
from ota_proxy.servers.nginx.answering.upstream import escaped
from ota_proxy.servers.nginx.answering.visit import PASSES, RefusedError, Visit


class _Found(Enum):
    NOTHING = auto()
    PREFIX = auto()
    FINAL = auto()
    """An exact name or a regular expression."""
    SLASH = auto()
    """`/x` where only `/x/` is there, and an upstream answers it: nginx redirects."""


def find(visit: Visit) -> None:
    """Enter the location of the URI; RefusedError for the redirect to the same path with a slash, and for an internal one."""
    visit.handler = None
    visit.changed = False
    visit.level = visit.server
    visit.found = None
    found = _search(visit, visit.server)
    if visit.found is None:
        visit.say(None, f"no location fits {visit.uri}: the server's own lines count")
        return
    visit.enter(visit.found)
    _not_internal(visit, visit.found)
    if found is _Found.SLASH:
        target = escaped(visit.uri) + "/" + (f"?{visit.args}" if visit.args else "")
        raise RefusedError(
            301, visit.found.node, "the location's name is the path with a slash, and an upstream answers it", target
        )


def _not_internal(visit: Visit, location: Level) -> None:
    inner = [node for level in chain(location) for node in level.own("internal")]
    if inner and not visit.internal:
        raise RefusedError(404, inner[0], "the location is for internal redirects only")


def _search(visit: Visit, level: Level) -> _Found:
    result, taken = _by_prefix(visit, level)
    if taken is not None:
        visit.found = taken
    if result is _Found.PREFIX and taken is not None:
        result = _nested(visit, taken)
    if result in {_Found.FINAL, _Found.SLASH}:
        return result
    if taken is None or taken.modifier != "^~":
        for one in level.locations:
            if one.modifier in {"~", "~*"} and _fits(visit, one):
                visit.found = one
                visit.say(one.node, "the first regular expression that fits")
                _search(visit, one)
                return _Found.FINAL
    if result is not _Found.NOTHING or taken is not None:
        return _Found.PREFIX
    return _Found.NOTHING


def _nested(visit: Visit, level: Level) -> _Found:
    found = _search(visit, level) if level.locations else _Found.NOTHING
    return _Found.PREFIX if found is _Found.NOTHING else found


def _by_prefix(visit: Visit, level: Level) -> tuple[_Found, Level | None]:
    best: Level | None = None
    for one in level.locations:
        if one.modifier == "=" and one.uri == visit.uri:
            visit.say(one.node, "the path is exactly this")
            return _Found.FINAL, one
        if (
            one.modifier in {"", "^~"}
            and visit.uri.startswith(one.uri)
            and (best is None or len(one.uri) > len(best.uri))
        ):
            best = one
    slash = _with_slash(visit, level)
    if slash is not None and (best is None or best.uri != visit.uri):
        visit.say(slash.node, "the path with a slash is this")
        return _Found.SLASH, slash
    if best is None:
        return _Found.NOTHING, None
    visit.say(
        best.node,
        "the longest name that the path begins with"
        + (", which asks no regular expression" if best.modifier == "^~" else ""),
    )
    return _Found.PREFIX, best


def _with_slash(visit: Visit, level: Level) -> Level | None:
    """Return the location of the same path with a slash, if an upstream answers it; of two of that name the exact one counts."""
    found = [one for one in level.locations if one.modifier in {"", "^~", "="} and one.uri == visit.uri + "/"]
    if not any(one.own(name) for one in found for name in PASSES):
        return None
    return next((one for one in found if one.modifier == "="), found[0])


def _fits(visit: Visit, location: Level) -> bool:
    regex = compiled(location.uri, ignore_case=location.modifier == "~*")
    if regex is None:
        span = location.node.span if location.node else None
        fits = visit.world.ask(f"{visit.uri} matches {location.uri}", span)
        if fits:
            visit.keep(None)
        return fits
    match = regex.search(visit.uri.encode("utf-8", "surrogateescape"))
    if match:
        visit.keep(match)
    return match is not None


def named(visit: Visit, name: str) -> Level | None:
    """Return the location `@name` of the server."""
    return next((one for one in visit.server.locations if one.modifier == "@" and one.uri == name), None)
