"""The answer to "what will this request get": status, headers, TLS, each with the line that set it. The same words for every server.

What is not known is None, and named in `unknown`: a wrong value is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass

from ota_proxy.servers.text import Span


@dataclass(frozen=True, slots=True)
class Header:
    """A field of the answer: its name in lower case, its value where that is known, and the line it comes from, if one does."""

    name: str
    value: str | None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that decided: a line's text, and why it did. A step without a line is the server's own behaviour."""

    text: str
    why: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """What is not known: the field's name, a colon, and why; with the line that is to blame."""

    what: str
    span: Span | None = None

    @property
    def field(self) -> str:
        """Return the field's name: `status`, `content-type`."""
        return self.what.partition(":")[0]


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The handshake's side: protocols in rising order, None where they are not known; the certificate's path on the server."""

    protocols: tuple[str, ...] | None = None
    certificate: str | None = None
    span: Span | None = None
    """The line that names the protocols."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What one request gets from one configuration."""

    url: str
    server: str
    status: int | None = None
    headers: tuple[Header, ...] = ()
    location: str | None = None
    """The block or path that decides, as its server writes it (`location ~ \\.plist$`)."""
    file_served: str | None = None
    """The file's path on the server."""
    upstream: str | None = None
    tls: TlsSettings | None = None
    trace: tuple[Step, ...] = ()
    unknown: tuple[Unknown, ...] = ()

    def header(self, name: str) -> tuple[Header, ...]:
        """Return the fields of a name."""
        return tuple(header for header in self.headers if header.name == name)
