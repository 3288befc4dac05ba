"""Reads what hosts answer: versions, TLS libraries, configuration tests, listening sockets, and the keys that a configuration names.

Private keys and document roots are read from the configuration's text, then looked at on the host; the rest is pure.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ota_proxy.facts.host import ConfigTest, KeyFile, Socket
from ota_proxy.hosts.connect import Runner, UnreadableError

_VERSION = re.compile(r"(?:nginx|Server) version: [^/\n]+/(\d+(?:\.\d+)+)", re.ASCII)
_LIBRARY = re.compile(r"(OpenSSL|LibreSSL|AWS-LC) (\d+\.\d+\.\d+[a-z]*)( +\d{1,2} [A-Z][a-z]{2} \d{4})?", re.ASCII)
_MAPPED = re.compile(r"([0-9a-f]+-[0-9a-f]+) \S+ \S+ \S+ \S+ +(/.*/lib(ssl|crypto)[^/]*\.so[^/]*?)( \(deleted\))?")
_NGINX_PLACE = re.compile(r" in (/\S.*?):(\d+)$", re.MULTILINE)
_APACHE_PLACE = re.compile(
    r"[Ss]yntax error on line (\d+) of (.+?):\s*$|[Ss]yntax error on line (\d+) of (\S+?):", re.MULTILINE
)
_LISTEN = "0A"
"""TCP_LISTEN in /proc/net/tcp (Linux, include/net/tcp_states.h)."""


def version(text: str) -> str | None:
    """Return the number in the output of `nginx -v` or `apache2 -v`, or None."""
    found = _VERSION.search(text)
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Mapped:
    """A TLS library in a process's memory: address range, path, and whether the file was replaced since."""

    area: str
    path: str
    replaced: bool


def mapped_library(maps: str) -> Mapped | None:
    """Return the libcrypto of a process that also maps a libssl, from its /proc/PID/maps; None if it speaks no TLS."""
    rows = [found for found in map(_MAPPED.fullmatch, maps.splitlines()) if found]
    if not any(row[3] == "ssl" for row in rows):
        return None
    crypto = next((row for row in rows if row[3] == "crypto"), None)
    return Mapped(crypto[1], crypto[2], crypto[4] is not None) if crypto else None


def library(text: str) -> str | None:
    """Return `openssl-3.0.19` for the version strings found in a library or binary; the dated one is its own name."""
    found = list(_LIBRARY.finditer(text))
    best = next((row for row in found if row[3]), found[0] if found else None)
    return f"{best[1].lower()}-{best[2]}" if best else None


def config_test(command: str, status: int, output: str) -> ConfigTest:
    """Read a server's own test: file and line of the first error nginx names, of the innermost file Apache names."""
    file, line = _place(output) if status else ("", 0)
    return ConfigTest(command=command, passed=status == 0, output=output.strip(), file=file, line=line)


def _place(output: str) -> tuple[str, int]:
    fatal = "\n".join(row for row in output.splitlines() if "[emerg]" in row or "[crit]" in row)
    if nginx := _NGINX_PLACE.search(fatal):
        return nginx[1], int(nginx[2])
    apache = list(_APACHE_PLACE.finditer(output))
    if not apache:
        return "", 0
    last = apache[-1]
    return (last[2], int(last[1])) if last[1] else (last[4], int(last[3]))


def sockets_of_ss(text: str) -> tuple[Socket, ...]:
    """Read `ss -Hltn`: the fourth column is `address:port`, where `*` is every address of both families."""
    columns = (line.split() for line in text.splitlines())
    return _sorted(_socket(column[3]) for column in columns if len(column) >= 4)


def _socket(text: str) -> Socket:
    address, _, port = text.rpartition(":")
    plain = address.strip("[]").partition("%")[0]
    return Socket("::" if plain == "*" else plain, int(port))


def sockets_of_proc(text: str) -> tuple[Socket, ...]:
    """Read /proc/net/tcp and tcp6: addresses are hexadecimal, in little-endian words of 32 bits (proc(5))."""
    columns = (line.split() for line in text.splitlines())
    return _sorted(_hex_socket(column[1]) for column in columns if len(column) > 3 and column[3] == _LISTEN)


def _hex_socket(text: str) -> Socket:
    address, port = text.split(":")
    raw = bytes.fromhex(address)
    words = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    return Socket(str(ipaddress.ip_address(words)), int(port, 16))


def _sorted(sockets: Iterable[Socket]) -> tuple[Socket, ...]:
    return tuple(sorted(set(sockets), key=lambda socket: (socket.port, socket.address)))


# One line a path: `mode<TAB>owner<TAB>real path`, or `-<TAB>why<TAB>`; the links of both ends are followed.
STAT = r"""
for path in "$@"; do
  if seen=$(stat -L -c '%a	%U' -- "$path" 2>&1); then printf '%s\t%s\n' "$seen" "$(readlink -f -- "$path")"
  else printf -- '-\t%s\t\n' "$(printf '%s' "$seen" | tail -n 1 | tr '\t' ' ')"; fi
done
"""

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\\.|\$\{[^}]*\}|[^\s;{}"'\\])[^\s;{}]*""", re.DOTALL
)
_NGINX_FILE = re.compile(r"^# configuration file (/.*):$", re.MULTILINE)
_NGINX_KEYS = re.compile(r"(?:[a-z]+_)?ssl_certificate_key")
_APACHE_LINE = re.compile(
    r"""^\s*(SSLCertificateKeyFile|DocumentRoot|Alias)\s+(.*\S)\s*$""", re.MULTILINE | re.IGNORECASE
)
_APACHE_WORD = re.compile(r'"((?:\\.|[^"\\])*)"|(\S+)')


@dataclass(frozen=True, slots=True)
class Named:
    """What a configuration names: key paths, document roots, and the words that only the server can resolve."""

    keys: tuple[str, ...]
    roots: tuple[str, ...]
    unresolved: tuple[str, ...] = ()


def named_by_nginx(dump: str) -> Named:
    """Read the output of `nginx -T`. Relative key paths stand beside the main file (ngx_http_ssl_module)."""
    main = _NGINX_FILE.search(dump)
    folder = posixpath.dirname(main[1]) if main else ""
    keys: list[str] = []
    roots: list[str] = []
    for words in _statements(dump):
        if _NGINX_KEYS.fullmatch(words[0]) and len(words) > 1:
            keys.append(_beside(folder, words[1]))
        elif words[0] in ("root", "alias") and len(words) > 1:
            roots.append(words[1])
    return _named(keys, roots)


def named_by_apache(text: str, server_root: str = "") -> Named:
    """Read the text of Apache's configuration files; relative paths start at `server_root`."""
    keys: list[str] = []
    roots: list[str] = []
    for found in _APACHE_LINE.finditer(text):
        words = [row[1] or row[2] for row in _APACHE_WORD.finditer(found[2])]
        (keys if found[1].lower() == "sslcertificatekeyfile" else roots).append(_beside(server_root, words[-1]))
    return _named(keys, roots)


def _statements(text: str) -> Iterator[list[str]]:
    """Yield the words of every simple or block directive of an nginx configuration, comments left out."""
    words: list[str] = []
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token in (";", "{", "}"):
            if words:
                yield words
            words = []
        elif not token[0].isspace() and not token.startswith("#"):
            words.append(re.sub(r"\\(.)", r"\1", token[1:-1]) if token[0] in "\"'" else token)


def _beside(folder: str, path: str) -> str:
    return path if not folder or path.startswith(("/", "$")) or ":" in path else posixpath.join(folder, path)


def _named(keys: Iterable[str], roots: Iterable[str]) -> Named:
    paths = [path for path in keys if not path.startswith(("data:", "engine:", "store:", "pkcs11:"))]
    plain = [path for path in [*paths, *roots] if path.startswith("/") and "$" not in path]
    return Named(
        keys=tuple(dict.fromkeys(path for path in paths if path in plain)),
        roots=tuple(dict.fromkeys(path for path in roots if path in plain)),
        unresolved=tuple(dict.fromkeys(path for path in [*paths, *roots] if path not in plain)),
    )


def look(runner: Runner, named: Named) -> tuple[tuple[KeyFile, ...], str]:
    """Look at every key on the host. Returns the keys that could be seen, and why the others could not."""
    if not named.keys:
        return (), ""
    answer = runner.run(STAT, *named.keys, *named.roots)
    rows = [(*line.split("\t"), "", "")[:3] for line in answer.out.splitlines()]
    if len(rows) != len(named.keys) + len(named.roots):
        raise UnreadableError(f"the key files cannot be looked at: {answer.complaint}")
    real = {root: row[2] or root for root, row in zip(named.roots, rows[len(named.keys) :], strict=True)}
    seen, unseen = [], [f"{word} is known to the server only" for word in named.unresolved]
    for path, (mode, owner, target) in zip(named.keys, rows, strict=False):
        if mode == "-":
            unseen.append(owner)
        else:
            seen.append(KeyFile(path, int(mode, 8), owner, _holder(path, target, real)))
    return tuple(seen), "; ".join(unseen)


def _holder(path: str, target: str, roots: dict[str, str]) -> str:
    """Return the document root that holds the key by its name or by where its links lead, or an empty string."""
    for root, place in roots.items():
        if any(_under(one, folder) for one in (path, target) for folder in (root, place)):
            return root
    return ""


def _under(path: str, folder: str) -> bool:
    return posixpath.normpath(path).startswith(posixpath.normpath(folder).rstrip("/") + "/")
