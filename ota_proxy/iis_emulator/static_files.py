"""The static file handler: media types, validators, caching headers, conditional requests and ranges, default documents, listings.

Source: RFC 9110 §13 and §14; iis-docs, configuration/system.webServer/staticContent (mimeMap, clientCache), defaultDocument, directoryBrowse;
Microsoft's list of status codes (404.3, 403.14, 405.0, 412); the form of ETag and of the folder redirect as observed and described there.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

from ota_proxy.iis_emulator.message import BLOCK, Payload, Request, Response, error, of_bytes
from ota_proxy.iis_emulator.site_folder import Place, Tree, listing
from ota_proxy.reading import open_below

MOST_RANGES = 100
"""Ranges of one request that are looked at; more are answered with the whole file."""
_SPEC = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")
Part = tuple[int, int]
"""First byte and the byte behind the last."""


def etag_of(modified_ns: int) -> str:
    """Return IIS's entity tag: the time of the last change (FILETIME, each byte in hexadecimal from the low end), and a change number that is 0."""
    filetime = modified_ns // 100 + 116_444_736_000_000_000
    return '"' + "".join(f"{byte:x}" for byte in filetime.to_bytes(8, "little")) + ':0"'


def failed_precondition(request: Request, etag: str, modified: datetime) -> int:
    """Return 412 or 304 where the request's conditions ask for it, else 0."""
    if request.has("if-match"):
        if not _listed(request.header("if-match"), etag, weak=False):
            return 412
    elif (since := _date(request.header("if-unmodified-since"))) and modified > since:
        return 412
    if request.has("if-none-match"):
        return 304 if _listed(request.header("if-none-match"), etag, weak=True) else 0
    since = _date(request.header("if-modified-since"))
    return 304 if since and modified <= since else 0


def _listed(field: str, etag: str, *, weak: bool) -> bool:
    if field.strip() == "*":
        return True
    tags = re.findall(r'(?:W/)?"[^"]*"', field)
    return bool(etag) and any((tag.removeprefix("W/") if weak else tag) == etag for tag in tags)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (
        found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
    )  # "-0000" makes it a date without zone


def wanted_parts(request: Request, size: int, etag: str, modified: datetime) -> tuple[Part, ...] | None:
    """Return the parts a request asks for; none of them satisfiable: empty; None for the whole file."""
    field = request.header("range")
    if request.method != "GET" or not field.lower().startswith("bytes=") or not _still_same(request, etag, modified):
        return None
    specs = [spec.strip() for spec in field[6:].split(",")]
    if len(specs) > MOST_RANGES:
        return None
    parts = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if not match or not (match[1] or match[2]) or (match[1] and match[2] and int(match[1]) > int(match[2])):
            return None
        first, end = _bounds(match[1], match[2], size)
        if first < end:
            parts.append((first, end))
    return tuple(parts)


def _bounds(first: str, last: str, size: int) -> Part:
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size


def _still_same(request: Request, etag: str, modified: datetime) -> bool:
    """If-Range: the range counts only while the file is the one the client has (RFC 9110 §13.1.5)."""
    if not request.has("if-range"):
        return True
    field = request.header("if-range").strip()
    return field == etag if field.startswith(('"', "W/")) else _date(field) == modified


def of_file(place: Place, parts: Sequence[Part], heads: Sequence[bytes] = (), tail: bytes = b"") -> Payload:
    """Return a body of pieces of a file, each behind its head, read a block at a time."""
    length = sum(end - first for first, end in parts) + sum(map(len, heads)) + len(tail)

    async def chunks() -> AsyncIterator[bytes]:
        with open_below(place.path, place.root) as file:
            for index, (first, end) in enumerate(parts):
                if heads:
                    yield heads[index]
                file.seek(first)
                left = end - first
                while left:
                    block = file.read(min(BLOCK, left))
                    if not block:
                        raise OSError(f"{place.path} has become shorter while it was sent")
                    left -= len(block)
                    yield block
        if tail:
            yield tail

    return Payload(length, chunks)


BOUNDARY = "ota-proxy-0f9d3c6b71e24a58"
"""Between the parts of a multipart answer: any text that is in no media type (RFC 2046 §5.1.1)."""
VERBS = "GET, HEAD, OPTIONS, TRACE"


@dataclass(frozen=True, slots=True)
class StaticSettings:
    """What configuration says about files below one URL."""

    types: Mapping[str, str]
    """Extension with its dot, in lower case, to media type; a dot alone stands for names without extension."""
    cache_control: str = ""
    expires: str = ""
    set_etag: bool = True
    footer: str = ""
    documents: Sequence[str] = ()
    """Names of default documents, in the order they are tried."""
    browse: bool = False
    browse_flags: frozenset[str] = field(default_factory=frozenset)


def media_type(name: str, types: Mapping[str, str]) -> str:
    """Return the type of a file name, empty if there is none."""
    base, dot, extension = name.rpartition(".")
    return types.get((dot + extension).lower() if dot and (base or extension) else ".", "")


def serve(place: Place, request: Request, settings: StaticSettings) -> Response:
    """Answer with a file."""
    if request.method not in ("GET", "HEAD"):
        return not_allowed()
    kind = media_type(place.path.name, settings.types)
    try:
        status = place.path.stat()
    except OSError:
        return error(404)
    return _file(place, request, settings, status, kind) if kind else error(404, 3)


def _file(place: Place, request: Request, settings: StaticSettings, status: os.stat_result, kind: str) -> Response:
    footer = settings.footer.encode()
    modified = datetime.fromtimestamp(int(status.st_mtime), UTC)
    etag = etag_of(status.st_mtime_ns) if settings.set_etag else ""
    response = Response(failed_precondition(request, etag, modified) or 200, _validators(settings, etag, modified))
    if response.status == 412:
        return error(412)
    if response.status == 304:
        return response
    if footer:
        response.set_header("Content-Type", kind)
        response.remove_header("Accept-Ranges")
        response.payload = of_file(place, ((0, status.st_size),), (b"",), footer)
        return response
    return _body(response, place, status.st_size, kind, wanted_parts(request, status.st_size, etag, modified))


def _validators(settings: StaticSettings, etag: str, modified: datetime) -> list[tuple[str, str]]:
    fields = [("Cache-Control", settings.cache_control)] if settings.cache_control else []
    fields += [("Expires", settings.expires)] if settings.expires else []
    fields += [("Last-Modified", format_datetime(modified, usegmt=True)), ("Accept-Ranges", "bytes")]
    return [*fields, ("ETag", etag)] if etag else fields


def _body(response: Response, place: Place, size: int, kind: str, parts: tuple[Part, ...] | None) -> Response:
    response.set_header("Content-Type", kind)
    if parts is None:
        response.payload = of_file(place, ((0, size),))
    elif not parts:
        response.status = 416
        response.remove_header("Content-Type")
        response.set_header("Content-Range", f"bytes */{size}")
    else:
        response.status = 206
        _partial(response, place, size, kind, parts)
    return response


def _partial(response: Response, place: Place, size: int, kind: str, parts: tuple[Part, ...]) -> None:
    if len(parts) == 1:
        response.set_header("Content-Range", f"bytes {parts[0][0]}-{parts[0][1] - 1}/{size}")
        response.payload = of_file(place, parts)
        return
    response.set_header("Content-Type", f"multipart/byteranges; boundary={BOUNDARY}")
    heads = [
        f"\r\n--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Range: bytes {first}-{end - 1}/{size}\r\n\r\n".encode()
        for first, end in parts
    ]
    response.payload = of_file(place, parts, heads, f"\r\n--{BOUNDARY}--\r\n".encode())


def not_allowed() -> Response:
    """Return the answer to a method that files do not have."""
    response = error(405)
    response.set_header("Allow", VERBS)
    return response


def to_folder(request: Request, path: str, query: str) -> Response:
    """Redirect to the URL with a slash at its end (301, absolute)."""
    target = f"{request.scheme}://{request.header('host')}{quote(path)}/" + (f"?{query}" if query else "")
    return redirect(301, target)


def redirect(status: int, location: str) -> Response:
    """Return a redirect with the short page that IIS sends along."""
    response = Response(status, [("Content-Type", "text/html; charset=UTF-8"), ("Location", location)])
    escaped = location.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    page = f'<head><title>Document Moved</title></head>\n<body><h1>Object Moved</h1>This document may be found <a HREF="{escaped}">here</a></body>'
    response.payload = of_bytes(page.encode())
    return response


def default_document(url_path: str, tree: Tree, documents: Sequence[str]) -> str:
    """Return the URL path of the first default document that is there, or an empty string."""
    for name in documents:
        candidate = url_path + name
        if tree.find(candidate).kind == "file":
            return candidate
    return ""


def folder(place: Place, url_path: str, request: Request, settings: StaticSettings) -> Response:
    """Answer for a folder without default document: its listing where that is allowed, else 403.14."""
    if request.method not in ("GET", "HEAD"):
        return not_allowed()
    if not settings.browse:
        return error(403, 14)
    page = listing(place, url_path, request.host, settings.browse_flags)
    return Response(200, [("Content-Type", "text/html; charset=UTF-8")], of_bytes(page))
