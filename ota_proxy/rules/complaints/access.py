"""Lines of access logs, and what the answer to a manifest or package in them means: common and combined format, JSON (Caddy, Traefik, nginx), W3C (IIS)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ota_proxy.rules.complaints.signals import KINDS, Heard

_COMBINED = re.compile(
    r'"(?P<method>[A-Z]{3,10}) (?P<path>\S+)(?: HTTP/[\d.]+)?" (?P<status>[1-5]\d\d) (?:\d+|-)(?:.*"(?P<agent>[^"]*)")?'
)
_INSTALLER = re.compile(r"(?i)appstored|itunesstored|\bdmd/|com\.apple\.|storedownloadd|installcoordination")
_DEEPEST = 40
_JSON_NAMES = {
    "method": ("method", "request_method", "RequestMethod", "requestMethod"),
    "path": ("uri", "request_uri", "RequestPath", "path", "url", "requestUri"),
    "status": ("status", "DownstreamStatus", "OriginStatus", "statusCode", "response_code"),
    "agent": ("User-Agent", "user_agent", "http_user_agent", "request_User-Agent", "userAgent"),
}
_IIS_NAMES = {
    "method": "cs-method",
    "path": "cs-uri-stem",
    "status": "sc-status",
    "sub": "sc-substatus",
    "agent": "cs(user-agent)",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a log has it; `sub` is IIS's substatus."""

    method: str
    path: str
    status: int
    agent: str = ""
    sub: int = 0

    @property
    def kind(self) -> str:
        """Say what was asked for: ipa, plist, image, style or nothing of these."""
        path = self.path.lower().partition("?")[0]
        return next((name for name, pattern in KINDS.items() if pattern.search(path)), "")

    @property
    def by_installer(self) -> bool:
        """Tell whether the system's installer asked."""
        return _INSTALLER.search(self.agent) is not None


def fields_of(line: str) -> tuple[str, ...]:
    """Return the columns that a W3C log announces (`#Fields: …`); () for any other line."""
    return tuple(line[8:].lower().split()) if line.startswith("#Fields:") else ()


def request_of(line: str, fields: tuple[str, ...] = ()) -> Request | None:
    """Return the request that a line records; None for a line that records none. `fields` are the columns of a W3C log."""
    if fields and not line.startswith("#"):
        return _from_columns(dict(zip(fields, line.split(), strict=False)))
    if line.lstrip().startswith("{"):
        return _from_json(line)
    match = _COMBINED.search(line)
    return Request(match["method"], match["path"], int(match["status"]), match["agent"] or "") if match else None


def _from_columns(row: dict[str, str]) -> Request | None:
    value = {name: row.get(column, "") for name, column in _IIS_NAMES.items()}
    if not (value["method"].isalpha() and _is_number(value["status"])):
        return None
    sub = int(value["sub"]) if _is_number(value["sub"]) else 0
    return Request(value["method"], value["path"], int(value["status"]), value["agent"], sub)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len("999")


def _from_json(line: str) -> Request | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    value = {name: _find(row, names) for name, names in _JSON_NAMES.items()}
    if not (isinstance(value["path"], str) and isinstance(value["method"], str) and _is_number(str(value["status"]))):
        return None
    return Request(value["method"], value["path"], int(value["status"]), str(value["agent"] or ""))


def _find(row: Any, names: tuple[str, ...], depth: int = 0) -> Any:  # noqa: ANN401 - JSON may be anything
    """Return the first value with one of the names, at any depth; a list with one value counts as the value."""
    if not isinstance(row, dict) or depth > _DEEPEST:
        return None
    for name in names:
        if name in row:
            found = row[name]
            return found[0] if isinstance(found, list) and found else found
    return next((found for value in row.values() if (found := _find(value, names, depth + 1)) is not None), None)


def meaning(request: Request) -> Heard | None:
    """Return what the answer to a request means for an install; None if it is not one of ours, or a good answer."""
    kind, status = request.kind, request.status
    if status == 500 and request.sub == 19:
        return Heard("IIS refuses a web.config (500.19)", ("OTA620", "OTA622", "OTA621", "OTA619"))
    if kind not in ("plist", "ipa"):
        return None
    if request.sub:
        return _by_substatus(request)
    named = "manifest" if kind == "plist" else "package"
    if request.method == "HEAD" and status >= 400 and kind == "ipa":
        return Heard(f"HEAD of the package was answered with {status}", _HEAD.get(status, ("OTA403", "OTA401")))
    rules = (_PLIST if kind == "plist" else _IPA).get(status) or _by_class(kind, status)
    if status == 403 and kind == "plist" and request.by_installer:
        rules = ("OTA304", "OTA301")
    return Heard(f"the {named} was answered with {status}", rules) if rules else None


_PLIST = {
    401: ("OTA303",),
    403: ("OTA301", "OTA304"),
    **dict.fromkeys((301, 302, 303, 307, 308), ("OTA305", "OTA303")),
    400: ("OTA225", "OTA301"),
    **dict.fromkeys((495, 496), ("OTA225",)),
    497: ("OTA106",),
    429: ("OTA301", "OTA304"),
    499: (),
}
_IPA = {
    401: ("OTA402",),
    403: ("OTA402", "OTA404"),
    410: ("OTA404", "OTA401"),
    416: ("OTA407",),
    400: ("OTA225", "OTA401"),
    **dict.fromkeys((495, 496), ("OTA225",)),
    497: ("OTA312",),
    499: (),
}
_HEAD = {
    401: ("OTA402", "OTA403"),
    404: ("OTA401", "OTA403"),
    **dict.fromkeys((403, 405, 501), ("OTA403", "OTA606")),
}
_IIS = {
    **dict.fromkeys(((404, number) for number in (5, 7, 8, 10, 11, 12, 14, 15, 18, 19, 20)), ("OTA611",)),
    (404, 3): ("OTA601",),
    (404, 6): ("OTA606", "OTA403"),
    (405, 0): ("OTA606", "OTA403"),
    **dict.fromkeys(((403, number) for number in (7, 12, 13, 16, 17)), ("OTA225",)),
    (403, 4): ("OTA106", "OTA312"),
}


def _by_class(kind: str, status: int) -> tuple[str, ...]:
    return (("OTA301",) if kind == "plist" else ("OTA401",)) if status >= 400 else ()


def _by_substatus(request: Request) -> Heard | None:
    rules = _IIS.get((request.status, request.sub))
    if rules is None:
        table = _PLIST if request.kind == "plist" else _IPA
        rules = table.get(request.status) or _by_class(request.kind, request.status)
    return Heard(f"IIS answered {request.status}.{request.sub}", rules) if rules else None
