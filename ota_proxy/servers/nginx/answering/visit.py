"""The state of one request on its way through nginx, in one world of what is not known."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from ota_proxy.servers.answered import Header, Unknown
from ota_proxy.servers.nginx.answering.levels import Level, Model
from ota_proxy.servers.nginx.answering.patterns import groups
from ota_proxy.servers.nginx.answering.request import Request, extension
from ota_proxy.servers.nginx.tree import Node
from ota_proxy.servers.site_files import SiteFiles
from ota_proxy.servers.text import Span
from ota_proxy.servers.worlds import World

MOST_CHANGES = 10
"""NGX_HTTP_MAX_URI_CHANGES."""


NO_LOCATION: Final = "\0"
"""No Location at all; an empty one is sent as it is."""


class UnknowableError(Exception):
    """Nothing can be said from here on: `what`, and the line that is to blame."""

    def __init__(self, what: str, span: Span | None = None) -> None:
        super().__init__(what)
        self.what, self.span = what, span


class RefusedError(Exception):
    """nginx ends the request with a status of its own (`error_page` may take it over); `node` is the line that says so."""

    def __init__(
        self, status: int, node: Node | None = None, why: str = "", location: str | None = NO_LOCATION
    ) -> None:
        super().__init__(status)
        self.status, self.node, self.why, self.location = status, node, why, location


@dataclass(frozen=True, slots=True)
class Said:
    """A step of the trace."""

    span: Span | None
    text: str
    why: str


PASSES: Final = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass")
HANDLERS: Final = (
    *PASSES,
    *("stub_status", "empty_gif", "perl", "js_content", "mp4", "flv", "echo"),
    *("content_by_lua", "content_by_lua_block", "content_by_lua_file"),
)
"""Directives that make the answer themselves."""


def _allowed(limited: Level, method: str) -> bool:
    """Say whether `limit_except` names a method; GET allows HEAD too."""
    names = set(limited.node.args if limited.node else ())
    return method in names or (method == "HEAD" and "GET" in names)


@dataclass(eq=False, slots=True)
class Response:
    """An answer before nginx's header filters."""

    status: int | None
    """None if an upstream decides."""
    kind: str
    """`file`, `text` (return), `page` (nginx's own), `listing`, `upstream` or `redirect`."""
    content_type: str | None = ""
    type_from: Node | None = None
    length: int | None = None
    location: str | None = NO_LOCATION
    location_from: Node | None = None
    file: str | None = None
    modified: float | None = None
    ranges: bool = False
    etag: bool = False
    upstream: str | None = None
    encoding: str = ""
    encoding_from: Node | None = None
    varies: bool = False
    """Whether `gzip_static on` found a `.gz`, taken or not."""


@dataclass(eq=False, slots=True)
class Visit:
    """Where the request is: URI, level, variables; what was said so far."""

    request: Request
    model: Model
    world: World
    files: SiteFiles
    server: Level
    level: Level
    uri: str
    args: str
    version: str = ""
    found: Level | None = None
    """The location that was found; None while only the server is known."""
    handler: Level | None = None
    """The level whose `proxy_pass` (or another handler) answers."""
    variables: dict[str, str | None] = field(default_factory=dict)
    captures: list[str] | None = field(default_factory=list)
    """`$0`, `$1` … of the last match; None if it is not known."""
    trace: list[Said] = field(default_factory=list)
    changes: int = MOST_CHANGES + 1
    changed: bool = False
    internal: bool = False
    whole: bool = True
    """`valid_location`: whether the URI is the one that the location was found by."""
    untouched: bool = True
    """`valid_unparsed_uri`: whether the URI is what the client sent."""
    status: int = 0
    """`err_status`: what the answer's status will be, whatever is served; 0: its own."""
    in_error_page: bool = False
    computed: dict[str, str | None] = field(default_factory=dict)
    status_sent: int | None = None
    """What `$status` gives while headers are added."""
    target: str | None = None
    """`$request_uri`, where it is not what was asked for."""
    tested_type: str = ""
    """The type that charset and gzip look at, where it is not the answer's: nginx keeps the first one's (`content_type_lowcase`)."""
    content_type: str | None = ""
    """What `$sent_http_content_type` gives while headers are added."""
    location_sent: str | None = ""
    location: str | None = NO_LOCATION
    """The Location that was set before `error_page` took over; it stays."""
    location_from: Node | None = None
    challenges: list[Node] = field(default_factory=list)
    """Each `auth_basic` that asked for a password; WWW-Authenticate stays too."""

    def say(self, node: Node | None, why: str) -> None:
        """Add a step to the trace."""
        self.trace.append(Said(node.span if node else None, node.text if node else "", why))

    @property
    def extension(self) -> str:
        """Return the extension that types are looked up by."""
        return extension(self.uri)

    def keep(self, match: re.Match[bytes] | None) -> None:
        """Keep what a match captured; None if it is not known."""
        if match is None:
            self.captures = None
            return
        self.captures, names = groups(match)
        self.variables.update({name.lower(): text for name, text in names.items()})

    def enter(self, level: Level) -> None:
        """Take a level's configuration: `update_location_config`."""
        if level.limited and not _allowed(level.limited, self.request.method):
            level = level.limited
        self.level = level
        if any(level.own(name) for name in HANDLERS):
            self.handler = level

    def move(self, uri: str) -> None:
        """Take a new URI."""
        self.uri = uri
        self.untouched = False


@dataclass(eq=False, slots=True)
class Sent:
    """The fields of an answer while they are put together."""

    status: int | None
    content_type: str | None
    content_type_from: Span | None
    length: int | None
    has_length: bool = True
    modified: bool = False
    etag: bool = False
    weak: bool = False
    ranges: bool = False
    fields: list[Header] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)

    def doubt(self, name: str, why: str, span: Span | None = None) -> None:
        """Name a field that is not known."""
        if all(one.field != name for one in self.unknown):
            self.unknown.append(Unknown(f"{name}: {why}", span))
