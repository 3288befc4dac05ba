"""Private keys and document roots that a configuration names: read from its text, then looked at on the host."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ota_proxy.facts.host import KeyFile
from ota_proxy.hosts.connect import Runner, UnreadableError

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
