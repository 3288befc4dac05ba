"""The levels of an nginx configuration and what they pass down: http, server, location, `if`, `limit_except`.

A directive that a level does not have comes from the nearest level around it. A level that is not in the files (a fragment's) answers "not known".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ota_proxy.servers.nginx.syntax import walk
from ota_proxy.servers.nginx.tree import Node, Tree

_CAPTURE: Final = re.compile(r"\(\?P?[<'](\w+)[>']")
SET_AROUND: Final = frozenset(
    {
        *(
            "types",
            "default_type",
            "add_header",
            "expires",
            "charset",
            "server_tokens",
            "error_page",
            "root",
            "index",
        ),
        *(
            "gzip",
            "gzip_types",
            "gzip_min_length",
            "gzip_vary",
            "gzip_proxied",
            "gzip_disable",
            "brotli",
            "proxy_hide_header",
        ),
        *("ssl_protocols", "ssl_certificate"),
    }
)
"""What people set on the levels around a fragment; everything else is taken for nginx's default there, and that is said."""
_MODIFIERS: Final = ("=", "^~", "~*", "~")


class NotGivenError(Exception):
    """A directive may stand on a level that is not in the files; `name` is the directive's."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(eq=False, slots=True)
class Level:
    """One block: its directives by name, and the level around it."""

    kind: str
    """`http`, `server`, `location`, `if` or `limit_except`."""
    node: Node | None
    children: tuple[Node, ...]
    around: Level | None = None
    missing: bool = False
    """Whether there is more of this level, or around it, than the files show."""
    by_name: dict[str, list[Node]] = field(default_factory=dict)
    modifier: str = ""
    uri: str = ""
    """A location's name without its modifier."""
    locations: list[Level] = field(default_factory=list)
    ifs: dict[int, Level] = field(default_factory=dict)
    """The level of each `if`, by the identity of its node."""
    limited: Level | None = None
    """The level of `limit_except`."""

    def __post_init__(self) -> None:
        for child in self.children:
            self.by_name.setdefault(child.name, []).append(child)

    def own(self, name: str) -> list[Node]:
        """Return the directives of a name that stand on this very level."""
        return self.by_name.get(name, [])

    def find(self, name: str) -> list[Node]:
        """Return the directives of a name of the nearest level that has any; NotGivenError where that may be one that is not in the files."""
        level: Level | None = self
        while level:
            if level.own(name):
                return level.own(name)
            if level.missing and name in SET_AROUND:
                raise NotGivenError(name)
            level = level.around
        return []

    def holder(self, name: str) -> Level | None:
        """Return the level that `find` takes the directives from."""
        level: Level | None = self
        while level and not level.own(name):
            if level.missing and name in SET_AROUND:
                raise NotGivenError(name)
            level = level.around
        return level

    def value(self, name: str, default: str = "") -> str:
        """Return the first argument of a directive that stands once."""
        found = self.find(name)
        return found[-1].args[0] if found and found[-1].args else default

    def on(self, name: str, *, default: bool = False) -> bool:
        """Return a flag."""
        return self.value(name, "on" if default else "off").lower() == "on"

    @property
    def server(self) -> Level:
        """Return the server that this level stands in."""
        level = self
        while level.kind != "server" and level.around:
            level = level.around
        return level

    @property
    def location(self) -> Level:
        """Return the location (or server) that an `if` or `limit_except` stands in."""
        level = self
        while level.kind in {"if", "limit_except"} and level.around:
            level = level.around
        return level

    @property
    def shown(self) -> str:
        """Return the block's head as it is written."""
        return self.node.text if self.node else self.kind


@dataclass(eq=False, slots=True)
class Model:
    """The HTTP part of a configuration: its levels and servers, and what variables are made of."""

    tree: Tree
    http: Level
    servers: list[Level]
    variables: dict[str, Node]
    """`map`, `geo` and `split_clients` by the variable, in lower case and without `$`."""
    assigned: frozenset[str] = frozenset()
    """Variables of `set` and of named captures; one that was not set on the way is empty."""


def model(tree: Tree) -> Model:
    """Return the levels of a tree."""
    http = Level("http", None, ())
    blocks = [node for node in tree.nodes if node.name == "http"] if tree.context == "main" else []
    if blocks:
        http = Level("http", blocks[0], tuple(child for block in blocks for child in block.children))
    elif tree.context == "http":
        http = Level("http", None, tree.nodes, missing=True)
    elif tree.context in {"server", "location"}:
        http = Level("http", None, (), missing=True)
        return Model(tree, http, [_fragment(tree, http)], {}, _assigned(tree))
    servers = [_level("server", node, http) for node in http.own("server")]
    made = {
        node.args[-1].lstrip("$").lower(): node
        for name in ("map", "geo", "split_clients")
        for node in http.own(name)
        if node.args
    }
    return Model(tree, http, servers, made, _assigned(tree))


def _assigned(tree: Tree) -> frozenset[str]:
    names: set[str] = set()
    for document in tree.documents:
        for directive in walk(document.items):
            if directive.name == "set" and directive.args:
                names.add(directive.args[0].lstrip("$").lower())
            names |= {name.lower() for word in directive.words for name in _CAPTURE.findall(word.text)}
    return frozenset(names)


def _fragment(tree: Tree, http: Level) -> Level:
    server = Level("server", None, tree.nodes, http, missing=True)
    _fill(server)
    return server


def _level(kind: str, node: Node, around: Level) -> Level:
    level = Level(kind, node, node.children, around)
    _fill(level)
    return level


def _fill(level: Level) -> None:
    """Make the levels that stand in one."""
    for child in level.children:
        if child.name == "location" and child.args:
            inner = _level("location", child, level)
            inner.modifier, inner.uri = _named(child.args)
            level.locations.append(inner)
        elif child.name == "if":
            level.ifs[id(child)] = _level("if", child, level)
        elif child.name == "limit_except":
            level.limited = _level("limit_except", child, level)


def _named(args: tuple[str, ...]) -> tuple[str, str]:
    """Return a location's modifier and name; `location =/x` is `= /x`, as nginx has it."""
    if len(args) > 1:
        return args[0], args[1]
    for modifier in _MODIFIERS:
        if args[0].startswith(modifier):
            return modifier, args[0][len(modifier) :]
    return ("@", args[0]) if args[0].startswith("@") else ("", args[0])


_SIZE: Final = re.compile(r"(\d+)([kKmMgG]?)")
_POWERS: Final = {"": 0, "k": 10, "m": 20, "g": 30}
_TIME: Final = re.compile(r"(\d+)\s*(ms|[yMwdhms]?)\s*")
_SECONDS: Final = {"y": 365 * 86400, "M": 30 * 86400, "w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1, "": 1}


def size(text: str) -> int | None:
    """Return the bytes of `10m`, None for what is not a size."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) << _POWERS[found[2].lower()] if found else None


def seconds(text: str) -> int | None:
    """Return the seconds of `1h30m`, None for what is not a time of whole seconds."""
    total, at = 0, 0
    while found := _TIME.match(text, at):
        if found[2] == "ms" or found.end() == at:
            return None
        total, at = total + int(found[1]) * _SECONDS[found[2]], found.end()
    return total if at == len(text) and at else None


def chain(level: Level) -> Iterator[Level]:
    """Yield a level and those around it, from the inside out."""
    current: Level | None = level
    while current:
        yield current
        current = current.around


def texts(nodes: Iterable[Node]) -> list[str]:
    """Return all arguments of some directives."""
    return [arg for node in nodes for arg in node.args]
