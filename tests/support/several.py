"""Two sites that share a server, as raw values and as files; what tests of several sites start from."""

from __future__ import annotations

import contextlib
from typing import Any

from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.base import server_named
from ota_proxy.servers.rendered import Rendered, Scope
from ota_proxy.servers.several import Part, Several
from ota_proxy.site import Site

Raw = dict[str, Any]


def raw(name: str, *more: str, **changes: Any) -> Raw:  # noqa: ANN401 - raw keys of a site
    """Return a site of one folder; its files are named after the first label of its name."""
    short = name.partition(".")[0]
    return {
        "domains": [name, *more],
        "locations": [{"path": "/", "root": f"/srv/{short}"}],
        "certificates": [{"cert": f"/etc/ssl/{short}.pem", "key": f"/etc/ssl/{short}.key"}],
        **changes,
    }


WIDE = raw("ota.example.com", "*.example.com")
PROXIED = raw(
    "builds.example.com",
    hsts={"include_subdomains": True},
    locations=[{"path": "/ota/", "root": "/srv/builds"}, {"path": "/app/", "upstream": "http://127.0.0.1:8080"}],
)
BOTH = (WIDE, PROXIED)


def several(server: str, *raws: Raw, version: str = "debian12", scope: Scope = "site") -> Rendered:
    parts = tuple(Part(Site.model_validate(one), (), contextlib.nullcontext) for one in raws)
    return server_named(server).render_several(
        Several(parts, resolve(server, version), scope, f"ota-proxy render {server}")
    )


def texts(rendered: Rendered) -> dict[str, str]:
    return {file.name: file.text for file in rendered.files}
