"""Renders a site for the toy: every line is a name and JSON strings."""

from __future__ import annotations

import json

from ota_proxy.policy import media_types
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import profile
from ota_proxy.servers.header import header_lines
from ota_proxy.servers.rendered import Note, Rendered, RenderedFile, Scope
from ota_proxy.servers.templates import Quoted, render_template
from ota_proxy.site import Site


def render(site: Site, caps: Capabilities, scope: Scope, command: str, further: tuple[Note, ...] = ()) -> Rendered:
    """Return the site as one file."""
    header = header_lines(caps, profile(site.tls.profile), scope, command, further)
    view = {
        "header": [Quoted(f"# {line}".rstrip()) for line in header],
        "https": site.https_port,
        "http": site.listen.http or 0,
        "cert": _quoted(site.certificates[0].cert),
        "key": _quoted(site.certificates[0].key),
        "public": _quoted(site.base_url),
        "domains": [_quoted(name) for name in site.domains],
        "folders": [(_quoted(place.path), _quoted(place.root or "")) for place in site.static],
        "types": [(_quoted(key), _quoted(value)) for key, value in media_types.ota_types(site.media_types).items()],
        "headers": [(_quoted(key), _quoted(value)) for key, value in site.headers.items()],
        "hsts": _quoted(site.hsts.value),
        "manifests": [_quoted(one) for one in media_types.extensions("manifest")],
    }
    return Rendered("toy", scope, (RenderedFile("toy.conf", render_template("toy/site.conf.j2", view)),), further)


def _quoted(text: str) -> Quoted:
    return Quoted(json.dumps(text))
