"""Reads `--resolve HOST:PORT:ADDR`, curl's form, and `HOST:PORT:ADDR:PORT` for a server that listens elsewhere; IPv6 in brackets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from ota_proxy.device.network import NetFault, ascii_host
from ota_proxy.errors import UsageError
from ota_proxy.numbers import port

Place = tuple[str, int]
"""A host (as DNS has it) or an address, and a port."""

_FORM = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]\s]+):(?P<port>[0-9]+):(?P<rest>\S+)")
_ADDRESS = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<four>[^:\[\]]+))(?::(?P<port>[0-9]+))?")
_HINT = "for instance --resolve ota.example.com:443:192.0.2.7 or --resolve ota.example.com:443:[2001:db8::7]:8443"
_LAST_PORT = 65535


Ways = dict[Place, Place]
"""(host, port) of a URL → (address, port) to connect to."""


def read_resolve(texts: Iterable[str]) -> tuple[Ways, Ways]:
    """Return the ways to the servers, and those over the other family where both IPv4 and IPv6 were given for a host and port.

    Otherwise the last word on a host and port counts. UsageError for another form, a port that is none, a name as address.
    """
    first: Ways = {}
    also: Ways = {}
    for place, way in map(_one, texts):
        known = first.get(place)
        other = known is not None and (":" in known[0]) != (":" in way[0])
        (also if other else first)[place] = way
    return first, also


def _one(text: str) -> tuple[Place, Place]:
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"'{text}' is not HOST:PORT:ADDR", place="--resolve", hint=_HINT)
    port = _port(match["port"], text)
    address, other = _address(match["rest"], text)
    return (_host(match["host"], text), port), (address, port if other is None else other)


def _host(name: str, text: str) -> str:
    if name == "*":
        raise UsageError(f"'{text}' names no host: * is not supported", place="--resolve", hint="name each host")
    try:
        return ascii_host(name.strip("[]"))
    except NetFault as fault:
        raise UsageError(f"'{text}': {fault.error.message}", place="--resolve", hint=_HINT) from None


def _port(digits: str, text: str) -> int:
    number = port(digits)
    if not number:
        raise UsageError(
            f"'{text}': {digits[:20]} is not a port", place="--resolve", hint=f"ports go from 1 to {_LAST_PORT}"
        )
    return number


def _address(rest: str, text: str) -> tuple[str, int | None]:
    bare = _ip(rest)  # curl takes an IPv6 address without brackets too
    match = _ADDRESS.fullmatch(rest)
    if bare:
        return bare, None
    found = _ip(match["six"] or match["four"]) if match else ""
    if match is None or not found or (":" in found) != bool(match["six"]):
        raise UsageError(f"'{text}': '{rest}' is not an IP address", place="--resolve", hint=_HINT)
    return found, _port(match["port"], text) if match["port"] else None


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
