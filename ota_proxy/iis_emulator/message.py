"""A request as it reaches the modules, the response they make together, and the words for its status as IIS has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

Header = tuple[str, str]
Address = tuple[str, int]
BLOCK = 64 * 1024
"""Bytes that are read and sent at a time."""


def _keep() -> None:
    """Close nothing."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A body: its length in bytes (None while it is not known), a way to read it in pieces, once, and one to forget it."""

    length: int | None
    chunks: Callable[[], AsyncIterator[bytes]] = field(repr=False)
    close: Callable[[], None] = field(default=_keep, repr=False)


def of_bytes(data: bytes) -> Payload:
    """Return a body that is in memory already."""

    async def chunks() -> AsyncIterator[bytes]:
        if data:
            yield data

    return Payload(len(data), chunks)


EMPTY = of_bytes(b"")


class Headers:
    """Header fields in their order; names are compared without case."""

    def __init__(self, fields: list[Header] | None = None) -> None:
        self.fields = list(fields or [])

    def header(self, name: str) -> str:
        """Return the value of a field, several joined by commas (RFC 9110 §5.3), empty if it is not there."""
        wanted = name.lower()
        return ", ".join(value for known, value in self.fields if known.lower() == wanted)

    def has(self, name: str) -> bool:
        """Say whether the field is there, be it empty."""
        wanted = name.lower()
        return any(known.lower() == wanted for known, _ in self.fields)

    def remove_header(self, name: str) -> None:
        """Take every field of that name away."""
        wanted = name.lower()
        self.fields = [(known, value) for known, value in self.fields if known.lower() != wanted]

    def set_header(self, name: str, value: str) -> None:
        """Put one field in the place of all of that name."""
        self.remove_header(name)
        self.fields.append((name, value))

    def add_header(self, name: str, value: str) -> None:
        """Add a field beside those that are there."""
        self.fields.append((name, value))


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


@dataclass(slots=True)
class Request(Headers):
    """One request. `target` is as sent, `path` decoded once and without dot segments, `query` as sent without its question mark."""

    method: str
    target: str
    path: str
    query: str
    fields: list[Header]
    secure: bool
    speaks: str
    """The version of HTTP: `1.0`, `1.1` or `2`."""
    remote: Address
    local: Address
    has_certificate: bool = False
    body: Callable[[], AsyncIterator[bytes]] = _nothing
    has_body: bool = False

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "https" if self.secure else "http"

    @property
    def protocol(self) -> str:
        """As server variables write it."""
        return "HTTP/2.0" if self.speaks == "2" else f"HTTP/{self.speaks}"

    @property
    def host(self) -> str:
        """The host name without the port, in lower case."""
        return host_of(self.header("host"))

    @property
    def raw_path(self) -> str:
        """The path as sent, still encoded."""
        return self.target.partition("?")[0]


def host_of(authority: str) -> str:
    """Return the host of `host`, `host:port` or `[address]:port`, in lower case."""
    if authority.startswith("["):
        return authority.partition("]")[0].lower() + "]"
    return authority.partition(":")[0].lower()


@dataclass(slots=True)
class Response(Headers):
    """What goes back. `aborted` means that the connection ends without an answer."""

    status: int
    fields: list[Header] = field(default_factory=list)
    payload: Payload = EMPTY
    substatus: int = 0
    reason: str = ""
    aborted: bool = False
    hresult: str = ""
    upstream: bool = False
    """Made by an application behind the proxy."""


def error(status: int, substatus: int = 0) -> Response:
    """Return an answer whose body the error module writes."""
    return Response(status, substatus=substatus)


_SUB = {
    (403, 4): "SSL required",
    (403, 6): "IP address rejected",
    (403, 7): "Client certificate required",
    (403, 14): "Directory listing denied",
    (404, 3): "MIME type restriction",
    (404, 4): "No handler configured",
    (404, 5): "Denied by request filtering configuration",
    (404, 6): "Verb denied",
    (404, 7): "File extension denied",
    (404, 8): "Hidden namespace",
    (404, 11): "Request contains double escape sequence",
    (404, 12): "Request contains high-bit characters",
    (404, 14): "Request URL too long",
    (404, 15): "Query string too long",
    (404, 18): "Query string sequence denied",
    (404, 19): "Denied by filtering rule",
    (413, 1): "Content length too large",
    (500, 19): "Configuration data is invalid",
    (500, 50): "A rewrite error occurred during RQ_BEGIN_REQUEST notification handling",
    (500, 51): "A rewrite error occurred during GL_PRE_BEGIN_REQUEST notification handling",
    (500, 52): "A rewrite error occurred during RQ_SEND_RESPONSE notification handling",
    (502, 3): "Bad Gateway: Forwarder Connection Error (ARR)",
}


def reason(status: int) -> str:
    """Return the phrase of a status, empty for a number nobody registered."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def meaning(status: int, substatus: int) -> str:
    """Return what status and sub-status say together."""
    return _SUB.get((status, substatus)) or reason(status)
