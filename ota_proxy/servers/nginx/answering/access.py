"""Who may ask: `allow` and `deny`, `auth_basic`, `auth_request`, and `satisfy` over them."""

from __future__ import annotations

from ota_proxy.servers.nginx.answering.variables import expand
from ota_proxy.servers.nginx.answering.visit import RefusedError, Visit
from ota_proxy.servers.nginx.tree import Node


def check(visit: Visit) -> None:
    """Run the access phase; RefusedError for 403 and 401. What depends on the client is asked of the world."""
    any_is_enough = visit.level.value("satisfy", "all") == "any"
    worst: RefusedError | None = None
    for checked in (_address, _password, _asked):
        try:
            passed = checked(visit)
        except RefusedError as refused:
            if not any_is_enough:
                raise
            if worst is None or worst.status != 401:
                worst = refused
            continue
        if passed and any_is_enough:
            del visit.challenges[-1:]  # ngx_http_core_access_phase takes the last one back
            return
    if worst is not None:
        raise worst


def _address(visit: Visit) -> bool:
    """Say whether a rule allows the client; False if none speaks of it."""
    level = visit.level
    while not (level.own("allow") or level.own("deny")):
        if level.around is None:
            return False
        level = level.around
    for node in level.children:
        if node.name not in {"allow", "deny"} or not node.args:
            continue
        if node.args[0] == "all" or visit.world.ask(f"the client's address is in {node.args[0]}", node.span):
            if node.name == "deny":
                raise RefusedError(403, node, "the client may not ask")
            return True
    return False


def _password(visit: Visit) -> bool:
    found = visit.level.find("auth_basic")
    if not found or expand(visit, found[-1].args[0]) == "off":
        return False
    if not visit.level.find("auth_basic_user_file"):
        return False  # ngx_http_auth_basic_handler declines
    node = found[-1]
    if not visit.request.header("authorization").lower().startswith("basic "):
        raise RefusedError(401, node, "the request has no password")
    return _open_question(visit, node, "the password is right", 401)


def _asked(visit: Visit) -> bool:
    found = visit.level.find("auth_request")
    if not found or found[-1].args[0] == "off":
        return False
    return _open_question(visit, found[-1], f"{found[-1].args[0]} lets the request pass", 401)


def _open_question(visit: Visit, node: Node, words: str, status: int) -> bool:
    if not visit.world.ask(words, node.span):
        raise RefusedError(status, node, f"it is not so that {words}")
    return True
