"""Where a request goes on inside nginx: internal redirects, named locations, `error_page`, and the pages that nginx has itself."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, TypeAlias

from ota_proxy.servers.nginx.answering.levels import NotGivenError
from ota_proxy.servers.nginx.answering.locations import named
from ota_proxy.servers.nginx.answering.variables import expand
from ota_proxy.servers.nginx.answering.visit import NO_LOCATION, RefusedError, Response, UnknowableError, Visit
from ota_proxy.servers.nginx.tree import Node


class Onward(Enum):
    """The phase that the request goes on with."""

    SERVER = auto()
    LOCATION = auto()


Next: TypeAlias = Response | Onward
"""An answer, or where the request goes on."""


def redirected(visit: Visit, uri: str, args: str) -> Next:
    """Start over with another URI, inside nginx: `ngx_http_internal_redirect`."""
    _count(visit)
    visit.move(uri)
    visit.args, visit.internal, visit.whole = args, True, True
    visit.say(None, f"inside nginx the request is now for {uri}")
    return Onward.SERVER


def to_named(visit: Visit, name: str, node: Node) -> Next:
    """Go on in a named location: `ngx_http_named_location`."""
    _count(visit)
    location = named(visit, name)
    if location is None:
        raise RefusedError(500, node, f"there is no location {name}")
    visit.internal, visit.changed, visit.handler = True, False, None
    visit.found = location
    visit.say(location.node, "it is named")
    visit.enter(location)
    return Onward.LOCATION


def _count(visit: Visit) -> None:
    visit.changes -= 1
    if visit.changes <= 0:
        visit.in_error_page = True
        raise RefusedError(500, None, "more than ten internal redirects")


def failed(visit: Visit, refused: RefusedError) -> Next:
    """Answer with a status of nginx's own: `error_page`, else its built-in page (`ngx_http_special_response_handler`)."""
    status = refused.status
    visit.say(refused.node, f"{status}: {refused.why}")
    visit.status = status
    if status == 401 and refused.node and refused.node.name == "auth_basic":
        visit.challenges.append(refused.node)
    if refused.location != NO_LOCATION:
        visit.location, visit.location_from = refused.location, refused.node
    if not visit.in_error_page and visit.changes > 0:
        for node in visit.level.find("error_page"):
            if str(status) in node.args[:-1]:
                if not visit.level.on("recursive_error_pages"):
                    visit.in_error_page = True
                return _error_page(visit, node, refused)
    return _page(visit, 400 if status in _DETAILS else status, refused)


def _error_page(visit: Visit, node: Node, refused: RefusedError) -> Next:
    over = next((arg for arg in node.args[:-1] if arg.startswith("=")), None)
    if over is not None:
        visit.status = int(over[1:]) if over[1:].isdigit() else 0
    elif refused.status in _DETAILS:
        visit.status = 400  # ngx_http_core_error_page
    target = expand(visit, node.args[-1])
    if target is None:
        raise UnknowableError(f"what `{node.args[-1]}` is", node.span)
    visit.say(node, f"it takes over {refused.status}")
    if target.startswith("/"):
        uri, _, args = target.partition("?")
        return redirected(visit, uri, args)
    if target.startswith("@"):
        return to_named(visit, target, node)
    status = visit.status if over is not None and visit.status in {301, 302, 303, 307, 308} else 302
    return _page(visit, status, RefusedError(status, node, "it names a URL", target))


def _page(visit: Visit, status: int, refused: RefusedError) -> Response:
    visit.status = status
    kind = "redirect" if refused.location != NO_LOCATION else "page"
    bodyless = status not in _TITLES
    length = 0 if bodyless else _page_length(visit, refused.status if status == 400 else status)
    response = Response(status, kind, "" if bodyless else "text/html", None, length)
    response.location, response.location_from = refused.location, refused.node
    return response


def _page_length(visit: Visit, status: int) -> int | None:
    """Return the bytes of nginx's own page (since 1.15), None if its version is in it and not known."""
    try:
        tokens = visit.level.value("server_tokens", "on")
    except NotGivenError:
        return None
    title = _TITLES[status]
    name = "nginx" if tokens == "off" else f"nginx/{visit.version}" if visit.version and tokens == "on" else ""
    if not name:
        return None
    detail = _DETAILS.get(status, "")
    shown = f"400 {detail}" if detail else title
    head = f"<html>\r\n<head><title>{shown}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
    head += f"<center>{detail}</center>\r\n" if detail else ""
    return len(f"{head}<hr><center>{name}</center>\r\n</body>\r\n</html>\r\n")


_TITLES: Final = {
    301: "301 Moved Permanently",
    400: "400 Bad Request", 402: "402 Payment Required", 406: "406 Not Acceptable", 408: "408 Request Time-out", 409: "409 Conflict",
    411: "411 Length Required", 412: "412 Precondition Failed", 413: "413 Request Entity Too Large", 414: "414 Request-URI Too Large",
    415: "415 Unsupported Media Type", 416: "416 Requested Range Not Satisfiable", 501: "501 Not Implemented", 302: "302 Found", 303: "303 See Other", 307: "307 Temporary Redirect", 308: "308 Permanent Redirect",
    401: "401 Authorization Required", 403: "403 Forbidden", 404: "404 Not Found", 405: "405 Not Allowed", 410: "410 Gone",
    421: "421 Misdirected Request", 429: "429 Too Many Requests", 500: "500 Internal Server Error", 502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable", 504: "504 Gateway Time-out", 505: "505 HTTP Version Not Supported", 507: "507 Insufficient Storage",
    498: "404 Not Found", 499: "500 Internal Server Error", 494: "400 Bad Request", 495: "400 Bad Request", 496: "400 Bad Request", 497: "400 Bad Request",
}  # fmt: skip
"""The pages that nginx has itself (ngx_http_special_response.c); any other status is sent without a body and without a type."""
_DETAILS: Final = {
    494: "Request Header Or Cookie Too Large",
    495: "The SSL certificate error",
    496: "No required SSL certificate was sent",
    497: "The plain HTTP request was sent to HTTPS port",
}
"""The second line of those pages that are sent with 400."""
