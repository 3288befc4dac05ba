"""What has to be said about an nginx rendering: what the version or scope cannot enforce, what the enclosing configuration must have, warnings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ota_proxy.addresses import is_address
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import HSTS_MINIMUM_AGE, Profile
from ota_proxy.servers.nginx import features
from ota_proxy.servers.nginx.quote import bucket
from ota_proxy.servers.rendered import Note, Scope
from ota_proxy.servers.shared import (
    log_folders,
    proxy_believed,
    proxy_notes,
    upload_notes,
    version_notes,
    websocket_notes,
)
from ota_proxy.site import Site

_LEAST_CONNECTIONS = 8192  # serves 1,000 slow downloads with room for the manifests of the next phones
_LEAST_FILES = 65535
_WITH_VARIABLES = ("http3", "auth", "limits", "cors", "client_certificates", "error_pages")  # keys that bring maps


@dataclass(frozen=True, slots=True)
class Limits:
    """Main-context numbers of one worker: `connections` (sockets) and `files` (descriptors)."""

    connections: int
    files: int


def limits(site: Site) -> Limits:
    """Return what `expected_devices` slow downloads need in one worker, with a quarter to spare.

    A static download holds a socket and a file, a proxied one two sockets (observed behaviour).
    """
    sockets = site.expected_devices * (2 if site.proxied else 1)
    connections = max(_LEAST_CONNECTIONS, -(-sockets * 5 // 4 // 1024) * 1024)
    return Limits(connections, max(_LEAST_FILES, 2 * connections))


def name_bucket(site: Site) -> int:
    """Return the server_names_hash_bucket_size that the longest domain needs, or 0 if nginx's default does."""
    return bucket(max(len(domain) for domain in site.domains))


def variable_bucket(site: Site) -> int:
    """Return the variables_hash_bucket_size that a site with many variables of its own needs, or 0 if nginx's default does.

    Two names of some length fill no bucket of 64, and the more there are, the likelier two of them meet in every size of the table.
    """
    asked = any(getattr(site, name) != type(site).model_fields[name].default for name in _WITH_VARIABLES)
    return 128 if site.proxied or asked else 0


def notes(site: Site, caps: Capabilities, scope: Scope, profile: Profile) -> tuple[Note, ...]:
    """Return every note, in the order of the header."""
    lacking = version_notes(caps, _features(site, scope))
    return (
        *sorted(lacking, key=lambda note: note.kind, reverse=True),
        *(Note("cannot-enforce", text) for text in (*_cannot(site, caps, scope), *features.cannot(site, scope))),
        *(Note("needs-parent", text) for text in (*_needs(site, caps, scope), *features.needs(site, scope))),
        *(Note("warning", text) for text in (*_warnings(site, scope), *features.warnings(site, caps, scope))),
        *(Note("info", text) for text in (*_infos(site, caps, profile, scope), *features.infos(site, scope))),
    )


def _features(site: Site, scope: Scope) -> tuple[str, ...]:
    """Return the features that make a difference to this rendering."""
    if scope == "snippet" or site.tls.offloaded:
        return ()
    names = ("reject_handshake", "site_protocols") if site.unknown_hosts == "refuse" else ()
    return (*names, "ticket_rotation", "mlkem", "tls13", *(("http2_directive",) if site.http2 else ()))


def _cannot(site: Site, caps: Capabilities, scope: Scope) -> Iterator[str]:
    if scope == "snippet":
        yield from _snippet_cannot(site)
    elif not site.tls.offloaded and site.unknown_hosts != "refuse" and not caps.has("site_protocols"):
        yield (
            f"the protocols of port {site.https_port} are those of its default server, which unknown_hosts = ignore "
            "leaves to another file: give that server the same ssl_protocols"
        )


def _snippet_cannot(site: Site) -> Iterator[str]:
    yield "TLS protocols, ciphers, groups, session tickets and certificates stay those of the server block around this file"
    yield "unknown hosts are not refused: the default server of the ports is not in this file"
    yield "the redirect from http and the ACME exception are not in this file: that server block stands elsewhere"
    yield "answers outside these locations get neither Strict-Transport-Security nor the security headers from this file"
    yield "an error answer carries no Cache-Control, which takes a map in the http block"
    if site.proxied:
        yield "a proxied manifest without Cache-Control does not get no-store, which takes a map in the http block"
        yield "upstream connections are opened for each request: keeping them open takes an upstream block"
        if site.headers:
            yield "the security headers of an application's answers stay its own (but for X-Content-Type-Options), which else takes maps in the http block"
    if site.log.access is not None or site.log.error is not None:
        yield "log files stay those of the server block around this file: log has no effect"
    if proxy_believed(site):
        yield "X-Forwarded-Proto of a trusted proxy is not read, which takes a geo block in the http block: only the connection says whether it is https"


def _needs(site: Site, caps: Capabilities, scope: Scope) -> Iterator[str]:
    if scope == "full":
        yield f"modules {_modules(site, scope)}"
        yield from log_folders(site)
        return
    numbers = limits(site)
    yield (
        f"for {site.expected_devices} phones: worker_processes auto, worker_rlimit_nofile {numbers.files},"
        f" worker_connections {numbers.connections}"
    )
    yield f"in the http block mime.types and default_type; modules {_modules(site, scope)}"
    if caps.compressors_unknown:
        names = " or ".join(caps.compressors_unknown)
        yield (
            f"{names}, where loaded, off for packages and manifests: --with-module {caps.compressors_unknown[0]} adds that"
        )
    if scope == "snippet" and site.hsts.enabled and not site.tls.offloaded:
        yield (
            "one Strict-Transport-Security for the host: these locations send this file's, and browsers keep the last they saw for the whole "
            f'name: give the server block the same, add_header Strict-Transport-Security "{site.hsts.value}" always'
        )
    if scope == "snippet":
        yield f"a server block for {' '.join(site.domains)} around it, and no location in it with the same prefix"
    elif site.unknown_hosts == "refuse":
        yield (f"no other default_server on {_ports(site)}, such as Debian's sites-enabled/default")
    if scope == "site" and (size := name_bucket(site)):
        yield f"in the http block: server_names_hash_bucket_size {size}; for the long domain"
    if scope == "site" and (size := variable_bucket(site)):
        yield f"in the http block: variables_hash_bucket_size {size}, where nginx -t warns of variables_hash"
    if scope == "site":
        yield from log_folders(site)


def _modules(site: Site, scope: Scope) -> str:
    https = any(location.target and location.target.scheme == "https" for location in site.proxied)
    terminates = not site.tls.offloaded
    wanted = {
        "http_map": scope != "snippet",
        "http_ssl": terminates or https,
        "http_v2": terminates and site.http2 and scope != "snippet",
        "http_realip": bool(site.trusted_proxies),
        "http_geo (Debian 11 has it in nginx-core, not in nginx-light)": proxy_believed(site) and scope != "snippet",
        "http_proxy": bool(site.proxied),
        "http_rewrite": True,
    }
    return ", ".join((*(name for name, needed in wanted.items() if needed), *features.modules(site, scope)))


def _ports(site: Site) -> str:
    if site.tls.offloaded:
        return f"port {site.listen.http}"
    return f"port {site.https_port}" + (f" and port {site.listen.http}" if site.listen.http else "")


def _warnings(site: Site, scope: Scope) -> Iterator[str]:
    if not site.hsts.enabled and not site.tls.offloaded:
        yield "hsts is off: the first visit of a browser over http can be intercepted"
    elif site.hsts.max_age < HSTS_MINIMUM_AGE and not site.tls.offloaded:
        yield f"hsts.max_age {site.hsts.max_age} is below the guideline's {HSTS_MINIMUM_AGE} (two years)"
    if site.log.level != "warn" and site.log.error is None and scope != "full":
        yield f"log.level {site.log.level} has no effect without log.error: nginx takes the level together with a file"
    if site.unknown_hosts == "ignore" and scope != "snippet":
        yield "unknown hosts are left to the default server of these ports, which is the first one nginx reads unless another says so"


def _infos(site: Site, caps: Capabilities, profile: Profile, scope: Scope) -> Iterator[str]:
    if site.tls.offloaded:
        proxies = ", ".join(site.trusted_proxies)
        yield f"TLS ends at the proxy in front ({proxies}): Strict-Transport-Security, the TLS profile and ACME belong there, and it must send X-Forwarded-Proto: https with every request of a device that came by https, its own health checks too"
    elif "rsa" not in profile.leaf_kinds:
        yield f"the profile {profile.name} wants an ECDSA certificate; which kind the files have is not seen here"
    if names := sorted({t.host for x in site.proxied if (t := x.target) and t.host and not is_address(t.host)}):
        yield f"{' and '.join(names)} must resolve whenever nginx starts or reloads: with a dead name it does neither"
    if site.http2 and not caps.has("http2_directive") and scope == "site" and not site.tls.offloaded:
        yield f"http2 on a listen line holds for every server of port {site.https_port}"
    yield from upload_notes(site)
    yield from websocket_notes(site)
    if scope != "snippet":
        yield from proxy_notes(site)
