"""Whether every answer for a package is about the same file: its validators, ETag and Last-Modified (RFC 9110 §8.8)."""

from __future__ import annotations

from ota_proxy.facts.install import PackageFacts, Visit
from ota_proxy.rules.predicates import is_encoded

VALIDATORS = ("etag", "last-modified")


def other_validators(package: PackageFacts) -> tuple[Visit | None, tuple[str, ...]]:
    """Return the first further answer whose validators are not those of the plain GET, and which differ; None where none does.

    The answer to a range may come without a validator (RFC 9110 §15.3.7); one that it has must be the whole file's.
    """
    get = package.get.response
    ranges = (package.ranged, package.tail)
    for visit in (package.second, package.h1, *ranges) if get else ():
        answer = visit.response if visit and visit.status in {200, 206} and not visit.stopped else None
        if visit and get and answer and not is_encoded(answer):
            pairs = {name: (get.header(name), answer.header(name)) for name in VALIDATORS}
            kept = {name: pair for name, pair in pairs.items() if visit not in ranges or None not in pair}
            changed = tuple(name for name, (one, other) in kept.items() if one != other)
            if changed:
                return visit, changed
    return None, ()
