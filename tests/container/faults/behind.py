# ruff: noqa: ANN401 - helpers pass further fields of a fault, or keys of a property list, on
"""An application behind the server that misbehaves by configuration: the second nginx, with something put into it."""

from __future__ import annotations

from functools import cache
from typing import Any

from ota_proxy.harness.mock_upstreams import MOCK_ROOT, PLACEHOLDER, Application, upstream_config
from ota_proxy.harness.served import MANIFEST, ODD, Content, Served
from tests.container.faults.model import Door, Fault, fault
from tests.support.variants import PROXIED, variant

SITE = variant("proxied", locations=PROXIED[:1])
FOLDER = f"{MOCK_ROOT}/app0-0"
"""Where the application's files are."""


def behind(name: str, ids: str, server: str, http: str = "", door: Door = "check", **more: Any) -> Fault:
    """Return a fault of an application: `server` and `http` are put into these blocks of its configuration."""
    return fault(name, ids, content=Content(upstream=application(server, http)), site=SITE, door=door, **more)


def application(server: str, http: str = "") -> str:
    """Return the configuration of the one application of `SITE` with more in it; a `location` there goes before the files."""
    return _plain().replace("    server {\n", f"{http}\n    server {{\n{server}\n", 1)


@cache
def _plain() -> str:
    (location,) = SITE.proxied
    assert location.target is not None
    files = Served(SITE, Content(package=b""))
    manifests = {name: files.manifest(location, name, PLACEHOLDER).decode() for name in (MANIFEST, *ODD)}
    texts = {f"/{name}": text for name, text in manifests.items()}
    return upstream_config([Application(location.target, {"/": FOLDER})], texts)
