"""Where a site's own server listens, the names and lines that follow from it, and the wait until it answers there as this run's.

Ready is TLS against this run's CA and this run's manifest bytes: no log lines and no fixed sleeps. A server that answers otherwise is up too,
only not right: the walk says why.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ota_proxy.errors import NoVerdictError
from ota_proxy.servers.apache.notes import listens
from ota_proxy.site import Site
from ota_proxy.site.names import host_of

LOOPBACK = "127.0.0.1"


_SAMPLE = "ota-proxy-test"
"""A label that stands for the star of a wildcard."""


def names(site: Site) -> tuple[str, ...]:
    """Return the hosts a device can ask for, each once: the public one first, no wildcards but for a name of each alias's."""
    plain = (name for name in site.domains if not name.startswith("*."))
    return tuple(dict.fromkeys([site.public_host, *plain, *aliases(site)]))


def aliases(site: Site) -> tuple[str, ...]:
    """Return a name of each virtual host that has other certificates than the public name; of a wildcard one that it covers."""
    public = host_of(site.virtual_hosts, site.public_host)
    others = [host.domains for host in site.virtual_hosts if host != public]
    return tuple(min(names, key=lambda name: name.startswith("*.")).replace("*", _SAMPLE) for names in others)


def alias_bases(site: Site) -> tuple[str, ...]:
    """Return scheme, host and port of each of the aliases."""
    port = "" if site.public_port == 443 else f":{site.public_port}"
    return tuple(f"https://{name}{port}" for name in aliases(site))


def ports(site: Site) -> list[int]:
    """Return the TCP ports of the site's own server, the plain one first; the TLS-terminating proxy of an offloaded site has others."""
    plain = [site.listen.http] if site.listen.http else []
    return plain if site.tls.offloaded else [*plain, site.https_port]


def apache_lines(site: Site) -> list[str]:
    """Return the Listen lines of the rendered header; TLS on another port than 443 needs its protocol named (mod_mpm_common)."""
    return [
        f"Listen {place}{' https' if tls and not place.endswith(':443') and place != '443' else ''}"
        for place, tls in listens(site)
    ]


_TRY = 5.0
"""Seconds one attempt may take."""
_STARTING = frozenset({502, 503, 504})
"""Statuses of a server whose application is not up yet (RFC 9110 §15.6)."""
_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ready:
    """The server answers; `verified` with TLS and bytes as expected, else `reason` says what is different."""

    verified: bool
    reason: str = ""


def wait_ready(  # noqa: PLR0913, PLR0917 - how to ask, what to expect, when to give up
    url: str,
    ca_pem: bytes,
    resolve: Mapping[tuple[str, int], tuple[str, int]],
    expected: bytes,
    deadline: float,
    alive: Callable[[], bool],
    *,
    logs: Callable[[], str] = str,
) -> Ready:
    """Ask for the manifest at `url` until it comes; `deadline` is in seconds from now.

    NoVerdictError with the end of the server's log when nothing answers in time or the server has ended.
    """
    context = _context(ca_pem)
    until, pause, reason = time.monotonic() + deadline, 0.005, "it was not asked yet"
    while True:
        state, reason = _attempt(url, context, resolve, expected)
        if state is not None:
            return Ready(state, reason)
        if not alive():
            raise _given_up("the server ended before it answered", reason, logs)
        if time.monotonic() > until:
            raise _given_up(f"the server did not answer within {deadline:.0f} seconds", reason, logs)
        time.sleep(pause)
        pause = min(pause * 2, 0.25)


def _given_up(what: str, reason: str, logs: Callable[[], str]) -> NoVerdictError:
    end = logs().strip()[-2000:]
    return NoVerdictError(f"{what} ({reason})" + (f"; the end of its log:\n{end}" if end else "; it wrote no log"))


def _context(ca_pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca_pem.decode("ascii"))
    context.hostname_checks_common_name = False  # devices ignore the common name (Apple 103769)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _attempt(
    url: str, context: ssl.SSLContext, resolve: Mapping[tuple[str, int], tuple[str, int]], expected: bytes
) -> tuple[bool | None, str]:
    """Return True for right, False for an answer that will not change by waiting, None for nothing yet; and the reason."""
    try:
        status, body = _get(url, context, resolve)
    except (OSError, http.client.HTTPException) as error:
        return _judged(error)
    if status in _STARTING:
        return None, f"status {status}"
    right = status == 200 and body == expected
    return right, "" if right else f"status {status}, and the body is not this run's manifest"


def _judged(error: Exception) -> tuple[bool | None, str]:
    """Tell an answer that is wrong from no answer: a reset or an end of file is what a server's start looks like."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return False, f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return False, f"TLS fails: {error.reason or error}"
    if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
        return False, f"the answer is not HTTP: {error!r}"
    return None, f"no answer: {error}"


def _get(url: str, context: ssl.SSLContext, resolve: Mapping[tuple[str, int], tuple[str, int]]) -> tuple[int, bytes]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    with socket.create_connection(resolve.get((host, port), (host, port)), _TRY) as plain:
        plain.settimeout(_TRY)
        with context.wrap_socket(plain, server_hostname=host) as channel:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            channel.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode("ascii"))
            response = http.client.HTTPResponse(channel)
            response.begin()
            return response.status, response.read(_LARGEST)
