"""The httpErrors section: which body an error has (iis-docs, system.webServer/httpErrors; "How to Use HTTP Detailed Errors")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Literal

from ota_proxy.iis_emulator.message import Request, Response, meaning, of_bytes, reason
from ota_proxy.iis_emulator.site_folder import Place
from ota_proxy.iis_emulator.static_files import of_file

_LOCAL = ("127.0.0.1", "::1")
_HTML = "text/html"


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """A custom error: the text of `path` is a file of the site or a URL, by `mode`."""

    mode: Literal["File", "Redirect"]
    path: str


@dataclass(frozen=True, slots=True)
class ErrorSettings:
    """What configuration says below one URL. Keys of `pages` are (status, sub-status), -1 standing for any."""

    mode: Literal["DetailedLocalOnly", "Custom", "Detailed"] = "DetailedLocalOnly"
    existing: Literal["Auto", "Replace", "PassThrough"] = "Auto"
    pages: Mapping[tuple[int, int], ErrorPage] = field(default_factory=dict)


def finish(request: Request, response: Response, settings: ErrorSettings, find: Callable[[str], Place | None]) -> None:
    """Give an error the body that configuration asks for; `find` looks up a custom page's file."""
    if response.status < 400 or response.aborted or _stays(request, response, settings):
        return
    if not _custom(request, settings):
        _page(response, _detailed(response))
        return
    page = settings.pages.get((response.status, response.substatus)) or settings.pages.get((response.status, -1))
    if page is None:
        _page(response, _one_line(response))
    elif page.mode == "Redirect":
        response.status, response.substatus, response.reason = 302, 0, ""
        response.set_header("Location", page.path)
        response.payload.close()
        response.payload = of_bytes(b"")
    else:
        _from_file(response, find(page.path))


def _custom(request: Request, settings: ErrorSettings) -> bool:
    local = request.remote[0] in _LOCAL
    return settings.mode == "Custom" or (settings.mode == "DetailedLocalOnly" and not local)


def _stays(request: Request, response: Response, settings: ErrorSettings) -> bool:
    """Say whether the body that is there is kept: a detailed error never replaces one, a custom error by existingResponse."""
    if settings.existing == "Replace":
        return False
    there = response.payload.length != 0
    if settings.existing == "PassThrough":
        return there or response.upstream
    return there and not (_custom(request, settings) and response.upstream)


def _from_file(response: Response, place: Place | None) -> None:
    if place is None:
        _page(response, _one_line(response))
        return
    response.payload.close()
    response.set_header("Content-Type", _HTML)
    response.payload = of_file(place, ((0, place.path.stat().st_size),))


def _page(response: Response, text: str) -> None:
    response.payload.close()
    response.set_header("Content-Type", f"{_HTML}; charset=utf-8")
    response.payload = of_bytes(text.encode())


def _number(response: Response) -> str:
    return f"{response.status}.{response.substatus}"


def _one_line(response: Response) -> str:
    return escape(f"{response.status} {response.reason or reason(response.status)}".strip())


def _detailed(response: Response) -> str:
    title = f"IIS 10.0 Detailed Error - {_number(response)} - {escape(meaning(response.status, response.substatus))}"
    hresult = f"<p>Error Code {response.hresult}</p>" if response.hresult else ""
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>HTTP Error {_number(response)}</h1>"
        f"<p>{escape(meaning(response.status, response.substatus))}</p>{hresult}<p>ota-proxy's emulator; not IIS</p></body></html>"
    )
