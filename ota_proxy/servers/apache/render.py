"""Renders a site for Apache httpd 2.4: `ota-proxy.conf` (scope site or snippet) or a whole `httpd.conf` (scope full). Pure."""

from __future__ import annotations

from ota_proxy.errors import UsageError
from ota_proxy.policy import guideline
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.apache.notes import notes
from ota_proxy.servers.apache.view import View, view
from ota_proxy.servers.header import header_lines
from ota_proxy.servers.rendered import Note, Rendered, RenderedFile, Scope
from ota_proxy.servers.shared import refuse
from ota_proxy.servers.templates import APACHE, Quoted, render_template, variables
from ota_proxy.site import Site

_NAMES: dict[Scope, str] = {"snippet": "ota-proxy.conf", "site": "ota-proxy.conf", "full": "httpd.conf"}


def render(site: Site, caps: Capabilities, scope: Scope, command: str, further: tuple[Note, ...] = ()) -> Rendered:
    """Return one file; the same input gives the same bytes. `command` is repeated in the header, and so are `further` notes.

    Raises UsageError for a value Apache cannot quote in its place, for the modern profile without TLS 1.3, and for an
    https upstream whose certificate Apache could not check by name.
    """
    check_possible(site, caps, scope)
    said = (*notes(site, caps, scope), *further)
    body = printed(scope, view(site, caps, scope))
    text = "\n".join((*header(site, caps, scope, command, said), "", body))
    return Rendered("apache", scope, (RenderedFile(_NAMES[scope], text),), said)


def printed(template: str, made: View, **more: object) -> Quoted:
    """Return what a template makes of a view; it has the fields of the view and of its parts by their own names, and `more`."""
    names: dict[str, object] = {"catches": False, "body": None}
    for part in (made, made.locations, made.features, made.hosts, made.full):
        names |= variables(part) if part else {}
    return render_template(f"apache/{template}.conf.j2", names | more, APACHE)


def check_possible(site: Site, caps: Capabilities, scope: Scope) -> None:
    """Raise UsageError for a policy that this version cannot speak, and for a feature that Apache does not have."""
    refuse(site, "apache")
    if site.tls.profile == "modern" and not caps.has("tls13") and not site.tls.offloaded and scope != "snippet":
        raise UsageError(
            f"the profile modern is TLS 1.3 only, and Apache with {caps.tls_library} has no TLS 1.3",
            key=("tls", "profile"),
            hint="choose intermediate, or a server with OpenSSL 1.1.1 or newer",
        )


def header(site: Site, caps: Capabilities, scope: Scope, command: str, said: tuple[Note, ...]) -> list[str]:
    """Return the first lines of a file, as comments."""
    lines = header_lines(caps, guideline.profile(site.tls.profile), scope, command, said)
    # a backslash at the end of a comment line would make the next line a comment too (observed behaviour, httpd 2.4.71)
    return [f"# {line}".rstrip(" \\") for line in lines]
