"""Follows redirects as a device does and records every hop; facts only, also about the redirects it does not follow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from ota_proxy.device.http import Request
from ota_proxy.facts.install import Exchange, Visit

LIMIT = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
Send = Callable[[Request], Awaitable[Exchange]]


async def follow(request: Request, send: Send, *, limit: int = LIMIT, to_https: bool = True) -> Visit:
    """Make a request and follow at most `limit` redirects.

    From https never to http (`left-https`). With `to_https` false a redirect from http to https is left unfollowed and is not a fault:
    the last hop's Location says where it leads.
    """
    hops = [await send(request)]
    while True:
        target, stopped = _next(hops, limit)
        crossed = not to_https and urlsplit(target).scheme == "https"
        if stopped or not target or crossed:
            return Visit(request.step, tuple(hops), stopped)
        hops.append(await send(replace(request, url=target, authority="")))


def _next(hops: list[Exchange], limit: int) -> tuple[str, str]:
    """Return where the last hop leads, or why we stop there; both empty where it is not a redirect."""
    last = hops[-1]
    if last.status not in _REDIRECTS:
        return "", ""
    target = destination(last)
    if target is None:
        return "", "bad-location"
    stopped = _refusal(hops, target)
    return target, stopped or ("too-many" if len(hops) > limit else "")


def _refusal(hops: list[Exchange], target: str) -> str:
    scheme = urlsplit(target).scheme
    if scheme not in ("http", "https"):
        return "other-scheme"
    if scheme == "http" and urlsplit(hops[-1].url).scheme == "https":
        return "left-https"
    return "loop" if target in {hop.url for hop in hops} else ""


def destination(exchange: Exchange) -> str | None:
    """Return the absolute URL that an answer's Location names, without fragment; None where there is none that can be read."""
    location = exchange.response.header("location") if exchange.response else None
    if not location:
        return None
    try:
        target = urljoin(exchange.url, location.strip()).partition("#")[0]
        parts = urlsplit(target)
        readable = bool(parts.scheme) and (
            parts.scheme not in ("http", "https") or bool(parts.hostname and parts.port != 0)
        )
    except ValueError:
        return None
    return target if readable else None
