"""The file, index or listing that answers, and its type; `try_files` on the way."""

from __future__ import annotations

import re
from typing import Final

from ota_proxy.servers.nginx.answering.levels import Level, NotGivenError
from ota_proxy.servers.nginx.answering.redirects import Next, redirected, to_named
from ota_proxy.servers.nginx.answering.request import wants_gzip
from ota_proxy.servers.nginx.answering.upstream import escaped, handled
from ota_proxy.servers.nginx.answering.variables import (
    document_root,
    expand,
    filename,
    unknown_in,
    uses_alias,
    variable,
)
from ota_proxy.servers.nginx.answering.visit import RefusedError, Response, UnknowableError, Visit
from ota_proxy.servers.nginx.tree import Node
from ota_proxy.servers.site_files import Entry

BUILT_IN: Final = {"html": "text/html", "gif": "image/gif", "jpg": "image/jpeg"}
"""The types of a configuration without any `types`."""
_FORMATS: Final = {"json": "application/json", "xml": "text/xml; charset=utf-8", "jsonp": "application/javascript"}


def typed(visit: Visit) -> tuple[str | None, Node | None]:
    """Return the type of the URI's extension and the line that says it; None if that is not known."""
    extension = visit.extension
    try:
        level = visit.level.holder("types")
    except NotGivenError:
        return None, None
    if extension:
        if level is None:
            if extension in BUILT_IN:
                return BUILT_IN[extension], None
        elif found := _mapped_type(level, extension):
            return found
        if any(hole.about == "types" for hole in visit.model.tree.holes) and (level is None or level.kind == "http"):
            return None, None
    default = visit.level.find("default_type")
    return (default[-1].args[0], default[-1]) if default else ("text/plain", None)


def _mapped_type(level: Level, extension: str) -> tuple[str, Node] | None:
    """Return the last line of a level's `types` blocks that has an extension."""
    lines = [
        line
        for block in level.own("types")
        for line in block.children
        if extension in {arg.lower() for arg in line.args}
    ]
    return (lines[-1].name, lines[-1]) if lines else None


def with_text(visit: Visit, status: int, text: str | None) -> Response:
    """Return the answer of `return code text`: its type is that of the URI's extension."""
    content_type, node = typed(visit)
    length = None if text is None else len(text.encode("utf-8", "surrogateescape"))
    return Response(status, "text", content_type, node, length)


# -- files -------------------------------------------------------------------------------------------------------------


def look(visit: Visit, path: str | None, why: str = "") -> Entry:
    """Return what stands at a path; where that is not known, the world says whether it is there."""
    node = _root_node(visit)
    if path is None:
        root = node.args[0] if node else "html"
        names = unknown_in(visit, root)
        reason = (
            f"{', '.join(names)} is known to the running server only"
            if names
            else "it starts from the folder that nginx was built for"
        )
        raise UnknowableError(f"where `root {root}` lies: {reason}", node.span if node else None)
    entry = visit.files.entry(path, document_root(visit) or path)
    if entry is not None:
        return entry
    there = visit.world.ask(f"{path} is there{why}", node.span if node else None)
    return Entry(("folder" if path.endswith("/") else "file") if there else "absent")


def _root_node(visit: Visit) -> Node | None:
    name = "alias" if uses_alias(visit) else "root"
    found = visit.level.find(name)
    return found[-1] if found else None


def answer(visit: Visit) -> Next:
    """Run the content phase."""
    if visit.handler is not None:
        return handled(visit, visit.handler)
    if visit.request.method not in {"GET", "HEAD", "POST"}:
        raise RefusedError(405, None, "files are there for GET and HEAD")
    if uses_alias(visit) and not visit.whole and visit.found and visit.found.modifier not in {"~", "~*"}:
        raise RefusedError(500, _root_node(visit), "`alias` cannot serve a URI that was rewritten")
    if visit.uri.endswith("/"):
        return _folder(visit)
    return _file(visit)


def _file(visit: Visit) -> Next:
    path = filename(visit)
    entry = look(visit, path)
    if entry.kind == "folder":
        target = escaped(visit.uri) + "/" + (f"?{visit.args}" if visit.args else "")
        raise RefusedError(301, _root_node(visit), f"{path} is a folder", target)
    if entry.kind == "absent":
        raise RefusedError(404, _root_node(visit), f"{path} is not there")
    if entry.kind != "file":
        raise UnknowableError(f"what {path} is", None)
    node = _root_node(visit)
    visit.say(node, f"the file is {path}")
    content_type, line = typed(visit)
    etag = visit.level.on("etag", default=True)
    found = Response(
        200, "file", content_type, line, entry.size, file=path, modified=entry.modified, ranges=True, etag=etag
    )
    return _precompressed(visit, found, path)


def _precompressed(visit: Visit, found: Response, path: str | None) -> Response:
    """Take the `.gz` beside the file where `gzip_static` is on."""
    nodes = visit.level.find("gzip_static")
    if not nodes or nodes[-1].args[0] not in {"on", "always"}:
        return found
    entry = look(visit, f"{path}.gz")
    if entry.kind != "file":
        return found
    found.varies = nodes[-1].args[0] == "on"
    if not found.varies or wants_gzip(visit.request.header("accept-encoding")):
        found.length, found.modified, found.encoding, found.encoding_from = (
            entry.size,
            entry.modified,
            "gzip",
            nodes[-1],
        )
        found.ranges = False
    return found


def _folder(visit: Visit) -> Next:
    nodes = visit.level.find("index")
    path = filename(visit)
    for name in [arg for node in nodes for arg in node.args] or ["index.html"]:
        value = expand(visit, name)
        if value is None:
            raise UnknowableError(f"which index `{name}` is", nodes[0].span if nodes else None)
        if value.startswith("/"):
            return redirected(visit, value, "")
        if (
            look(visit, None if path is None else path + value).kind != "absent"
        ):  # ngx_http_index_handler takes a folder too
            visit.say(nodes[0] if nodes else None, f"the index {value} is there")
            return redirected(visit, visit.uri + value, visit.args)
        if look(visit, path).kind == "absent":
            raise RefusedError(404, _root_node(visit), f"{path} is not there")
    return _without_index(visit, path, nodes)


def _without_index(visit: Visit, path: str | None, nodes: list[Node]) -> Next:
    if look(visit, path).kind == "absent":
        raise RefusedError(404, _root_node(visit), f"{path} is not there")
    listing = visit.level.find("autoindex")
    if listing and listing[-1].args[0] == "on":
        visit.say(listing[-1], "no index is there: the folder is listed")
        return Response(200, "listing", _FORMATS.get(_format(visit), "text/html"), listing[-1], None)
    raise RefusedError(403, nodes[0] if nodes else None, f"{path} has no index, and may not be listed")


def _format(visit: Visit) -> str:
    """Return the form of a listing: jsonp only for a request that names its `callback`."""
    form = visit.level.value("autoindex_format", "html")
    callback = variable(visit, "arg_callback") or ""
    if form != "jsonp" or not callback:
        return "json" if form == "jsonp" else form
    if not re.fullmatch(r"[\w.$]+", callback, re.ASCII):
        raise UnknowableError(
            "whether nginx takes the name of the callback", visit.level.find("autoindex_format")[-1].span
        )
    return form


def try_files(visit: Visit) -> Next | None:
    """Run `try_files` of this very level; None if it has none or a file was found."""
    nodes = visit.level.own("try_files")
    if not nodes:
        return None
    node = nodes[-1]
    for text in node.args[:-1]:
        folder = text.endswith("/")
        value = expand(visit, text.removesuffix("/") if folder else text)
        if value is None:
            raise UnknowableError(f"what `{text}` is", node.span)
        path = _tried(visit, value)
        kind = look(visit, f"{path.rstrip('/')}/" if path and folder else path).kind
        if kind == ("folder" if folder else "file"):
            visit.say(node, f"{path} is there")
            visit.move(value)
            return None
    last = node.args[-1]
    if last.startswith("="):
        code = int(last[1:]) if last[1:].isdigit() else 404
        raise RefusedError(code, node, "none of its files is there")
    visit.say(node, f"none of its files is there: on to {last}")
    if last.startswith("@"):
        return to_named(visit, last, node)
    value = expand(visit, last)
    if value is None:
        raise UnknowableError(f"what `{last}` is", node.span)
    uri, _, args = value.partition("?")
    return redirected(visit, uri, args)


def _tried(visit: Visit, value: str) -> str | None:
    """Return the path of one of `try_files`' arguments."""
    kept, visit.uri = visit.uri, value if value.startswith("/") else f"/{value}"
    try:
        if uses_alias(visit):
            holder = visit.level.holder("alias")
            location = holder.location if holder else visit.level.location
            if location.modifier in {"~", "~*"} or not visit.uri.startswith(location.uri):
                node = _root_node(visit)
                raise UnknowableError("what `try_files` does with this `alias`", node.span if node else None)
        return filename(visit)
    finally:
        visit.uri = kept
