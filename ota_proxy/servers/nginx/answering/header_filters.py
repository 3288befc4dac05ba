"""nginx's header filters in their order: 304, `expires` and `add_header`, `charset`, `sub_filter`, `gzip`, ranges, and the fields of its own."""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from typing import Final

from ota_proxy.servers.answered import Header
from ota_proxy.servers.nginx.answering.added import add_headers, expire
from ota_proxy.servers.nginx.answering.conditions import file_tag, not_modified, ranged
from ota_proxy.servers.nginx.answering.levels import NotGivenError, size
from ota_proxy.servers.nginx.answering.request import wants_gzip
from ota_proxy.servers.nginx.answering.variables import expand, host, server_name
from ota_proxy.servers.nginx.answering.visit import NO_LOCATION, Response, Sent, Visit
from ota_proxy.servers.nginx.tree import Node

_CHARSET_TYPES: Final = frozenset(
    {"text/html", "text/xml", "text/plain", "text/vnd.wap.wml", "application/javascript", "application/rss+xml"}
)
_PAGE_SIZE: Final = (140, 700)
"""Bytes that a page of nginx's own has, at least and at most, whatever its version."""
_BODY_FIELDS: Final = ("content-encoding", "content-length", "accept-ranges", "etag", "last-modified", "vary")
_ENCODERS: Final = {"brotli": "br", "zstd": "zstd"}
"""Compressors of modules that nginx does not bring itself, and what a client asks for them."""
_CODE: Final = ("header_filter_by_lua", "js_header_filter", "more_set_headers", "more_clear_headers", "perl_set_header")
_BODY: Final = (
    "ssi",
    "add_before_body",
    "add_after_body",
    "image_filter",
    "xslt_stylesheet",
    "brotli",
    "zstd",
    "js_body_filter",
    "userid",
)


def sent(visit: Visit, response: Response, kept: list[Header] | None = None) -> Sent:
    """Return the fields that leave nginx; `kept` are those that it had put together for an answer that did not come."""
    status = visit.status or response.status
    span = response.type_from.span if response.type_from else None
    is_file = response.kind == "file"
    out = Sent(
        status, response.content_type, span, response.length, response.length is not None or response.kind != "listing"
    )
    out.modified, out.etag, out.ranges = is_file, is_file and response.etag, is_file and response.ranges
    out.fields = list(kept or ())
    not_modified(visit, response, out)
    visit.status_sent = out.status
    visit.content_type = out.content_type
    visit.location_sent = "" if response.location == NO_LOCATION else response.location
    _safely(out, ("cache-control", "expires"), lambda: expire(visit, out))
    _safely(out, ("headers",), lambda: _added(visit, out))
    _charset(visit, out)
    _safely(out, _BODY_FIELDS, lambda: _substituted(visit, out))
    if response.varies:
        _vary(visit, out)
    if response.encoding and out.status != 304:
        out.fields.append(
            Header(
                "content-encoding", response.encoding, response.encoding_from.span if response.encoding_from else None
            )
        )
    else:
        names = _BODY_FIELDS if wants_gzip(visit.request.header("accept-encoding")) else ("vary",)
        _safely(out, names, lambda: _gzip(visit, response, out))
    if response.kind == "upstream":
        _upstream(visit, response, out)
    ranged(visit, response, out)
    _own(visit, response, out, len(kept or ()))
    return out


def _safely(out: Sent, names: tuple[str, ...], step: Callable[[], None]) -> None:
    """Run a filter; where its directives may stand outside of the files, its fields are not known."""
    try:
        step()
    except NotGivenError as error:
        for name in names:
            out.doubt(name, f"`{error.name}` may stand on a level that is not in the files")
        if "content-length" in names:
            out.length, out.modified, out.etag, out.ranges = None, False, False, False


def _added(visit: Visit, out: Sent) -> None:
    for level_name in _CODE:
        found = [
            node for name, nodes in visit.level.server.by_name.items() if name.startswith(level_name) for node in nodes
        ]
        found += visit.level.find(level_name)
        if found:
            out.doubt("headers", f"`{found[0].name}` changes them", found[0].span)
    add_headers(visit, out)


# -- types and encodings -----------------------------------------------------------------------------------------------


def _charset(visit: Visit, out: Sent) -> None:
    if not out.content_type or out.status in {301, 302, 304}:
        return  # 301 and 302: ngx_http_set_charset leaves it out
    if not _listed(visit.tested_type or out.content_type, visit.level.find("charset_types"), _CHARSET_TYPES):
        return
    try:
        found = visit.level.find("charset")
    except NotGivenError:
        out.content_type = None
        out.doubt("content-type", "`charset` may stand on a level that is not in the files")
        return
    value = expand(visit, found[-1].args[0]) if found else "off"
    if value is None:
        out.content_type = None
        out.doubt("content-type", "the charset is known to the running server only", found[-1].span)
    elif value not in {"off", ""} and "charset=" not in out.content_type.lower():
        out.content_type += f"; charset={value}"


def _listed(content_type: str, nodes: list[Node], default: frozenset[str]) -> bool:
    """Say whether a type is one that a `…_types` directive names; `text/html` always is."""
    names = {arg.lower() for node in nodes for arg in node.args} | {"text/html"} if nodes else default
    return "*" in names or content_type.partition(";")[0].strip().lower() in names


def _substituted(visit: Visit, out: Sent) -> None:
    for name in _BODY:
        found = visit.level.find(name)
        asked = name not in _ENCODERS or _ENCODERS[name] in visit.request.header("accept-encoding")
        if asked and found and found[-1].args[:1] not in {("off",), ("",)}:
            for one in (*_BODY_FIELDS, "set-cookie"):
                out.doubt(one, f"`{found[-1].text}` may change it", found[-1].span)
            out.length, out.modified, out.etag, out.ranges = None, False, False, False
    found = visit.level.find("sub_filter")
    if (
        found
        and out.content_type is not None
        and _listed(out.content_type, visit.level.find("sub_filter_types"), frozenset({"text/html"}))
    ):
        out.has_length, out.ranges = False, False
        if visit.level.on("sub_filter_last_modified"):
            out.weak = True
        else:
            out.modified = out.etag = False
            out.fields[:] = [one for one in out.fields if one.name not in {"last-modified", "etag"}]


def _gzip(visit: Visit, response: Response, out: Sent) -> None:
    if not visit.level.on("gzip"):
        return
    if response.kind == "upstream":
        out.doubt(
            "content-encoding",
            "nginx compresses what the upstream sends, by its type",
            visit.level.find("gzip")[-1].span,
        )
        return
    if out.status not in {200, 403, 404} or not out.content_type:
        return
    if not _listed(visit.tested_type or out.content_type, visit.level.find("gzip_types"), frozenset({"text/html"})):
        return
    if not _long_enough(visit, response, out):
        return
    if visit.level.on("gzip_vary"):
        _vary(visit, out)
    if not _accepts(visit):
        return
    out.fields.append(Header("content-encoding", "gzip", visit.level.find("gzip")[-1].span))
    out.has_length, out.ranges, out.weak = False, False, True


def _long_enough(visit: Visit, response: Response, out: Sent) -> bool:
    least = size(visit.level.value("gzip_min_length", "20"))
    span = (visit.level.find("gzip_min_length") or visit.level.find("gzip"))[-1].span
    if not out.has_length:
        return True
    if least is None:
        return visit.world.ask("the answer is long enough to be compressed", span)
    if out.length is not None:
        return out.length >= least
    if response.kind == "page" and not _PAGE_SIZE[0] < least <= _PAGE_SIZE[1]:
        return least <= _PAGE_SIZE[0]
    return visit.world.ask(f"the answer has {least} bytes or more", span)


def _accepts(visit: Visit) -> bool:
    """Say whether nginx takes the client for one that wants gzip (`ngx_http_gzip_ok`)."""
    if not wants_gzip(visit.request.header("accept-encoding")):
        return False
    disabled = visit.level.find("gzip_disable")
    if disabled and visit.request.header("user-agent"):
        return not visit.world.ask(f"`{disabled[-1].text}` fits the client", disabled[-1].span)
    if not visit.request.has("via"):
        return True
    proxied = visit.level.find("gzip_proxied")
    kinds = set(proxied[-1].args) if proxied else {"off"}
    if kinds & {"off", "any"}:
        return "off" not in kinds
    return visit.world.ask(f"`{proxied[-1].text}` fits the answer", proxied[-1].span)


def _vary(visit: Visit, out: Sent) -> None:
    if not visit.level.on("gzip_vary"):
        return
    field = Header("vary", "Accept-Encoding", visit.level.find("gzip_vary")[-1].span)
    if field not in out.fields:
        out.fields.insert(0, field)  # nginx writes its own fields first


# -- upstreams ---------------------------------------------------------------------------------------------------------

_THEIRS: Final = (
    *("content-type", "content-length", "content-encoding", "content-disposition", "cache-control", "expires", "etag"),
    *(
        "last-modified",
        "location",
        "accept-ranges",
        "set-cookie",
        "strict-transport-security",
        "vary",
        "www-authenticate",
    ),
)


def _upstream(visit: Visit, response: Response, out: Sent) -> None:
    span = response.type_from.span if response.type_from else None
    hidden = {arg.lower() for node in visit.level.find("proxy_hide_header") for arg in node.args}
    why = f"the upstream {response.upstream or ''}".rstrip() + " decides"
    if out.status is None:
        out.doubt("status", why, span)
    for name in _THEIRS:
        if name not in hidden:
            out.doubt(name, why, span)
    out.doubt("headers", why, span)
    out.has_length = out.ranges = False


# -- the fields of nginx's own -----------------------------------------------------------------------------------------


def _own(visit: Visit, response: Response, out: Sent, kept: int) -> None:
    first: list[Header] = [_server(visit, out), Header("date", None)]
    out.doubt("date", "it is the time of the answer")
    if out.status not in {200, 206, 304, None}:  # ngx_http_header_filter
        out.modified = False
    if out.status == 204:
        out.content_type, out.has_length = "", False
    if out.content_type is None and response.kind != "upstream":
        out.doubt("content-type", "the types are not in the files")
        first.append(Header("content-type", None, out.content_type_from))
    elif out.content_type:
        first.append(Header("content-type", out.content_type, out.content_type_from))
    if out.has_length and response.kind != "upstream":
        first.append(Header("content-length", None if out.length is None else str(out.length)))
        if out.length is None:
            out.doubt("content-length", "the size of what is sent is not known")
    first += _modified(response, out)
    if response.location == NO_LOCATION:
        response.location, response.location_from = visit.location, visit.location_from
    if response.location != NO_LOCATION:
        first.append(_location(visit, response, out))
    for node in visit.challenges:
        realm = expand(visit, node.args[0])
        first.append(Header("www-authenticate", None if realm is None else f'Basic realm="{realm}"', node.span))
    out.fields[:0] = first
    _etagged(response, out, len(first) + kept)


def _server(visit: Visit, out: Sent) -> Header:
    try:
        found = visit.level.find("server_tokens")
    except NotGivenError:
        found = []
        out.doubt("server", "`server_tokens` may stand on a level that is not in the files")
        return Header("server", None)
    value = found[-1].args[0] if found else "on"
    span = found[-1].span if found else None
    if value == "off":
        return Header("server", "nginx", span)
    if value == "on" and visit.version:
        return Header("server", f"nginx/{visit.version}", span)
    out.doubt("server", "nginx's version is in it", span)
    return Header("server", None, span)


def _modified(response: Response, out: Sent) -> list[Header]:
    if not out.modified:
        return []
    known = None if response.modified is None else email.utils.formatdate(int(response.modified), usegmt=True)
    if known is None:
        out.doubt("last-modified", "the file's time on the server is not known")
    return [Header("last-modified", known)]


def _etagged(response: Response, out: Sent, at: int) -> None:
    """Put the ETag where nginx sets it: before what the filters add."""
    if not out.etag:
        return
    tag = file_tag(response)
    if tag is None:
        out.doubt("etag", "the file's time and size on the server are not known")
    out.fields.insert(at, Header("etag", f"W/{tag}" if tag and out.weak else tag))


def _location(visit: Visit, response: Response, out: Sent) -> Header:
    span = response.location_from.span if response.location_from else None
    target = response.location
    if target is None:
        out.doubt("location", "it has a value that only the running server knows", span)
        return Header("location", None, span)
    if target.startswith("/") and visit.level.on("absolute_redirect", default=True):
        name = server_name(visit) if visit.level.on("server_name_in_redirect") else host(visit)
        if name is None:
            out.doubt("location", "the server's name is not known", span)
            return Header("location", None, span)
        port = visit.request.port
        plain = port == (443 if visit.request.tls else 80) or not visit.level.on("port_in_redirect", default=True)
        target = f"{visit.request.scheme}://{name}{'' if plain else f':{port}'}{target}"
    return Header("location", target, span)
