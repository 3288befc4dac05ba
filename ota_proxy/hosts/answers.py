"""Pure readers of what hosts answer: versions, TLS libraries, configuration tests, listening sockets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ota_proxy.facts.host import ConfigTest, Socket

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
    """Return the libcrypto of a process that also maps a libssl, from its /proc/PID/maps; None where it speaks no TLS."""
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
