"""What a request gets from an nginx configuration, and the line that each part of the answer comes from.

Works out nginx's phases one after the other. What depends on something that is not known (a file, the client's address, a variable of the
running server) is tried both ways: what is the same either way is known, and what is not is named.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final, TypeVar

from ota_proxy.servers.answered import Answered, Header, Step, TlsSettings, Unknown
from ota_proxy.servers.nginx.answering.conditions import AnsweredAnewError
from ota_proxy.servers.nginx.answering.header_filters import sent
from ota_proxy.servers.nginx.answering.levels import Level, Model, NotGivenError, model
from ota_proxy.servers.nginx.answering.listening import Chosen, ElsewhereError, Socket, arriving, named, sockets
from ota_proxy.servers.nginx.answering.phases import respond
from ota_proxy.servers.nginx.answering.request import BadUriError, Request, normal, served_host, split
from ota_proxy.servers.nginx.answering.tls import settings
from ota_proxy.servers.nginx.answering.visit import RefusedError, Response, Sent, UnknowableError, Visit
from ota_proxy.servers.nginx.tree import Tree
from ota_proxy.servers.site_files import KnownFiles, SiteFiles
from ota_proxy.servers.tree_files import DiskFiles
from ota_proxy.servers.worlds import Question, TooManyWorldsError, World, every_world

T = TypeVar("T")
EVERYTHING: Final = ("status", "headers", "location", "file_served", "upstream")
"""Fields of an answer of which nothing is known."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The answer in one world."""

    status: int | None
    headers: tuple[Header, ...]
    location: str | None
    file: str | None
    upstream: str | None
    tls: TlsSettings | None
    trace: tuple[Step, ...]
    unknown: tuple[Unknown, ...]


def effective(tree: Tree, request: Request, files: SiteFiles | None = None, version: str = "") -> Answered:
    """Return the answer that nginx gives; `version` is what it would write into `Server`, empty if that is not known."""
    if tree.problems:
        return _nothing(
            request,
            tuple(Unknown(f"{name}: {one.message}", one.span) for one in tree.problems[:1] for name in EVERYTHING),
        )
    known = files or _files(tree)
    served = model(tree)
    try:
        outcomes = list(every_world(lambda world: _in_world(world, _Asked(served, request, known, version))))
    except TooManyWorldsError as error:
        return _nothing(request, tuple(_because(name, error.questions) for name in EVERYTHING))
    return _merged(request, outcomes)


def _files(tree: Tree) -> SiteFiles:
    if isinstance(tree.files, DiskFiles):
        return KnownFiles(tree.files)
    return KnownFiles(DiskFiles(()), this_machine=False)


def _nothing(request: Request, unknown: tuple[Unknown, ...]) -> Answered:
    return Answered(request.url, "nginx", unknown=unknown)


# -- one world ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is the same in every world."""

    served: Model
    request: Request
    files: SiteFiles
    version: str


def _in_world(world: World, asked: _Asked) -> _Outcome:
    visit: Visit | None = None
    tls: TlsSettings | None = None
    doubts: tuple[Unknown, ...] = ()
    try:
        socket, chosen = _server(world, asked.served, asked.request)
        if asked.request.tls:
            tls, doubts = settings(socket, _by_sni(world, socket, asked.served, asked.request), asked.served.tree)
        visit = _visit(world, asked, chosen)
        taking = _by_sni(world, socket, asked.served, asked.request)
        return _answered(visit, _first_refusal(visit, socket, taking, chosen), tls, doubts)
    except UnknowableError as error:
        unknown = [Unknown(f"{name}: {error.what}", error.span) for name in EVERYTHING]
    except NotGivenError as error:
        unknown = [
            Unknown(f"{name}: `{error.name}` may stand on a level that is not in the files") for name in EVERYTHING
        ]
    except ElsewhereError:
        unknown = [Unknown(f"{name}: a server of another file may answer") for name in EVERYTHING]
    trace = _trace(visit) if visit else ()
    return _Outcome(None, (), None, None, None, tls, trace, (*doubts, *unknown))


def _server(world: World, served: Model, request: Request) -> tuple[Socket, Chosen]:
    socket = arriving(sockets(served), request, world)
    if socket is None and served.tree.context in {"server", "location"}:
        socket = Socket("*", request.port, list(served.servers), tls=request.tls)
    if socket is None:
        raise UnknowableError(f"no server listens on port {request.port}")
    if request.tls and not socket.tls:
        raise UnknowableError(
            f"port {request.port} does not speak TLS", socket.first.node.span if socket.first.node else None
        )
    if request.tls:
        by_sni = _by_sni(world, socket, served, request)
        if by_sni.on("ssl_reject_handshake"):
            raise UnknowableError("nginx refuses the handshake", by_sni.find("ssl_reject_handshake")[-1].span)
    name = served_host(request.host_header)
    return socket, named(socket, name, served, world) if name else Chosen(socket.first, "the Host field is not valid")


def _by_sni(world: World, socket: Socket, served: Model, request: Request) -> Level:
    """Return the server that takes the request in: the one of the TLS name, else the socket's default."""
    return named(socket, request.sni, served, world).server if request.sni else socket.first


def _visit(world: World, asked: _Asked, chosen: Chosen) -> Visit:
    path, args = split(asked.request.target)
    visit = Visit(
        asked.request, asked.served, world, asked.files, chosen.server, chosen.server, path, args, asked.version
    )  # fmt: skip
    visit.say(chosen.server.node, f"the server: {chosen.why}")
    return visit


def _first_refusal(visit: Visit, socket: Socket, taking: Level, chosen: Chosen) -> RefusedError | None:
    """Return what nginx refuses before it looks for a location, and take the URI in; `taking` is the server before the Host is read."""
    try:
        merge = taking.on("merge_slashes", default=True)
    except NotGivenError:
        merge = True
    try:
        visit.uri = normal(visit.uri, merge_slashes=merge)
    except BadUriError:
        visit.server = visit.level = taking
        visit.request = dataclasses.replace(visit.request, headers=(), read=False)
        visit.uri, visit.args, visit.target = "", "", ""  # ngx_http_process_request_uri stops before it sets them
        return RefusedError(400, None, "the URI is not valid")
    if served_host(visit.request.host_header) is None:
        visit.server = visit.level = taking
        return RefusedError(400, None, "the Host field is not valid")
    if chosen.match:
        visit.keep(chosen.match)
    if socket.tls and not visit.request.tls:
        return RefusedError(497, None, f"plain HTTP on port {socket.port}, which speaks TLS")
    return None


def _answered(
    visit: Visit, first: RefusedError | None, tls: TlsSettings | None, doubts: tuple[Unknown, ...]
) -> _Outcome:
    response = respond(visit, first)
    kept: list[Header] = []
    while True:
        try:
            return _outcome(visit, response, sent(visit, response, kept), tls, doubts)
        except AnsweredAnewError as refused:  # an error page may be refused in its turn, until nginx takes its own
            response = respond(visit, refused)
            visit.tested_type = "" if response.kind == "page" else refused.content_type or ""
            again = any(one.name == "content-range" for one in kept)
            kept = [one for one in refused.kept if one.name != "last-modified"]
            if again:
                kept = _without_first(kept, "content-range")
                doubts = (*doubts, Unknown("content-range: nginx's version decides how often it is sent"))
            if response.kind == "page":  # ngx_http_clear_etag takes the newest one back
                kept = _without_first(kept, "etag")


def _without_first(fields: list[Header], name: str) -> list[Header]:
    at = next((number for number, one in enumerate(fields) if one.name == name), len(fields))
    return fields[:at] + fields[at + 1 :]


def _outcome(
    visit: Visit, response: Response, out: Sent, tls: TlsSettings | None, doubts: tuple[Unknown, ...]
) -> _Outcome:
    place = visit.found.shown if visit.found else None
    unknown = list(out.unknown)
    if response.kind == "upstream" and response.upstream is None:
        span = response.type_from.span if response.type_from else None
        unknown.append(Unknown("upstream: a variable in it is known to the running server only", span))
    served = response.file if response.kind == "file" else None
    return _Outcome(
        out.status, tuple(out.fields), place, served, response.upstream, tls, _trace(visit), (*doubts, *unknown)
    )


def _trace(visit: Visit) -> tuple[Step, ...]:
    return tuple(Step(one.text, one.why, one.span) for one in visit.trace)


# -- all worlds --------------------------------------------------------------------------------------------------------


def _merged(request: Request, outcomes: list[tuple[World, _Outcome]]) -> Answered:
    """Keep what is the same in every world; name what is not, with the questions that stand open."""
    _, first = outcomes[0]
    every = [outcome for _, outcome in outcomes]
    questions = _distinct([question for world, _ in outcomes for question in world.questions])
    unknown = _distinct([one for outcome in every for one in outcome.unknown])

    def same(name: str) -> bool:
        values = [getattr(outcome, name) for outcome in every]
        if all(value == values[0] for value in values):
            return True
        unknown.append(_because("file_served" if name == "file" else name, questions))
        return False

    status = first.status if same("status") else None
    location = first.location if same("location") else None
    file = first.file if same("file") else None
    upstream = first.upstream if same("upstream") else None
    tls = first.tls if same("tls") else None
    headers = _common_headers([outcome.headers for outcome in every], questions, unknown)
    return Answered(
        request.url, "nginx", status, headers, location, file, upstream, tls, _common_trace(outcomes), tuple(_one_a_field(unknown))
    )  # fmt: skip


def _common_headers(
    every: list[tuple[Header, ...]], questions: list[Question], unknown: list[Unknown]
) -> tuple[Header, ...]:
    kept: list[Header] = []
    names = _distinct([header.name for headers in every for header in headers])
    for name in names:
        rows = [[header for header in headers if header.name == name] for headers in every]
        if all(row == rows[0] for row in rows):
            kept += rows[0]
            continue
        unknown.append(_because(name, questions))
        if all(len(row) == len(rows[0]) for row in rows):
            kept += [
                one if all(row[number].value == one.value for row in rows) else Header(name, None)
                for number, one in enumerate(rows[0])
            ]
    return tuple(kept)


def _common_trace(outcomes: list[tuple[World, _Outcome]]) -> tuple[Step, ...]:
    """Return the steps that all worlds begin with, and then what comes of each one."""
    every = [outcome.trace for _, outcome in outcomes]
    common = list(every[0])
    for trace in every[1:]:
        same = next(
            (number for number, (one, other) in enumerate(zip(common, trace, strict=False)) if one != other),
            min(len(common), len(trace)),
        )
        common = common[:same]
    if len(every) == 1:
        return tuple(common)
    for world, outcome in outcomes:
        told = " and ".join(
            f"{question.words}: {'yes' if world.told(question) else 'no'}" for question in world.questions
        )
        status = "not known" if outcome.status is None else str(outcome.status)
        kind = next((header.value for header in outcome.headers if header.name == "content-type"), None)
        span = world.questions[-1].span if world.questions else None
        common.append(Step(f"whether {told}", f"then the status is {status}" + (f", {kind}" if kind else ""), span))
    return tuple(common)


def _because(name: str, questions: list[Question] | tuple[Question, ...]) -> Unknown:
    words = ", ".join(f"whether {question.words}" for question in questions[:3]) or "the worlds differ"
    span = next((question.span for question in questions if question.span), None)
    return Unknown(f"{name}: it depends on {words}", span)


def _one_a_field(unknown: list[Unknown]) -> list[Unknown]:
    found: dict[str, Unknown] = {}
    for one in unknown:
        found.setdefault(one.field, one)
    return list(found.values())


def _distinct(values: list[T]) -> list[T]:
    return list(dict.fromkeys(values))
