"""What nginx puts for `$name` in a value. A value that only a running server has is None, and so is every text it stands in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from ota_proxy.servers.nginx.answering.patterns import compiled
from ota_proxy.servers.nginx.answering.request import served_host
from ota_proxy.servers.nginx.answering.visit import Visit
from ota_proxy.servers.nginx.tree import Node

REFERENCE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)


def expand(visit: Visit, text: str) -> str | None:
    """Return a value with its variables put in, None if one of them is not known."""
    if "$" not in text:
        return text
    parts: list[str] = []
    at = 0
    for found in REFERENCE.finditer(text):
        name = found[1] or found[2]
        if name[0].isdigit() and not found[1]:  # $1x is $1 and x
            value, end = _capture(visit, int(name[0])), found.start() + 2
        else:
            value, end = variable(visit, name.lower()), found.end()
        if value is None:
            return None
        parts += [text[at : found.start()], value]
        at = end
    return "".join([*parts, text[at:]])


def unknown_in(visit: Visit, text: str) -> list[str]:
    """Return the variables of a text that are not known."""
    names = [(found[1] or found[2]).lower() for found in REFERENCE.finditer(text)]
    return [f"${name}" for name in names if not name[0].isdigit() and variable(visit, name) is None]


def variable(visit: Visit, name: str) -> str | None:
    """Return a variable's value, None if it is not known."""
    if name in visit.variables:
        return visit.variables[name]
    if name in visit.computed:
        return visit.computed[name]
    if name in visit.model.variables:
        return _made(visit, name, visit.model.variables[name])
    if name in visit.model.assigned:
        return ""
    return _PLAIN[name](visit) if name in _PLAIN else _by_prefix(visit, name)


def _made(visit: Visit, name: str, node: Node) -> str | None:
    """Return the value of a `map`, which is worked out once a request; `geo` and `split_clients` look at the client."""
    visit.computed[name] = None  # a circle of maps is not known
    value = _mapped(visit, node) if node.name == "map" else None
    visit.computed[name] = value
    if any(child.name == "volatile" for child in node.children):
        del visit.computed[name]
    return value


def _capture(visit: Visit, number: int) -> str | None:
    if visit.captures is None:
        return None
    return visit.captures[number] if number < len(visit.captures) else ""


def _by_prefix(visit: Visit, name: str) -> str | None:
    """Return `$arg_x`, `$http_x`, `$cookie_x`; everything else is a running server's."""
    if name == "request_filename":
        return filename(visit)
    if name.startswith("arg_"):
        wanted = name.removeprefix("arg_")
        pairs = (part.partition("=") for part in visit.args.split("&"))
        return next((value for key, sign, value in pairs if sign and key.lower() == wanted), "")
    if name.startswith("http_"):
        return _field(visit, name.removeprefix("http_").replace("_", "-"))
    if name.startswith("cookie_"):
        wanted = name.removeprefix("cookie_")
        pairs = (part.strip().partition("=") for part in visit.request.header("cookie").split(";"))
        return next((value for key, _, value in pairs if key.lower() == wanted), "")
    return None


def _field(visit: Visit, name: str) -> str:
    if name == "host" and visit.request.read:
        return visit.request.host_header
    return visit.request.header(name)


def host(visit: Visit) -> str | None:
    """Return the Host without its port; the server's name where the request was refused before nginx had one."""
    name = served_host(visit.request.host_header) if visit.request.read else None
    return server_name(visit) if name is None else name


def server_name(visit: Visit) -> str | None:
    """Return the first name of the server, None where it is not known."""
    names = [arg for node in visit.server.own("server_name") for arg in node.args]
    if not names:
        return None if visit.server.missing else ""
    if names[0].lower() == "$hostname":
        return None
    return names[0] if names[0].startswith("~") else names[0].lower().removeprefix(".")


def document_root(visit: Visit) -> str | None:
    """Return the expanded `root` or `alias` of the level, None if it is not known or lies below nginx's compiled-in prefix."""
    holder = visit.level.holder("alias"), visit.level.holder("root")
    nodes = [level.own(name)[-1] for level, name in zip(holder, ("alias", "root"), strict=True) if level]
    if not nodes:
        return None
    node = nodes[0] if len(nodes) == 1 or _inner(visit, "alias") else nodes[-1]
    value = expand(visit, node.args[0]) if node.args else None
    return value if value and posixpath.isabs(value) else None


def _inner(visit: Visit, name: str) -> bool:
    """Say whether `alias` stands on a nearer level than `root`."""
    level = visit.level
    while not level.own("alias") and not level.own("root") and level.around:
        level = level.around
    return bool(level.own(name))


def uses_alias(visit: Visit) -> bool:
    """Say whether the nearest of `root` and `alias` is an alias."""
    return _inner(visit, "alias")


_PLAIN: Final[dict[str, Callable[[Visit], str | None]]] = {
    "uri": lambda visit: visit.uri,
    "document_uri": lambda visit: visit.uri,
    "request_uri": lambda visit: visit.request.target if visit.target is None else visit.target,
    "args": lambda visit: visit.args,
    "query_string": lambda visit: visit.args,
    "is_args": lambda visit: "?" if visit.args else "",
    "host": host,
    "scheme": lambda visit: visit.request.scheme,
    "https": lambda visit: "on" if visit.request.tls else "",
    "server_port": lambda visit: str(visit.request.port),
    "server_name": server_name,
    "request_method": lambda visit: visit.request.method,
    "document_root": document_root,
    "ssl_server_name": lambda visit: visit.request.sni,
    "content_type": lambda visit: visit.request.header("content-type"),
    "content_length": lambda visit: visit.request.header("content-length"),
    "sent_http_content_type": lambda visit: visit.content_type,
    "sent_http_location": lambda visit: visit.location_sent,
    "status": lambda visit: str(visit.status_sent) if visit.status_sent else None,
    "nginx_version": lambda visit: visit.version or None,
}
"""Variables that follow from the request and the configuration."""


def filename(visit: Visit) -> str | None:
    """Return the file that the URI stands for, after `ngx_http_map_uri_to_path`; None if the root is not known."""
    root = document_root(visit)
    if root is None:
        return None
    if not uses_alias(visit):
        return root.rstrip("/") + visit.uri if root != "/" else visit.uri
    holder = visit.level.holder("alias")
    location = holder.location if holder else visit.level.location
    if location.modifier in {"~", "~*"}:
        return root
    return root + visit.uri[len(location.uri) :]


# -- maps --------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Map:
    """The lines of a `map`."""

    default: str = ""
    exact: dict[str, str] = field(default_factory=dict)
    patterns: list[tuple[str, str]] = field(default_factory=list)
    hostnames: bool = False


@lru_cache(maxsize=256)
def _lines(node: Node) -> _Map:
    found = _Map()
    for child in node.children:
        key = child.name
        if not child.args:
            found.hostnames = found.hostnames or key == "hostnames"
        elif key == "default":
            found.default = child.args[0]
        elif key.startswith("~"):
            found.patterns.append((key, child.args[0]))
        else:
            found.exact[key.removeprefix("\\").lower()] = child.args[0]
    return found


def _mapped(visit: Visit, node: Node) -> str | None:
    """Return a `map`'s value: the exact key in any case, a host's wildcard, the first regular expression that fits, the default."""
    source = expand(visit, node.args[0])
    if source is None:
        return None
    lines = _lines(node)
    if lines.hostnames:
        source = source.removesuffix(".")  # ngx_http_map_find
    found = lines.exact.get(source.lower())
    if found is None and lines.hostnames:
        found = _host_entry(lines.exact, source.lower())
    if found is not None:
        return expand(visit, found)
    for key, value in lines.patterns:
        ignore = key.startswith("~*")
        regex = compiled(key[2 if ignore else 1 :], ignore_case=ignore)
        if regex is None:
            return None
        if match := regex.search(source.encode("utf-8", "surrogateescape")):
            visit.keep(match)
            return expand(visit, value)
    return expand(visit, lines.default)


def _host_entry(entries: dict[str, str], host: str) -> str | None:
    """Return the entry of a map with `hostnames`: the longest `*.x` or `.x`, then the longest `x.*`."""
    before = [key for key in entries if key.startswith(("*.", ".")) and _covers(key, host)]
    after = [key for key in entries if key.endswith(".*") and host.startswith(key[:-1]) and len(host) >= len(key)]
    best = max(before, key=len, default=None) or max(after, key=len, default=None)
    return entries[best] if best else None


def _covers(key: str, host: str) -> bool:
    tail = key.lstrip("*")
    return host.endswith(tail) or (key == tail and host == tail[1:])
