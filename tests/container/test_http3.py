"""HTTP/3 against the nginx of Debian: the offer, an install's requests over QUIC, unknown hosts, and a client that changes nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from ota_proxy.commands.verify import verify
from ota_proxy.harness.authority import Authority
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.listening import wait_ready
from ota_proxy.harness.scenario import build_scenario
from ota_proxy.harness.trial import Trial
from ota_proxy.servers.nginx.render import render
from tests.support.http3_client import Wanted, ask
from tests.support.reports import failed, warnings_of
from tests.support.variants import variant

HOST = "ota.example.com"
OFFER = 'h3=":443"; ma=86400'
pytestmark = pytest.mark.container


def request(path: str, method: str = "GET", authority: str = HOST, **more: str) -> Wanted:
    return method, authority, path, tuple((name.lower(), value) for name, value in more.items())


@pytest.mark.parametrize("suite", ["trixie", "forky"])
def test_an_install_goes_over_http3(suite: str, engine_of: Callable[[str], DockerEngine]) -> None:
    engine = engine_of(suite)
    caps, site = engine.capabilities("nginx"), variant("static", http3=True)
    prepared = build_scenario(site, caps, render(site, caps, "site", "test").files[0].text, Authority())
    with engine.run(prepared.scenario) as running:
        url = prepared.manifest_urls[0]
        wait_ready(url, prepared.ca_pem, running.endpoint.resolve, prepared.expected[url], 30, running.alive)
        name = running.endpoint.spec.removeprefix("docker://")
        words = ["docker", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name]
        address = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
        (head,) = ask(address, 443, HOST, prepared.ca_pem, request("/App.ipa", "HEAD"))
        page, manifest, package, part, missing, refused, unknown_host = ask(
            address,
            443,
            HOST,
            prepared.ca_pem,
            request("/"),
            request("/app.plist"),
            request("/App.ipa"),
            request("/App.ipa", Range="bytes=100-199"),
            request("/missing.ipa"),
            request("/app.plist", "POST"),
            request("/app.plist", authority="unknown.example.net"),
        )
        assert [one.status for one in (page, manifest, head, package, part)] == [200, 200, 200, 200, 206]
        assert manifest.body == prepared.expected[url]
        assert head.all("content-length") == package.all("content-length") == [str(len(prepared.package))]
        assert package.body == prepared.package
        assert part.body == prepared.package[100:200]
        assert [one.status for one in (missing, refused, unknown_host)] == [404, 405, 421]
        for one in (page, manifest, head, package, part, missing, refused):
            assert one.all("alt-svc") == [OFFER]
            assert one.all("strict-transport-security") == ["max-age=63072000"]
        assert unknown_host.all("alt-svc") == []
        with pytest.raises(ConnectionError):
            ask(address, 443, "unknown.example.net", prepared.ca_pem, request("/app.plist"))


@pytest.mark.parametrize("suite", ["trixie", "forky"])
def test_an_iphone_finds_nothing_wrong_with_a_site_that_offers_http3(
    suite: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    report = verify(Trial("nginx", variant("static", http3=True)), engine_of(suite), lambda _: None)
    assert failed(report) == []
    assert warnings_of(report) == []
