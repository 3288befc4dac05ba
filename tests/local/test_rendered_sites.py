from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

from ota_proxy.apps.package import build_package
from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.authority import Authority
from ota_proxy.harness.listening import wait_ready
from ota_proxy.harness.process.process_engine import EmbeddedEngine, LocalEngine, ProcessEngine
from ota_proxy.harness.scenario import build_scenario
from ota_proxy.harness.served import Content
from ota_proxy.servers.base import server_named
from ota_proxy.site import Site
from tests.container.plain_sites import proxied, site

AUTHORITY = Authority()
CONTENT = Content(package=build_package(size=50_000))
PAIRS = [{"cert": f"/etc/ssl/{kind}.pem", "key": f"/etc/ssl/{kind}.key"} for kind in ("rsa", "ecdsa")]
OFFLOADED: dict[str, Any] = {
    "certificates": [],
    "tls": {"offloaded": True},
    "trusted_proxies": ["10.0.0.0/8"],
    "listen": {"http": 8080},
}
SITES = {
    "static": site(),
    "two-certificates": site(certificates=PAIRS),
    "modern": site(tls={"profile": "modern"}),
    "default-port": site(public_url="https://ota.example.com", locations=[{"path": "/", "root": "/srv/ota"}]),
    "long-name": site(domains=[".".join(["a" * 50] * 4)], public_url=None),
    "own-logs": site(log={"access": "/var/log/ota/access.log", "error": "/var/log/ota/error.log"}),
    "http": proxied("http://app:8080"),
    "unix": proxied("unix:/run/app/app.sock"),
    "https": proxied("https://app.internal:9443", location={"upstream_ca": "/etc/ssl/app-ca.pem"}),
    "offloaded": site(**OFFLOADED),
    "offloaded-http": proxied("http://127.0.0.1:9000", **OFFLOADED),
}
NOT_THE_SITE = (
    "AH01882",  # this machine's mod_ssl was built with a newer OpenSSL than the one it runs with
    "setrlimit(RLIMIT_NOFILE",  # scope full asks for more open files than an ordinary account may have
    "[notice]",
    ":notice]",
)


@pytest.mark.parametrize("scope", ["site", "full"])
@pytest.mark.parametrize("chosen", SITES.values(), ids=SITES)
@pytest.mark.parametrize(
    ("make", "server"),
    [
        pytest.param(EmbeddedEngine, "nginx", marks=pytest.mark.embedded, id="embedded-nginx"),
        pytest.param(LocalEngine, "nginx", marks=pytest.mark.local, id="local-nginx"),
        pytest.param(LocalEngine, "apache", marks=pytest.mark.local, id="local-apache"),
    ],
)
def test_a_rendered_site_starts_serves_every_manifest_and_logs_no_warning(
    make: Callable[[], ProcessEngine], server: str, chosen: Site, scope: Literal["site", "full"]
) -> None:
    engine = make()
    try:
        placed = engine.prepare(server, chosen)
    except NoVerdictError as error:
        pytest.skip(str(error))
    text = server_named(server).render(placed.site, placed.caps, scope, "ota-proxy verify").files[0].text
    config = {placed.caps.layout.place(scope): text}
    prepared = build_scenario(placed.site, placed.caps, config, AUTHORITY, CONTENT, moved=placed.moved)
    with engine.run(prepared.scenario) as running:
        for url, body in prepared.expected.items():
            ready = wait_ready(
                url, prepared.ca_pem, running.endpoint.resolve, body, 10, running.alive, logs=running.logs
            )
            assert ready.verified, f"{url}: {ready.reason}"
        lines = running.logs().splitlines()
    assert [line for line in lines if not any(words in line for words in NOT_THE_SITE)] == []
