"""Sends a request byte for byte and reads whatever comes back: an answer, a closed connection, a refused handshake."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

DEFAULT_HOST = "ota.example.com"
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request before it is written; the target goes on the wire as it stands."""

    method: str
    scheme: str
    host: str
    """As in the Host header, with a port where one was given."""
    target: str
    sni: str
    headers: Mapping[str, str]
    content: bytes
    version: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}{self.target}"

    def head(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/{self.version}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


@dataclass(slots=True)
class Seen:
    """What came of a request, on the wire and, once it is known, in the access log and at the application."""

    request: Request
    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """Values by name in lower case; repeated fields joined."""
    body: bytes = b""
    closed: bool = False
    """The connection ended without an answer."""
    tls_failed: bool = False
    names: tuple[str, ...] = ()
    """The names on the server's certificate."""
    log: dict[str, Any] | None = None
    upstream: dict[str, str] | None = None

    @property
    def text(self) -> bytes:
        """Return the body without its content coding."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" and self.body else self.body


def request_of(sent: Mapping[str, Any], before: Seen | None) -> Request:
    """Read a step: `GET /path`, `GET https://host:port/path`; `@ETag` in a header is that of the answer before."""
    method, _, where = str(sent["request"]).partition(" ")
    where = re.sub(r"\{(.)\*(\d+)\}", lambda found: found[1] * int(found[2]), where)
    where = where.replace("{segments}", "/".join(["0123456789" * 15] * 30))
    if where.startswith("/"):
        where = f"http://{DEFAULT_HOST}{where}"
    scheme, _, rest = where.partition("://")
    host, slash, path = rest.partition("/")
    content = str(sent.get("content", "")).encode()
    headers: dict[str, Any] = {"Host": host} | dict(sent.get("send", {}))
    if content:
        headers["Content-Length"] = len(content)
    return Request(
        method,
        scheme,
        host,
        slash + path,
        str(sent.get("sni", host.partition(":")[0])),
        {name: _filled(str(value), before) for name, value in headers.items() if value is not False},
        content,
        str(sent.get("version", "1.1")),
    )


def _filled(value: str, before: Seen | None) -> str:
    return re.sub(r"@([A-Za-z-]+)", lambda found: before.headers[found[1].lower()] if before else found[0], value)


def exchange(request: Request, port: int, ca: str) -> Seen:
    """Make one connection for one request."""
    seen = Seen(request)
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(socket.create_connection(("127.0.0.1", port), _SECONDS))
        connection: socket.socket = plain
        if request.scheme == "https":
            try:
                connection = stack.enter_context(_context(ca).wrap_socket(plain, server_hostname=request.sni))
            except ssl.SSLCertVerificationError:
                raise
            except (ssl.SSLError, ConnectionError):
                seen.tls_failed = True
                return seen
            seen.names = _names(connection)
        connection.sendall(request.head() + request.content)
        _read(connection, seen)
    return seen


def _context(ca: str) -> ssl.SSLContext:
    """Trust the printed authority only; the name is a case's own matter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca)
    return context


def _names(connection: socket.socket) -> tuple[str, ...]:
    certificate = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    found: Any = (certificate or {}).get("subjectAltName", ())
    return tuple(str(value) for kind, value in found if kind == "DNS")


def _read(connection: socket.socket, seen: Seen) -> None:
    answer = http.client.HTTPResponse(connection, method=seen.request.method)
    try:
        answer.begin()
        seen.body = answer.read()
    except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLError):
        seen.closed = True
        return
    finally:
        answer.close()
    seen.status, seen.reason = answer.status, answer.reason
    for name, value in answer.getheaders():
        key = name.lower()
        seen.headers[key] = f"{seen.headers[key]}, {value}" if key in seen.headers else value


def covers(names: tuple[str, ...], host: str) -> bool:
    """Say whether a certificate names a host, by a wildcard too."""
    return host in names or f"*.{host.partition('.')[2]}" in names


def resolved(request: Request, location: str) -> str:
    """Return a Location as an absolute URL with a path, so that equal targets are equal texts."""
    parts = urlsplit(urljoin(request.url, location))
    return parts._replace(path=parts.path or "/").geturl()
