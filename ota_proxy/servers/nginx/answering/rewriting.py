"""nginx's rewrite module: `set`, `if`, `return`, `rewrite`, `break`, run in the order of the file."""

from __future__ import annotations

import re
from typing import Final

from ota_proxy.servers.nginx.answering.content import with_text
from ota_proxy.servers.nginx.answering.levels import Level
from ota_proxy.servers.nginx.answering.patterns import compiled
from ota_proxy.servers.nginx.answering.variables import expand
from ota_proxy.servers.nginx.answering.visit import RefusedError, Response, UnknowableError, Visit
from ota_proxy.servers.nginx.tree import Node

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_URL: Final = ("http://", "https://", "$scheme")
_FLAGS: Final = frozenset({"last", "break", "redirect", "permanent"})
_NO_ANSWER: Final = 444
_TESTS: Final = {"-f": "file", "-d": "folder", "-e": ""}


class _StopError(Exception):
    """No more directives of this phase are run."""


def run(visit: Visit, level: Level) -> Response | None:
    """Run a level's directives; return the answer if one of them makes it."""
    try:
        return _codes(visit, level, level.children)
    except _StopError:
        return None


def _codes(visit: Visit, level: Level, nodes: tuple[Node, ...]) -> Response | None:
    for node in nodes:
        answer = None
        if node.name == "set":
            _set(visit, node)
        elif node.name == "return":
            answer = _return(visit, node)
        elif node.name == "rewrite":
            _rewrite(visit, node)
        elif node.name == "break":
            if visit.changed:
                visit.whole, visit.changed = False, False
            raise _StopError
        elif node.name == "if" and holds(visit, node):
            inner = level.ifs[id(node)]
            visit.say(node, "the condition holds")
            if level.kind != "server":
                visit.enter(inner)
            answer = _codes(visit, level, inner.children)
        if answer is not None:
            return answer
    return None


def _set(visit: Visit, node: Node) -> None:
    name, value = node.args
    visit.variables[name.lstrip("$").lower()] = expand(visit, value)


def _return(visit: Visit, node: Node) -> Response:
    first = node.args[0]
    if len(node.args) == 1 and first.startswith(_URL):
        raise RefusedError(302, node, "it says so", expand(visit, first))
    if not first.isdigit():
        raise UnknowableError(f"`{node.text}` is not a status", node.span)
    status = int(first)
    text = node.args[1] if len(node.args) > 1 else ""
    if status == _NO_ANSWER:
        raise UnknowableError("nginx closes the connection without an answer", node.span)
    if status in REDIRECTS:
        raise RefusedError(status, node, "it says so", expand(visit, text))
    if status >= 400 and not text:
        raise RefusedError(status, node, "it says so")
    visit.say(node, "it answers here")
    return with_text(visit, status, expand(visit, text))


def _rewrite(visit: Visit, node: Node) -> None:
    pattern, replacement = node.args[0], node.args[1]
    flag = node.args[2] if len(node.args) > 2 else ""
    regex = compiled(pattern)
    if regex is None:
        raise UnknowableError(f"whether {visit.uri} matches {pattern}", node.span)
    match = regex.search(visit.uri.encode("utf-8", "surrogateescape"))
    if match is None:
        visit.captures = []  # ngx_http_script_regex_start_code forgets them
        return
    visit.keep(match)
    redirect = flag in {"redirect", "permanent"} or replacement.startswith(_URL)
    value = expand(visit, replacement)
    keeps = not replacement.endswith("?")
    if redirect:
        value = None if value is None or _escaped(visit, replacement) else value if keeps else value.removesuffix("?")
        if value is not None and keeps and visit.args:
            value += ("&" if "?" in value else "?") + visit.args
        raise RefusedError(301 if flag == "permanent" else 302, node, f"{visit.uri} matches", value)
    if value is None or ("?" in replacement.removesuffix("?") and _escaped(visit, replacement)):
        raise UnknowableError("the URI after this line", node.span)
    _move(visit, value if keeps else value.removesuffix("?"), keeps=keeps, in_text="?" in replacement.removesuffix("?"))
    visit.say(node, f"the URI is now {visit.uri}")
    if flag == "break":
        visit.whole, visit.changed = False, False
        raise _StopError
    visit.changed = True
    if flag == "last":
        raise _StopError


def _move(visit: Visit, value: str, *, keeps: bool, in_text: bool) -> None:
    if in_text:
        uri, _, args = value.partition("?")
        visit.args = f"{args}&{visit.args}" if keeps and visit.args else args
    else:
        uri = value
        visit.args = visit.args if keeps else ""
    visit.move(uri)
    visit.internal = True
    if not uri:
        raise RefusedError(500, None, "the rewritten URI has no length")


def _escaped(visit: Visit, replacement: str) -> bool:
    """Say whether nginx would escape what is put in: only for a URI that was escaped itself."""
    path = visit.request.target.partition("?")[0]
    return bool(re.search(r"\$\d", replacement)) and ("%" in path or "+" in path)


# -- conditions --------------------------------------------------------------------------------------------------------


def holds(visit: Visit, node: Node) -> bool:
    """Say whether the condition of an `if` holds; asked of the world where that is not known."""
    words = _condition(node)
    known = _known(visit, words)
    if known is None:
        if any("~" in word for word in words[1:2]):
            visit.keep(None)
        return visit.world.ask(f"`{node.text}` holds", node.span)
    return known


def _condition(node: Node) -> list[str]:
    """Return the words between the parentheses."""
    words = list(node.args)
    words = words[1:] if words[0] == "(" else [words[0].removeprefix("("), *words[1:]]
    return words[:-1] if words[-1] == ")" else [*words[:-1], words[-1].removesuffix(")")]


def _known(visit: Visit, words: list[str]) -> bool | None:
    if len(words) == 1:
        value = expand(visit, words[0])
        return None if value is None else value not in {"", "0"}
    if len(words) == 2:
        return _file_test(visit, words[0], words[1])
    left, sign, right = expand(visit, words[0]), words[1], words[2] if len(words) > 2 else ""
    if sign in {"=", "!="}:
        wanted = expand(visit, right)
        return None if left is None or wanted is None else (left == wanted) is (sign == "=")
    regex = compiled(right, ignore_case=sign.endswith("*"))
    if left is None or regex is None:
        return None
    match = regex.search(left.encode("utf-8", "surrogateescape"))
    if match:
        visit.keep(match)
    else:
        visit.captures = []
    return (match is not None) is not sign.startswith("!")


def _file_test(visit: Visit, test: str, text: str) -> bool | None:
    path = expand(visit, text)
    plain = test.removeprefix("!")
    if path is None or plain not in _TESTS:
        return None
    entry = visit.files.entry(path, path)
    if entry is None:
        return None
    found = entry.kind == _TESTS[plain] if _TESTS[plain] else entry.kind != "absent"
    return found is not test.startswith("!")
