"""Quoting for nginx: raw values become tokens as ngx_conf_read_token (src/core/ngx_conf_file.c) reads them, or are refused by name."""

from __future__ import annotations

import hashlib
import re

from ota_proxy.errors import Key, UsageError
from ota_proxy.servers.templates import Quoted

_BARE = re.compile(r"[A-Za-z0-9_./:@*\[\]+-]+", re.ASCII)
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
_LONGEST = 4000  # bytes of one token; nginx reads its files through a buffer of 4096 (NGX_CONF_BUFFER)
_LONGEST_SOCKET = 107  # bytes; sun_path of unix(7) has 108 with the end
_LONGEST_KEY = 46  # bytes of a key that fit a bucket of 64, beside two pointers and the length
_LONGEST_ID = 24  # a variable named after the site must fit variables_hash_bucket_size 64


def quote(value: str, key: Key) -> Quoted:
    r"""Return `value` as one nginx token, bare or in double quotes with `"` and `\` escaped.

    `key` is the key in the site. UsageError for a `$` (there is no escape for it, it always starts a variable), for a control
    character and for more than 4000 bytes.
    """
    if "$" in value:
        raise _refused(value, key, "nginx has no way to quote a '$', it starts a variable")
    if any(char < " " or char == "\x7f" for char in value):
        raise _refused(value, key, "nginx has no way to quote a control character")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    fits(escaped, value, key)
    return Quoted(value) if _BARE.fullmatch(value) else Quoted(f'"{escaped}"')


def fits(token: str, value: str, key: Key) -> str:
    """Return a token that is made of `value`; UsageError for one that is too long for nginx, an encoded prefix for example."""
    if len(token.encode()) > _LONGEST:
        raise _refused(value[:40] + "...", key, f"nginx takes at most {_LONGEST} bytes in one argument")
    return token


def quote_prefix(prefix: str, key: Key) -> Quoted:
    """Return a URL prefix as one token for `location`, where a `$` is no variable; it has no quotation mark and no backslash (model.values)."""
    fits(prefix, prefix, key)
    return Quoted(prefix if _BARE.fullmatch(prefix) else f'"{prefix}"')


def quote_path(path: str, key: Key) -> Quoted:
    """Return a POSIX path as one token; a Windows path is refused, the files rendered here are for nginx on Unix."""
    if _WINDOWS.match(path):
        raise _refused(path, key, "this is a Windows path, and the nginx files are written for Unix")
    return quote(path, key)


def quote_socket(path: str, key: Key) -> Quoted:
    """Return `unix:PATH` as one token; UsageError for a path that is too long for a socket."""
    if len(path.encode()) > _LONGEST_SOCKET:
        raise _refused(path, key, f"a socket's path has at most {_LONGEST_SOCKET} bytes")
    return quote(f"unix:{path}", key)


def regex(pattern: str) -> Quoted:
    """Quote a regular expression made of escaped text; its `$` starts no variable, because a condition has none on that side."""
    return Quoted('"' + pattern.replace("\\", "\\\\") + '"')


def bucket(length: int) -> int:
    """Return the bucket size that a key of this length needs in a hash of nginx, or 0 if the usual 64 bytes do."""
    return 0 if length <= _LONGEST_KEY else 1 << (length + 17).bit_length()


def identifier(domain: str, port: int) -> Quoted:
    """Return a name for maps, upstreams and zones that no other site has: letters, digits and `_`, at most 24 of them.

    Dots become `_` and hyphens `__`, so two domains never meet; a long name ends in a piece of its own SHA-256.
    """
    name = domain.replace("-", "__").replace(".", "_") + (f"_{port}" if port != 443 else "")
    if len(name) > _LONGEST_ID:
        name = f"{name[:15]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return Quoted(name)


def comment(line: str) -> Quoted:
    """Return a line of `header_lines` as comment lines of at most 1000 characters: nginx reads a comment through its 4096 byte buffer too."""
    pieces = [line[start : start + 1000] for start in range(0, len(line), 1000)] or [""]
    return Quoted("\n".join(f"# {piece}".rstrip() for piece in pieces))


def _refused(value: str, key: Key, reason: str) -> UsageError:
    return UsageError(
        f"nginx cannot take '{value}': {reason}",
        key=key,
        hint="write this value another way, or rename the file or folder it names",
    )
