"""What a configuration would answer to a request: the one question that rules ask of nginx, Apache and IIS alike.

`Effective` is a configuration that was read, `Answer` what a `Request` would get, with the span of each line that decides it. A value that is not
known is None and named in `unknown`: a wrong value is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from ota_proxy.servers.text import NOWHERE, Span

Cause = Literal["media-type", "method", "name", "client-certificate"]
"""Why a file is refused although it is there: its type is not mapped, the method or the name is not allowed, or a certificate is wanted."""
Trouble = Literal["schema", "duplicate", "locked", "module-missing", "ineffective"]


HOST = "ota.example.com"
"""The host of a request where nobody named one."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: a decoded path, a method, and whether the client offers compression.

    `there`: the file lies where the path leads. `named`: the name is that of a file in the tree; else only its folder and extension are known, and the
    rest of it stands for any name.
    """

    path: str
    scheme: Literal["https", "http"] = "https"
    host: str = HOST
    query: str = ""
    method: Literal["GET", "HEAD"] = "GET"
    compressed: bool = False
    there: bool = True
    named: bool = True

    @property
    def target(self) -> str:
        """Path and query."""
        return self.path + (f"?{self.query}" if self.query else "")


@dataclass(frozen=True, slots=True)
class Reason:
    """A line that decides something, and why; `text` is what shows it, where that is not the line itself.

    `absent`: what decides is that something does not stand anywhere, so another file may still have it; the span is where to put it. `fixed`: nothing
    that this server's configuration could say would change it.
    """

    why: str
    span: Span = NOWHERE
    text: str = ""
    absent: bool = False
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """A header of an answer, its name in lower case, and the line that sets it; `NOWHERE` for one that the server adds by itself."""

    name: str
    value: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason for which a file that is there is not given out."""

    cause: Cause
    reason: Reason


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect that may answer; one of several where it depends on what is not known. `name` is what people call it.

    `about_scheme` says that it is meant for plain http, and not for another host or an old path.
    """

    location: str
    reason: Reason
    name: str = "the redirect"
    about_scheme: bool = True


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be told: `status`, `location` or the name of a header."""

    what: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Tls:
    """The protocol versions that are offered (None: not known) and the certificate file (empty: not known)."""

    protocols: tuple[str, ...] | None = None
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request would get.

    Where `refused` is not empty the file does not come; the headers are those it has once the reasons are mended, without a Content-Type where none is
    mapped. `silent` are headers that a line switches off. `unheard` says why no server answers at all.
    """

    request: Request
    status: int | None = None
    headers: tuple[Header, ...] = ()
    silent: tuple[Header, ...] = ()
    refused: tuple[Refusal, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    listing: Reason | None = None
    """What makes a list of the folder's files of it."""
    page: Reason | None = None
    """What makes a page of a file that is not there."""
    decided: Reason = Reason("")
    """What decides the status."""
    file_served: str | None = None
    tls: Tls | None = None
    unheard: str = ""
    unknown: tuple[Unknown, ...] = ()

    def header(self, name: str) -> tuple[Header, ...]:
        """Return every header of a name, given in lower case."""
        return tuple(one for one in self.headers if one.name == name)


@dataclass(frozen=True, slots=True)
class Proxied:
    """A rule that passes requests on to an application: the request headers it sets, in lower case, and whether Host stays that of the client (None: not known)."""

    name: str
    reason: Reason
    sets: frozenset[str]
    keeps_host: bool | None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the configuration itself, whatever is asked; `doubtful` where the server may well take it."""

    kind: Trouble
    reason: Reason
    doubtful: bool = False


class Effective(Protocol):
    """A configuration that was read; nothing here raises."""

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Why files of it could not be read, a sentence each."""

    @property
    def unread(self) -> str:
        """Why the rest cannot be told of, because a file of it could not be understood; empty if all were."""

    @property
    def unseen(self) -> str:
        """Why what stands nowhere may still stand in a file that was not looked at; empty if all were."""

    @property
    def unjudged(self) -> tuple[str, ...]:
        """What stands there and nobody here can tell right from wrong."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the configuration itself."""

    @property
    def proxied(self) -> tuple[Proxied, ...]:
        """What is passed on to applications."""

    @property
    def start(self) -> Span:
        """Where a person looks first: the place for what is missing."""

    def files(self, extension: str) -> tuple[str, ...]:
        """Return the URL paths of files with an extension that lie in the tree."""

    def folders(self) -> tuple[str, ...]:
        """Return the URL paths that the configuration says something about, folders and single files, the site's root first; none where no site was read."""

    def hosting(self, extensions: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of `folders` that files with one of the extensions would lie in, as far as the configuration tells."""

    def text(self, span: Span) -> str:
        """Return the line at which a span begins, without its indentation; for a default of the server its name."""

    def ask(self, request: Request) -> Answer:
        """Return what a request would get."""
