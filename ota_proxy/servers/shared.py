"""What the renderings of all servers have and say alike: applications, proxies in front, optional keys, versions, log files.

Which server refuses which optional key stands here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.rendered import Note
from ota_proxy.site import Location, Site
from ota_proxy.site.values import size_text

ACME = "/.well-known/acme-challenge/"
SECURE, PLAIN = "https|wss", "http|ws"
"""First entries of X-Forwarded-Proto for a device with TLS and without; a proxy may name the scheme of a WebSocket (observed: Traefik)."""


def claimed(site: Site) -> bool:
    """Say whether a location of the site itself has the prefix of ACME challenges; it is then left to that."""
    return any(location.path == ACME for location in site.locations)


def proxy_believed(site: Site) -> bool:
    """Say whether X-Forwarded-Proto is read: where a trusted proxy speaks HTTP. A PROXY header before our TLS comes from one that does not."""
    return bool(site.trusted_proxies) and (site.tls.offloaded or not site.listen.proxy_protocol)


def upload_notes(site: Site) -> Iterator[str]:
    """Say how large an upload may be."""
    groups: dict[int, list[str]] = {}
    for location in site.proxied:
        groups.setdefault(location.body_limit, []).append(location.path)
    for limit, paths in groups.items():
        size = f"may have {size_text(limit)}, more is 413" if limit else "may have any size"
        yield f"an upload to {' and '.join(paths)} {size} (max_body)"


def websocket_notes(site: Site) -> Iterator[str]:
    """Say which applications get no WebSocket."""
    without = [location.path for location in site.proxied if not location.websocket]
    if without:
        yield f"a WebSocket of {' and '.join(without)} cannot be opened; websocket = true in that location lets it through"


def proxy_notes(site: Site) -> Iterator[str]:
    """Say what the proxies in front must send, and what is made of it."""
    if proxy_believed(site):
        yield (
            f"the first entry of X-Forwarded-Proto from {', '.join(site.trusted_proxies)} says how the device came: https is served, http is"
            " redirected to https; without it the connection decides; nobody else is believed"
        )


def read_timeouts(site: Site) -> tuple[Location, ...]:
    """Return the applications that may be silent for a time of their own."""
    return tuple(location for location in site.proxied if location.read_timeout)


_CANNOT = {
    ("apache", "http3"): (
        "Apache httpd has no HTTP/3",
        "leave http3 out (phones take HTTP/2), or render for nginx 1.25.0 or later",
    ),
    ("apache", "limits.requests_per_second"): (
        "Apache httpd cannot count the requests of an address (mod_ratelimit slows answers, and the installer with them)",
        "leave limits out and limit at a proxy in front, or render for nginx",
    ),
    ("iis", "http3"): (
        "on IIS HTTP/3 belongs to the machine: Windows 2022 and later has it in the registry (HTTP\\Parameters, EnableHttp3 and EnableAltSvc)",
        "leave http3 out and set it there by hand, or render for nginx 1.25.0 or later",
    ),
    ("iis", "listen.proxy_protocol"): (
        "Windows' HTTP.sys does not read PROXY headers",
        "leave it out and let the proxy in front speak HTTP, with X-Forwarded-For",
    ),
    ("iis", "auth.htpasswd"): (
        "IIS checks passwords against Windows accounts and reads no htpasswd file",
        "leave auth out and switch on basicAuthentication for the page's own location by hand, or render for another server",
    ),
    ("iis", "limits.requests_per_second"): (
        "IIS counts all requests of an address (dynamicIpSecurity), the installer's too, and cannot answer 429",
        "leave limits out and limit at a proxy in front, or render for nginx",
    ),
    ("iis", "cors.origins"): (
        "IIS has no CORS of its own: it takes the IIS CORS module, which is not part of Windows",
        "leave cors out and install and set up that module by hand, or render for another server",
    ),
    ("iis", "client_certificates.ca"): (
        "IIS believes every authority of the machine, and asks inside a connection, which HTTP/2 over TLS 1.3 forbids (RFC 8740)",
        "leave client_certificates out, or render for another server",
    ),
}
"""(Server, key) → why it cannot, and the way out."""


def refuse(site: Site, server: str) -> None:
    """Raise UsageError for the first optional key that is given and that this server cannot do in any version."""
    given = {
        "http3": site.http3,
        "listen.proxy_protocol": site.listen.proxy_protocol,
        "auth.htpasswd": site.auth.htpasswd is not None,
        "limits.requests_per_second": site.limits.requests_per_second is not None,
        "cors.origins": bool(site.cors.origins),
        "client_certificates.ca": site.client_certificates.ca is not None,
        "error_pages.folder": site.error_pages.folder is not None,
    }
    for key, wanted in given.items():
        if wanted and (server, key) in _CANNOT:
            why, hint = _CANNOT[server, key]
            raise UsageError(why, key=tuple(key.split(".")), hint=hint)


def certificate_warnings(site: Site) -> Iterator[str]:
    """Yield a warning for locations that ask for client certificates: the installer has none (OTA225)."""
    guarded = site.client_certificates.locations
    if not guarded:
        return
    if len(guarded) == len(site.locations):
        yield (
            "every location asks for a client certificate, and the installer has none: no app can be installed from"
            " this site (OTA225); leave manifests, packages and icons in a location without it"
        )
        return
    yield (
        f"{' and '.join(guarded)} ask{'s' * (len(guarded) == 1)} for a client certificate, and the installer has none:"
        " no manifest, package or icon may lie there (OTA225)"
    )


def open_to_installers(site: Site) -> str:
    """Say what stays open beside the password of `auth`, and why."""
    apps = " and ".join(location.path for location in site.proxied)
    return (
        "auth asks for a password on pages only: manifests, packages, profiles and images stay open to whoever knows their"
        " address, because the installer has no password to give; choose names that nobody guesses"
        + (f"; applications ask for themselves ({apps})" if apps else "")
    )


def for_folders_only(site: Site) -> Iterator[str]:
    """Say which applications `cors` does not speak for."""
    if site.cors.origins and site.proxied:
        yield f"cors is about folders; applications answer for themselves ({' and '.join(x.path for x in site.proxied)})"


def error_files(site: Site) -> Iterator[str]:
    """Say which files `error_pages` needs."""
    if site.error_pages.folder:
        names = ", ".join(f"{status}.html" for status in site.error_pages.statuses)
        yield f"{names} in {site.error_pages.folder}"


def version_notes(caps: Capabilities, features: Iterable[str]) -> Iterator[Note]:
    """Yield a note for each of these features that is not there and makes a difference."""
    for feature in features:
        if caps.has(feature):
            continue
        if feature in caps.unnamed:
            yield from (Note("would-add", text) for text in (caps.unnamed[feature],) if text)
        elif text := caps.cannot(feature):
            yield Note("cannot-enforce", text)


def log_folders(site: Site) -> Iterator[str]:
    """Say which folders the log files need: neither nginx nor Apache makes one, or starts without it (observed behaviour)."""
    files = [path for path in (site.log.access, site.log.error) if isinstance(path, str)]
    if folders := list(dict.fromkeys(path.rpartition("/")[0] or "/" for path in files)):
        yield f"for the log files {' and '.join(folders)}: the server makes no folder, and does not start without it"
