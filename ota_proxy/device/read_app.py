"""Reads the app of a package without downloading it: from the copy if there is one, else by ranges within a budget.

Nothing the server does raises here; what keeps the app from being read is told in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from ota_proxy.apps.archive import ArchiveProblem, Reading, Span
from ota_proxy.apps.bundle import read_app
from ota_proxy.device.bodies import Copy
from ota_proxy.device.session import Session
from ota_proxy.facts.app import AppFacts
from ota_proxy.facts.install import PackageFacts, Response, Visit
from ota_proxy.numbers import content_range

BUDGET = 3 << 18
"""Bytes of package asked for by ranges at most: directory, Info.plist, profiles."""
FULL_BUDGET = 16 << 20
"""Likewise where the whole package is read anyway."""


class _Source(Protocol):
    """Where the bytes of a package come from; ArchiveProblem where they cannot be had."""

    async def read(self, span: Span) -> bytes: ...


async def with_app(session: Session, package: PackageFacts, copy: Copy) -> PackageFacts:
    """Return the package's facts with those of its app, or with the reason why it could not be read."""
    if not package.get.ok:
        return replace(package, app_unread="the package was not delivered")
    ranges = _Ranges(session, package)
    held = copy.holds(package.get.response)
    source: _Source = _Held(copy) if held else ranges
    try:
        app = await _drive(read_app(copy.size if held else ranges.size), source)
    except ArchiveProblem as problem:
        return replace(package, app_unread=str(problem), app_visits=tuple(ranges.visits))
    return replace(package, app=app, app_visits=tuple(ranges.visits))


async def _drive(reading: Reading[AppFacts], source: _Source) -> AppFacts:
    """Give a reading the bytes it wants, or the problem of getting them."""
    try:
        span = next(reading)
        while True:
            try:
                data = await source.read(span)
            except ArchiveProblem as problem:
                span = reading.throw(problem)
            else:
                span = reading.send(data)
    except StopIteration as end:
        found: AppFacts = end.value
        return found


@dataclass(slots=True)
class _Held:
    """The copy of a package that was read in full."""

    copy: Copy

    async def read(self, span: Span) -> bytes:
        """Return bytes of the copy."""
        return self.copy.read(span.offset, span.count)


@dataclass(slots=True)
class _Ranges:
    """A package on its server. What the request for its end brought is not asked for again."""

    session: Session
    package: PackageFacts
    visits: list[Visit] = field(default_factory=list)
    spent: int = 0

    @property
    def size(self) -> int:
        """The size of the package, 0 if it is unknown."""
        return self.package.size or 0

    async def read(self, span: Span) -> bytes:
        """Return the bytes of a span; ArchiveProblem where the server does not give exactly these."""
        begun, known = self._tail()
        if begun <= span.offset and span.offset + span.count <= begun + len(known):
            return known[span.offset - begun :][: span.count]
        self._afford(span.count)
        visit = await self._ask(span)
        begin, body = _part(visit.response) or (-1, b"")
        if begin != span.offset or len(body) != span.count:
            raise ArchiveProblem(f"the server does not answer the range that was asked for ({_shown(visit)})")
        return body

    def _tail(self) -> tuple[int, bytes]:
        part = _part(self.package.tail.response)
        if not self.size or part is None:
            shown = _shown(self.package.tail)
            raise ArchiveProblem(f"it was not read in full, and its end cannot be asked for by a range ({shown})")
        return part

    def _afford(self, count: int) -> None:
        full = self.session.options.package_limit >= self.size
        if self.spent + count > (FULL_BUDGET if full else BUDGET):
            raise ArchiveProblem(f"that would take more than {BUDGET} bytes of traffic; check --full takes more")
        self.spent += count

    async def _ask(self, span: Span) -> Visit:
        wanted = f"bytes={span.offset}-{span.offset + span.count - 1}"
        visit = await self.session.visit(
            "package contents",
            self.package.url,
            "package",
            extra=(("Range", wanted),),
            keep=span.count,
            read=span.count,
        )
        self.visits.append(visit)
        return visit


def _part(response: Response | None) -> tuple[int, bytes] | None:
    """Return the offset and the bytes of a 206 that was kept whole; None for any other answer."""
    if response is None or response.status != 206 or response.header("content-encoding") not in (None, "identity"):
        return None
    given = content_range(response.header("content-range") or "")
    if given is None or response.received != len(response.body):
        return None
    first, last, _ = given
    return (first, response.body) if last - first + 1 == len(response.body) else None


def _shown(visit: Visit) -> str:
    return f"status {visit.status}" if visit.response else "no answer"
