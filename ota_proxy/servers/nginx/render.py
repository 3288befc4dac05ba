"""Renders a site for nginx: one file, for an existing server block (snippet), for conf.d (site) or as the whole nginx.conf (full)."""

from __future__ import annotations

from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import profile as guideline_profile
from ota_proxy.servers.header import header_lines
from ota_proxy.servers.nginx.features import possible
from ota_proxy.servers.nginx.notes import notes
from ota_proxy.servers.nginx.quote import comment
from ota_proxy.servers.nginx.view import view
from ota_proxy.servers.rendered import Note, Rendered, RenderedFile, Scope
from ota_proxy.servers.templates import NGINX, render_template, variables
from ota_proxy.site import Site


def render(site: Site, caps: Capabilities, scope: Scope, command: str, further: tuple[Note, ...] = ()) -> Rendered:
    """Return the configuration as one file and what has to be said about it, `further` notes after its own.

    UsageError names the key and value that nginx cannot quote, or the policy that this version cannot speak.
    """
    possible(site, caps, scope)
    profile = guideline_profile(site.tls.profile)
    said = (*notes(site, caps, scope, profile), *further)
    header = [comment(line) for line in header_lines(caps, profile, scope, command, said)]
    printed = variables(view(site, caps, scope, profile))
    text = render_template(f"nginx/{scope}.conf.j2", {**printed, "header": header, "body": None}, NGINX)
    name = "nginx.conf" if scope == "full" else "ota-proxy.conf"
    return Rendered("nginx", scope, (RenderedFile(name, text),), said)
