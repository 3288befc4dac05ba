"""A request's way through nginx: server rewrite, location, rewrite, access, `try_files`, content; around again for internal redirects."""

from __future__ import annotations

from typing import Final

from ota_proxy.servers.nginx.answering import access, content, locations, rewriting
from ota_proxy.servers.nginx.answering.levels import chain
from ota_proxy.servers.nginx.answering.redirects import Next, Onward, failed
from ota_proxy.servers.nginx.answering.visit import RefusedError, Response, UnknowableError, Visit

_PROGRAMS: Final = (
    "rewrite_by_lua",
    "access_by_lua",
    "server_rewrite_by_lua",
    "set_by_lua",
    "js_access",
    "modsecurity",
    "auth_jwt",
    "auth_oidc",
)
"""Beginnings of directives whose code may answer anything."""


def respond(visit: Visit, first: RefusedError | None = None) -> Response:
    """Return what comes out before the header filters; `first` is what nginx refuses before it looks at the URI."""
    step: Next | None = None
    refused = first
    while not isinstance(step, Response):
        try:
            if refused is not None:
                current, refused = refused, None
                step = failed(visit, current)
            elif step is Onward.LOCATION:
                step = _from_location(visit)
            else:
                step = _from_server(visit)
        except RefusedError as error:
            refused = error
    return step


def _from_server(visit: Visit) -> Next:
    visit.level, visit.handler = visit.server, None
    _no_programs(visit)
    answer = rewriting.run(visit, visit.server)
    if answer is not None:
        return answer
    locations.find(visit)
    return _from_location(visit)


def _from_location(visit: Visit) -> Next:
    while True:
        _no_programs(visit)
        answer = rewriting.run(visit, visit.level) if visit.found is not None else None
        if answer is not None:
            return answer
        if not visit.changed:
            break
        visit.changes -= 1
        if visit.changes <= 0:
            raise RefusedError(500, None, "the URI is rewritten more than ten times")
        locations.find(visit)
    access.check(visit)
    onward = content.try_files(visit)
    return content.answer(visit) if onward is None else onward


def _no_programs(visit: Visit) -> None:
    for level in chain(visit.level):
        for name, nodes in level.by_name.items():
            if name.startswith(_PROGRAMS) and nodes[0].args[:1] != ("off",):
                raise UnknowableError(f"what the code of `{name}` does", nodes[0].span)
