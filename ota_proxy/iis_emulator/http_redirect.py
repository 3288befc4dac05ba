"""The httpRedirect section: one destination for everything below a URL, or destinations by wildcard.

Source: iis-docs, configuration/system.webServer/httpRedirect; variables $S $P $Q $V, $0 to $9 and ! from Microsoft KB 313074.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ota_proxy.iis_emulator.ecma import Groups
from ota_proxy.iis_emulator.message import Request
from ota_proxy.iis_emulator.patterns import NO_GROUPS, Matcher

_VARIABLE = re.compile(r"\$([SPQV0-9])")


@dataclass(frozen=True, slots=True)
class RedirectSettings:
    """What configuration says below `base`, the URL path at which it was switched on, without its slash at the end."""

    destination: str = ""
    status: int = 302
    exact: bool = False
    child_only: bool = False
    base: str = ""
    wildcards: Sequence[tuple[Matcher, str]] = ()


def location(settings: RedirectSettings, request: Request, path: str, query: str) -> str:
    """Return where a request is sent, absolute; empty where it is not redirected."""
    for wildcard, destination in settings.wildcards:
        groups = wildcard.find(path)
        if groups is not None:
            return _absolute(_filled(destination, settings, path, query, groups), request)
    if not settings.destination or settings.destination == "!":
        return ""
    suffix = path[len(settings.base) :]
    if settings.child_only and "/" in suffix.strip("/"):
        return ""
    text = _filled(settings.destination, settings, path, query, NO_GROUPS)
    if not settings.exact and not _VARIABLE.search(settings.destination):
        text = _joined(text, suffix) + (f"?{query}" if query else "")
    return _absolute(text, request)


def _joined(destination: str, suffix: str) -> str:
    return destination.rstrip("/") + quote(suffix, safe="/!$&'()*+,;=:@-._~")


def _filled(destination: str, settings: RedirectSettings, path: str, query: str, groups: Groups) -> str:
    values = {
        "S": quote(path[len(settings.base) :], safe="/!$&'()*+,;=:@-._~"),
        "P": query,
        "Q": f"?{query}" if query else "",
        "V": quote(path, safe="/!$&'()*+,;=:@-._~"),
    }

    def value(found: re.Match[str]) -> str:
        if found[1].isdigit():
            number = int(found[1]) + 1  # $0 is the first wildcard's part
            return (groups[number] or "") if number < len(groups) else ""
        return values[found[1]]

    return _VARIABLE.sub(value, destination)


def _absolute(text: str, request: Request) -> str:
    if not text or text == "!":
        return ""
    return f"{request.scheme}://{request.header('host')}{text}" if text.startswith("/") else text
