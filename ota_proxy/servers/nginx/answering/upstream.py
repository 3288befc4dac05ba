"""What `proxy_pass` and its like ask an upstream: the URL, by the rules for a URI in `proxy_pass`; and the handlers that nginx has itself."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from ota_proxy.servers.nginx.answering.levels import Level
from ota_proxy.servers.nginx.answering.variables import expand
from ota_proxy.servers.nginx.answering.visit import HANDLERS, PASSES, Response, UnknowableError, Visit
from ota_proxy.servers.nginx.tree import Node

_URL: Final = re.compile(r"(https?://[^/?#]*)(.*)", re.DOTALL)
_UNIX: Final = re.compile(r"(https?://unix:[^:]*)(?::(.*))?", re.DOTALL)
_PLAIN: Final = "/-._~!$&'()*+,;=:@"
"""What `ngx_escape_uri` leaves as it is, beside letters and digits."""


def handled(visit: Visit, level: Level) -> Response:
    """Return the answer of a location's handler."""
    node = next(level.own(name)[-1] for name in HANDLERS if level.own(name))
    if node.name == "stub_status":
        visit.say(node, "it answers here")
        return Response(200, "text", "text/plain", node)
    if node.name not in PASSES:
        raise UnknowableError(f"what `{node.name}` answers", node.span)
    target = _target(visit, node) if node.name == "proxy_pass" else expand(visit, node.args[0])
    visit.say(node, f"the upstream is asked for {target}" if target else "an upstream is asked")
    return Response(None, "upstream", None, node, upstream=target)


def _target(visit: Visit, node: Node) -> str | None:
    text = node.args[0]
    value = expand(visit, text)
    if value is None:
        return None
    found = _UNIX.fullmatch(value) or _URL.fullmatch(value)
    if not found:
        return None
    server, uri = found[1], found[2] or ""
    if "$" in text and uri:
        return server + uri
    if not uri and visit.untouched:
        return server + visit.request.target
    args = f"?{visit.args}" if visit.args else ""
    if not uri or not visit.whole:
        return server + escaped(visit.uri) + args
    location = visit.level.location
    return server + uri + escaped(visit.uri[len(location.uri) :]) + args


def escaped(text: str) -> str:
    """Return a path as `ngx_escape_uri` writes it."""
    return quote(text, safe=_PLAIN, errors="surrogateescape")
