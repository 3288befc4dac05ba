r"""Quoting for Apache httpd 2.4, one function for each place a value can stand in; raw text in, `Quoted` tokens out.

Arguments follow ap_getword_conf (observed behaviour, httpd 2.4.71): in double quotes a backslash escapes itself and the quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn

from ota_proxy.errors import Key, UsageError
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Upstream

_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
_WILD = re.compile(r"[*?\[]")
_SOCKET_ENDS = "|#?<>"
_WORKER_BYTES = 255  # of the URL that httpd names a worker by; what is longer is cut off, or ends the start (AH10366)
_SOCKET_BYTES = 107  # sockaddr_un.sun_path holds 108 bytes with its final zero, unix(7)
_WORD = re.compile(r"[A-Za-z0-9./:*\[\]_~@+,=!&^;-]+(?: [A-Za-z0-9=-]+)?", re.ASCII)


def _refuse(value: str, key: Key, reason: str, hint: str) -> NoReturn:
    raise UsageError(f"Apache cannot take the value '{value}': {reason}", key=key, hint=hint)


def argument(value: str, key: Key) -> Quoted:
    """Quote one argument. A `${` is refused: Apache replaces `${NAME}` before it looks at quotes, and has no escape for it."""
    if "${" in value:
        _refuse(value, key, "'${' starts a variable there and cannot be escaped", "choose a value without '${'")
    if any(char < " " or char == "\x7f" for char in value):
        _refuse(value, key, "it has a control character, which would end the line", "choose a value without it")
    return Quoted('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"')


def word(value: str, key: Key) -> Quoted:
    """Quote a value that validation has reduced to names, numbers and networks; anything else is refused."""
    if not _WORD.fullmatch(value):
        _refuse(value, key, "it is not a plain word", "use letters, digits and punctuation of names and networks")
    return argument(value, key)


def path(value: str, key: Key) -> Quoted:
    """Quote a file path. A Windows path is refused: the rendered files are for Apache on Linux and other Unix systems."""
    if _WINDOWS.match(value):
        _refuse(value, key, "it is a Windows path", "write a path from /, or render for IIS")
    return argument(value, key)


def folder(value: str, key: Key) -> Quoted:
    """Quote the target of Alias: the folder with one slash at its end, as the URL prefix has one."""
    return path(value.rstrip("/") + "/", key)


def directory(value: str, key: Key) -> Quoted:
    """Quote the name of a <Directory> section, where `*`, `?` and `[` are wildcards: each becomes a class of its own.

    Only a name with a wildcard is matched as a pattern, and only there a backslash is an escape (apr_fnmatch_test).
    """
    if _WILD.search(value):
        value = "".join(f"[{char}]" if char in "*?[" else char.replace("\\", "\\\\") for char in value)
    return path(value, key)


def location(prefix: str, key: Key) -> Quoted:
    """Quote a URL prefix for <Location>, Alias and ProxyPass, where `*`, `?`, `[` and `~` would start a pattern."""
    if _WILD.search(prefix) or prefix.startswith("~"):
        _refuse(prefix, key, "it is a pattern in that place", "use a prefix without *, ? and [")
    return argument(prefix, key)


def header_value(value: str, key: Key) -> Quoted:
    """Quote the value of a Header directive: `%` and backslash are its own escapes, `expr=` at the start an expression."""
    if value.startswith("expr="):
        _refuse(value, key, "'expr=' at its start makes it an expression", "choose a value that starts otherwise")
    return argument(value.replace("\\", "\\\\").replace("%", "%%"), key)


def regex(text: str) -> str:
    """Escape validated text (a prefix, a name, an extension) for a regular expression; plain `str`, for use inside one.

    Classes instead of backslashes, because mod_rewrite reads its arguments without unescaping them (observed behaviour).
    """
    return re.sub(r"([.+*?()|{}$\[])", r"[\1]", text)


def encoded_regex(prefix: str) -> str:
    """Return a pattern for a URL prefix as it is, and with any of its characters percent-encoded."""
    return "".join(char if char == "/" else _either(char) for char in prefix)


def _either(char: str) -> str:
    digits = "".join(f"%{byte:02X}" for byte in char.encode())
    codes = re.sub("[A-F]", lambda match: f"[{match[0]}{match[0].lower()}]", digits)
    return f"(?:{regex(char)}|{codes})"


def hosts(domains: Iterable[str]) -> str:
    """Return the alternatives of a regular expression for Host or SNI; a wildcard stands for one label (RFC 6125 §6.4.3)."""
    return "|".join("[^.]+" + regex(name[1:]) if name.startswith("*.") else regex(name) for name in domains)


def extensions(names: Iterable[str]) -> str:
    """Return a regular expression for the end of a file name, such as `[.](?:ipa|plist)$`."""
    return "[.](?:" + "|".join(regex(name.removeprefix(".")) for name in names) + ")$"


def worker(target: Upstream, prefix: str, key: Key) -> None:
    """Refuse a prefix, with its key, that is too long for the name that httpd gives a worker: the address and the prefix."""
    name = ("http://localhost" if target.scheme == "unix" else str(target)) + prefix
    if len(name.encode()) > _WORKER_BYTES:
        reason = f"it takes at most {_WORKER_BYTES} bytes of address and prefix, and these are {len(name.encode())}"
        _refuse(f"{prefix[:40]}...", key, reason, "choose a shorter prefix")


def upstream(target: Upstream, prefix: str, key: Key) -> Quoted:
    """Quote the URL ProxyPass sends to, ending in the location's prefix; a socket path cannot hold `|`, `#`, `?`, `<`, `>`."""
    if target.scheme != "unix":
        return argument(f"{target}{prefix}", key)
    bad = next((char for char in target.path if char in _SOCKET_ENDS), "")
    if bad:
        _refuse(str(target), key, f"'{bad}' ends a socket's path there", f"choose a path without '{bad}'")
    if len(target.path.encode()) > _SOCKET_BYTES:
        _refuse(str(target), key, f"a socket's path has at most {_SOCKET_BYTES} bytes", "choose a shorter path")
    path(target.path, key)
    return argument(f"{target}|http://localhost{prefix}", key)
