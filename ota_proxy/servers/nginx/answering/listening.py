"""Which server block answers: the sockets that a port has, the default of each, and the names (exact, wildcard, regular expression)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ota_proxy.servers.nginx.answering.levels import Level, Model
from ota_proxy.servers.nginx.answering.patterns import compiled
from ota_proxy.servers.nginx.answering.request import Request
from ota_proxy.servers.nginx.tree import Node
from ota_proxy.servers.text import Span
from ota_proxy.servers.worlds import World

_RANGE: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_WIDEST: Final = 1000


@dataclass(slots=True)
class Socket:
    """One address and port: the servers that listen there, in the order of the file."""

    address: str
    port: int
    servers: list[Level] = field(default_factory=list)
    default: Level | None = None
    tls: bool = False
    options: set[str] = field(default_factory=set)

    @property
    def first(self) -> Level:
        """Return the server for every name that no server has."""
        return self.default or self.servers[0]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A server, why it was taken, and what its name captured."""

    server: Level
    why: str
    names: Node | None = None
    match: re.Match[bytes] | None = None
    """Of the regular expression that fits, where there is one."""


def sockets(model: Model) -> list[Socket]:
    """Return the sockets of all servers in the order of the file; a server without `listen` has port 80 (as root)."""
    found: dict[tuple[str, int], Socket] = {}
    for server in model.servers:
        for address, ports, options in _listens(server):
            for port in ports:
                socket = found.setdefault((address, port), Socket(address, port))
                if server not in socket.servers:
                    socket.servers.append(server)
                socket.tls = socket.tls or "ssl" in options or server.value("ssl") == "on"
                socket.options |= options
                if options & {"default_server", "default"}:
                    socket.default = server
    return list(found.values())


def _listens(server: Level) -> Iterator[tuple[str, range, set[str]]]:
    listens = [node for node in server.own("listen") if node.args and not node.args[0].startswith("unix:")]
    if not server.own("listen"):
        yield "*", range(80, 81), set()
    for node in listens:
        options = {arg.partition("=")[0] for arg in node.args[1:]}
        if "quic" in options:
            continue
        yield (*_address(node.args[0]), options)


def _address(text: str) -> tuple[str, range]:
    """Return address and ports of `listen`'s first argument."""
    host, port = "*", text
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
        host = "::" if host == "::" else host
    elif ":" in text:
        host, _, port = text.rpartition(":")
    elif not _RANGE.fullmatch(text):
        host, port = text, ""
    found = _RANGE.fullmatch(port or "80")
    if not found:
        return host, range(0)
    first = int(found[1])
    last = int(found[2] or first)
    return ("*" if host == "0.0.0.0" else host), range(first, min(last, first + _WIDEST) + 1)  # noqa: S104  # compared, not bound


def arriving(every: list[Socket], request: Request, world: World) -> Socket | None:
    """Return the socket that the connection comes to; over IPv4 where any of the port's has it."""
    here = [one for one in every if one.port == request.port]
    literal = _literal(request.host)
    exact = next((one for one in here if literal and one.address == literal), None)
    if exact:
        return exact
    if literal and ":" in literal:
        return next((one for one in here if one.address == "::"), None)
    fourth = [one for one in here if ":" not in one.address] or here
    special = [one for one in fourth if one.address not in {"*", "::"}]
    general = next((one for one in fourth if one.address in {"*", "::"}), None)
    for number, one in enumerate(special):
        if general is None and number == len(special) - 1:
            return one
        if world.ask(f"the connection comes to {one.address}:{one.port}", _listen_span(one)):
            return one
    return general


def _listen_span(socket: Socket) -> Span | None:
    nodes = socket.servers[0].own("listen")
    return nodes[0].span if nodes else None


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def named(socket: Socket, host: str, model: Model, world: World) -> Chosen:
    """Return the server of a socket for a Host or SNI name, after `ngx_http_find_virtual_server`."""
    name = host.lower().removesuffix(".")
    found = _by_name(socket, name, world) or _by_pattern(socket, name, world)
    if found and len(socket.servers) == 1 and not _captures(found.server):
        return Chosen(found.server, found.why, found.names)
    if found:
        return found
    apart = model.http.missing and (len(socket.servers) > 1 or socket.servers[0].node is not None)
    if apart and world.ask(f"another file has a server for {name or 'no name'} on port {socket.port}"):
        raise ElsewhereError
    reason = (
        "it is the `default_server` of" if socket.default else "no server has that name, and it is the first one of"
    )
    if len(socket.servers) == 1:
        reason = "it is the only server of"
    return Chosen(socket.first, f"{reason} port {socket.port}")


def _captures(server: Level) -> bool:
    """Say whether the last regular expression of a server's names captures: nginx looks the names of a lone server up for that only."""
    patterns = [arg for node in server.own("server_name") for arg in node.args if arg.startswith("~")]
    regex = compiled(patterns[-1][1:], ignore_case=True) if patterns else None
    return regex is not None and regex.groups > 0


def _names(socket: Socket) -> Iterator[tuple[Level, Node, str]]:
    for server in socket.servers:
        for node in server.own("server_name"):
            for pattern in node.args:
                yield server, node, pattern


def _taken(socket: Socket) -> Iterator[tuple[Level, Node, str]]:
    """Yield the names that nginx does not ignore as conflicting, after `ngx_hash_add_key`: `.x` stands for `x` and `*.x`."""
    exact: set[str] = set()
    before: set[str] = set()
    after: set[str] = set()
    for server, node, pattern in _names(socket):
        name = pattern.lower()
        if name.startswith("~"):
            continue
        if name.startswith(".") and len(name) > 1:
            if name[1:] in exact:
                continue
            exact.add(name[1:])  # it stays there, though `*.x` may shut the rest out
        if name.startswith((".", "*.")):
            known, key = before, name.lstrip("*")
        elif name.endswith(".*"):
            known, key = after, name
        else:
            known, key = exact, name
        if key not in known:
            known.add(key)
            yield server, node, name


def _by_name(socket: Socket, name: str, world: World) -> Chosen | None:
    """Return the server whose exact or wildcard name fits best; the first of two that fit alike."""
    best: tuple[int, Chosen] | None = None
    for server, node, pattern in _taken(socket):
        rank, why = _rank(pattern, name)
        if pattern == "$hostname" and world.ask(f"{name} is the name of the server's own machine", node.span):
            rank, why = _EXACT, "it has the machine's name:"
        if rank and (best is None or rank > best[0]):
            best = (rank, Chosen(server, f"{why} `{node.text}`", node))
    return best[1] if best else None


def _by_pattern(socket: Socket, name: str, world: World) -> Chosen | None:
    """Return the first server whose regular expression fits."""
    for server, node, pattern in _names(socket):
        if not pattern.startswith("~"):
            continue
        regex = compiled(pattern[1:], ignore_case=True)
        if regex is None:
            if world.ask(f"the host matches {pattern}", node.span):
                return Chosen(server, f"its name matches `{node.text}`", node)
        elif found := regex.search(name.encode()):
            return Chosen(server, f"its name matches `{node.text}`", node, found)
    return None


class ElsewhereError(Exception):
    """The server that answers stands in a file that was not given."""


_EXACT: Final = 1_000_000
_BEFORE: Final = 10_000


def _rank(pattern: str, name: str) -> tuple[int, str]:
    """Return how good a name fits (0: not at all) and why: exact, then the longest `*.x`, then the longest `x.*`."""
    if pattern == name:
        return _EXACT, "it has exactly this name:"
    if pattern.startswith(("*.", ".")):
        tail = pattern.lstrip("*")
        if name.endswith(tail) or (pattern == tail and name == tail[1:]):
            return _BEFORE + len(tail), "its wildcard fits:"
    if pattern.endswith(".*") and name.startswith(pattern[:-1]) and len(name) > len(pattern) - 1:
        return len(pattern), "its wildcard fits:"
    return 0, ""
