"""`expires` and `add_header`, with what they pass down and where they count."""

from __future__ import annotations

from typing import Final

from ota_proxy.servers.answered import Header
from ota_proxy.servers.nginx.answering.levels import Level, NotGivenError, chain, seconds
from ota_proxy.servers.nginx.answering.variables import expand, unknown_in
from ota_proxy.servers.nginx.answering.visit import Sent, Visit
from ota_proxy.servers.nginx.tree import Node

_COUNTED: Final = frozenset({200, 201, 204, 206, 301, 302, 303, 304, 307, 308})
"""Statuses that `expires`, and `add_header` without `always`, speak to."""
_NAMED: Final = {
    "epoch": ("no-cache", "Thu, 01 Jan 1970 00:00:01 GMT"),
    "max": ("max-age=315360000", "Thu, 31 Dec 2037 23:55:55 GMT"),
}


def expire(visit: Visit, out: Sent) -> None:
    """Set Expires and Cache-Control as `expires` says."""
    found = visit.level.find("expires")
    if not found or (out.status is not None and out.status not in _COUNTED):
        return
    node = found[-1]
    value = expand(visit, node.args[-1])
    if out.status is None or value is None:
        why = (
            "the upstream's status decides whether `expires` counts"
            if value
            else f"{', '.join(unknown_in(visit, node.args[-1]))} is not known"
        )
        out.doubt("cache-control", why, node.span)
        out.doubt("expires", why, node.span)
        return
    pair = _expiry(value, modified=len(node.args) > 1, from_file=len(node.args) > 1 and out.modified)
    if pair is None:
        return
    control, when = pair
    out.fields += [Header("expires", when, node.span), Header("cache-control", control, node.span)]
    if when is None:
        out.doubt("expires", "it counts from the time of the answer", node.span)
    if control is None:
        out.doubt("cache-control", "it counts down to a time", node.span)


def _expiry(value: str, *, modified: bool, from_file: bool) -> tuple[str | None, str | None] | None:
    """Return Cache-Control and Expires; None for `off` and what is not valid."""
    if modified and (value in _NAMED or value.startswith("@")):
        return None  # ngx_http_parse_expires: neither goes with `modified`
    if value in _NAMED:
        return _NAMED[value]
    if value.startswith("@"):
        return None, None
    negative = value.startswith("-")
    age = seconds(value.lstrip("+-"))
    if age is None:
        return None
    if negative and age:
        return "no-cache", None
    return (None if from_file and age else f"max-age={age}"), None


def add_headers(visit: Visit, out: Sent) -> None:
    """Add what `add_header` says on the nearest level that has any, and on those around it where `add_header_inherit merge` does."""
    for node in _effective(visit.level):
        always = node.args[-1] == "always" and len(node.args) > 2
        if not always and out.status is not None and out.status not in _COUNTED:
            continue
        name, text = node.args[0].lower(), node.args[1]
        value = expand(visit, text)
        if out.status is None and not always:
            out.doubt(name, "without `always`, the upstream's status decides whether it is added", node.span)
        elif value is None:
            _set(out, name, "", node)
            out.doubt(
                name, f"{', '.join(unknown_in(visit, text)) or text} is known to the running server only", node.span
            )
        else:
            _set(out, name, value, node)


def _effective(level: Level) -> list[Node]:
    found: list[list[Node]] = []
    for one in chain(level):
        own = one.own("add_header")
        if own:
            found.append(own)
        inherit = _inherit(one)
        if inherit == "off" or (own and inherit != "merge"):
            break
        if one.missing:
            raise NotGivenError("add_header")
    return [node for nodes in reversed(found) for node in nodes]


def _inherit(level: Level) -> str:
    """Return `on`, `off` or `merge`, which is itself passed down."""
    for one in chain(level):
        if one.own("add_header_inherit"):
            return one.own("add_header_inherit")[-1].args[0]
    return "on"


def _set(out: Sent, name: str, value: str, node: Node) -> None:
    if name == "last-modified":
        out.modified = False
    elif name == "etag":
        out.etag = False
    if name in {"last-modified", "etag"}:
        out.fields[:] = [one for one in out.fields if one.name != name]
    if value:
        out.fields.append(Header(name, value, node.span))
