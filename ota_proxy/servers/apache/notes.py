"""What has to be said about a rendering for Apache: what the version cannot enforce, what has to be around it, warnings."""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.addresses import bracketed, is_address
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import HSTS_MINIMUM_AGE
from ota_proxy.policy.server_values import apache_capacity as capacity
from ota_proxy.policy.server_values import apache_modules_for as modules
from ota_proxy.policy.server_values import apache_section as section
from ota_proxy.servers.apache import features
from ota_proxy.servers.rendered import Note, NoteKind, Scope
from ota_proxy.servers.shared import (
    certificate_warnings,
    log_folders,
    proxy_notes,
    upload_notes,
    version_notes,
    websocket_notes,
)
from ota_proxy.site import Site

_ORDER: tuple[NoteKind, ...] = ("would-add", "cannot-enforce", "needs-parent", "warning", "info")


def notes(site: Site, caps: Capabilities, scope: Scope) -> tuple[Note, ...]:
    """Return the notes in the order of the header."""
    found = [
        *version_notes(caps, _features(site, scope)),
        *(Note("cannot-enforce", text) for text in (*_cannot(site, scope), *features.cannot(site, scope))),
        *(Note("needs-parent", text) for text in (*_enclosing(site, caps, scope), *features.needs(site, scope))),
        *(Note("warning", text) for text in (*_warnings(site), *certificate_warnings(site))),
        *(Note("info", text) for text in (*_info(site, scope), *features.infos(site))),
    ]
    return tuple(sorted(found, key=lambda note: _ORDER.index(note.kind)))


def needed_modules(site: Site, scope: Scope) -> tuple[str, ...]:
    """Return the modules the rendered file uses, without `mod_` and `_module`."""
    https = any(location.target and location.target.scheme == "https" for location in site.proxied)
    inside = scope == "snippet"
    names = modules(
        tls=(not site.tls.offloaded and not inside) or https,
        http2=site.http2 and not site.tls.offloaded and not inside,
        behind_proxy=bool(site.trusted_proxies) and not inside,
        proxied=bool(site.proxied),
        auth=site.auth.htpasswd is not None,
    )
    return tuple(name for name in names if not (inside and name in {"rewrite", "reqtimeout", "mpm_event"}))


def listens(site: Site) -> tuple[tuple[str, bool], ...]:
    """Return what Listen takes for this site and whether TLS is spoken there: `443`, `0.0.0.0:443`, `[2001:db8::1]:443`."""
    ports = [(site.listen.http, False)] if site.listen.http else []
    if not site.tls.offloaded:
        ports.append((site.https_port, True))
    places = [f"{bracketed(host)}:" for host in site.listen.hosts]
    if not places:
        places = [""] if site.listen.ipv6 else ["0.0.0.0:"]
    return tuple((f"{place}{port}", tls) for port, tls in ports for place in places)


def _own_tls(site: Site, scope: Scope) -> bool:
    return not site.tls.offloaded and scope != "snippet"


def _features(site: Site, scope: Scope) -> tuple[str, ...]:
    """Return the features that make a difference to this rendering."""
    return ("read_buffer", *(("sni_policy", "mlkem", "tls13") if _own_tls(site, scope) else ()))


def _cannot(site: Site, scope: Scope) -> Iterator[str]:
    if site.proxied:
        yield "slashes that repeat in or right after the prefix of an application reach it as one slash; the rest of the path is handed on byte for byte"
        if paths := [location.path for location in site.proxied if location.path != location.url_path]:
            yield f"the prefix {' or '.join(paths)} reaches its application percent-encoded in one form, whatever form the device chose"
        yield "an application that is silent for too long is answered for with 502, where other servers say 504"
        if paths := [location.path for location in site.proxied if location.max_body is None]:
            yield f"an upload to {' and '.join(paths)} without Content-Length may have any size; where max_body is set it is refused with 411"
    if scope == "snippet":
        yield from _snippet(site)
    if _own_tls(site, scope) and site.unknown_hosts == "refuse":
        yield "an unknown host finishes its TLS handshake, with this site's certificate, and then gets 421"


def _snippet(site: Site) -> Iterator[str]:
    yield "a snippet cannot choose protocols, ciphers or certificates: the virtual host around it does"
    yield "TRACE is refused by the virtual host around it only: TraceEnable holds for a whole host"
    yield "a snippet cannot redirect http to https, serve the ACME challenge or refuse unknown hosts (421)"
    if site.trusted_proxies:
        yield "a snippet does not decide whom to trust: trusted_proxies has no effect, set RemoteIPHeader in the virtual host"
    if site.log.access is not None or site.log.error is not None:
        yield "a snippet does not choose log files: log has no effect"


def _host_needs(site: Site) -> Iterator[str]:
    """Yield what a snippet leaves to its virtual host, so that nothing outside its prefixes changes."""
    yield "in the virtual host: TraceEnable Off, which refuses a method that repeats a request with its cookies"
    if folders := " and ".join(dict.fromkeys(location.root for location in site.static if location.root)):
        yield f"no other path of the virtual host that shows {folders}: the rules for files hold for the folder, by whatever path it is reached"
    if site.proxied:
        yield "in the virtual host: AllowEncodedSlashes NoDecode, without which a path with %2F is not found before it reaches an application"
    if not site.tls.offloaded and site.hsts.enabled:
        yield (
            "one Strict-Transport-Security for the host: where the virtual host sends one with `Header always set`, it stays and this file "
            "sends none; set without `always`, its errors and its applications below these prefixes get this file's"
        )


def _enclosing(site: Site, caps: Capabilities, scope: Scope) -> Iterator[str]:
    if scope != "snippet":
        yield from log_folders(site)
    if caps.portable and any(location.websocket for location in site.proxied):
        yield "Apache 2.4.47 or later, for websocket"
    if scope == "full":
        return
    yield "these modules: " + ", ".join(needed_modules(site, scope))
    if scope == "snippet":
        yield from _host_needs(site)
    if scope == "site":
        yield "these lines: " + ", ".join([*(f"Listen {place}" for place, _ in listens(site)), *_sessions(site, caps)])
        if site.unknown_hosts == "refuse":
            yield ("to be read before other virtual hosts of these ports, for unknown hosts (a2dissite 000-default)")
    limits = capacity(site.expected_devices)
    yield (
        f"for {site.expected_devices} downloads at once, a thread each: event MPM with ServerLimit {limits.processes}, "
        f"ThreadLimit {limits.thread_limit}, ThreadsPerChild {limits.threads}, MaxRequestWorkers {limits.workers}"
    )
    yield "ServerTokens Prod, which hides versions, and TypesConfig for the types of pages and images"


def _sessions(site: Site, caps: Capabilities) -> Iterator[str]:
    if "ssl" in needed_modules(site, "site"):
        size = section("buffers")["session_cache"]
        yield f'SSLSessionCache "shmcb:ota_proxy({size})"'
    if caps.has("sni_policy") and not site.tls.offloaded:
        yield "SSLVHostSNIPolicy secure"


def _warnings(site: Site) -> Iterator[str]:
    if not site.hsts.enabled:
        yield "hsts.enabled is false: a first visit over http can be intercepted"
    elif site.hsts.max_age < HSTS_MINIMUM_AGE and not site.tls.offloaded:
        yield f"hsts.max_age {site.hsts.max_age} is below the guideline's {HSTS_MINIMUM_AGE} seconds"
    for location in site.proxied:
        target = location.target
        if target and target.scheme == "https" and is_address(target.host):
            yield f"{target} is an address: Apache compares it with names in the certificate only, never with its IP entries"


def _info(site: Site, scope: Scope) -> Iterator[str]:
    if site.tls.offloaded:
        yield "TLS ends at the proxy in front: Strict-Transport-Security is its header to send, and it must hand on the Host"
    elif site.tls.profile == "modern" and scope != "snippet":
        yield "the profile modern wants an ECDSA leaf; which kind yours is cannot be seen from here"
    yield from upload_notes(site)
    yield from websocket_notes(site)
    if scope == "snippet":
        return
    yield from proxy_notes(site)
    if site.listen.http is False:
        yield "listen.http is false: nothing answers or redirects over http, and no ACME challenge is served"
    if site.unknown_hosts == "ignore":
        yield "unknown_hosts is ignore: an unknown host gets the first virtual host of the port, which may be this one"
