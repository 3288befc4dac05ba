"""A request, its answer, and the hops of one visit, as they went over the wire. `facts` has these names too.

Times are durations in seconds, sizes bytes. A body is kept up to the limit of its step, `truncated` says when there was more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from ota_proxy.facts.tls import NetError
from ota_proxy.numbers import whole

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """One answer as it came over the wire; header names keep their order and repetition, lower-cased."""

    status: int
    headers: tuple[Header, ...]
    http_version: Literal["1.0", "1.1", "2"]
    body: bytes = b""
    received: int = 0
    """Body bytes that arrived, also those not kept."""
    complete: bool = True
    """The body ended as declared (Content-Length, last chunk, END_STREAM). HEAD is complete by nature."""
    truncated: bool = False
    """We stopped reading at the step's limit."""
    reason: str = ""
    illegal: tuple[str, ...] = ()
    """Fields (`name: value`, as sent) that HTTP/2 forbids (RFC 9113 §8.2): hop-by-hop ones, upper case, control characters."""
    broken: NetError | None = None
    """Why the body did not end as declared although we wanted all of it: silence, time-out, a broken-off connection, wrong framing."""

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def headers_all(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, in order."""
        return tuple(value for key, value in self.headers if key == name.lower())

    @property
    def media_type(self) -> str:
        """The first Content-Type without parameters, lower-cased; empty if there is none."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def length(self) -> int | None:
        """The declared Content-Length; None if there is none, or one that is not a number."""
        return whole((self.header("content-length") or "").strip())


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it: `response` or `error`, never both."""

    id: int
    step: str
    agent: Literal["manifest", "package", "mdm", "browser"]
    method: str
    url: str
    request_headers: tuple[Header, ...]
    address: str = ""
    elapsed: float = 0.0
    response: Response | None = None
    error: NetError | None = None

    @property
    def status(self) -> int:
        """The status, 0 without an answer."""
        return self.response.status if self.response else 0


@dataclass(frozen=True, slots=True)
class Visit:
    """One thing the device wanted, with every redirect hop on the way (at most eight)."""

    step: str
    hops: tuple[Exchange, ...]
    stopped: str = ""
    """Why a redirect was not followed: `loop`, `too-many`, `left-https`, `bad-location`, `other-scheme`; empty when the last hop is the answer."""

    @property
    def first(self) -> Exchange:
        """The request as the device made it."""
        return self.hops[0]

    @property
    def last(self) -> Exchange:
        """The last request made."""
        return self.hops[-1]

    @property
    def response(self) -> Response | None:
        """The final answer."""
        return self.last.response

    @property
    def error(self) -> NetError | None:
        """Why there is no final answer."""
        return self.last.error

    @property
    def status(self) -> int:
        """The final status, 0 without an answer."""
        return self.last.status

    @property
    def ok(self) -> bool:
        """The final answer is 2xx and no redirect was left unfollowed."""
        return not self.stopped and 200 <= self.status < 300  # the 2xx class, RFC 9110 §15.3

    @property
    def redirected(self) -> bool:
        """At least one redirect was seen."""
        return len(self.hops) > 1 or bool(self.stopped)


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an absolute http(s) URL; empty values where it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", "", 0
    return parts.scheme, parts.hostname or "", port or {"https": 443, "http": 80}.get(parts.scheme, 0)
