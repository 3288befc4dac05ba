"""What each suite's own openssl negotiates with the rendered sites: groups, certificates by the client's choice, protocols."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ota_proxy.harness.authority import Authority
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.listening import wait_ready
from ota_proxy.harness.scenario import build_scenario
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import profile
from ota_proxy.servers.base import server_named
from ota_proxy.site import Site
from tests.support.variants import ECDSA, RSA, variant

Client = Callable[[str], str]
pytestmark = pytest.mark.container


@contextmanager
def started(engine: DockerEngine, server: str, site: Site) -> Iterator[tuple[Client, Capabilities]]:
    """Run the rendered site; yield `openssl s_client` of its container, which takes options and returns all it says."""
    caps = engine.capabilities(server)
    text = server_named(server).render(site, caps, "site", "test").files[0].text
    prepared = build_scenario(site, caps, text, Authority())
    with engine.run(prepared.scenario) as running:
        url = prepared.manifest_urls[0]
        wait_ready(url, prepared.ca_pem, running.endpoint.resolve, prepared.expected[url], 30, running.alive)
        name = running.endpoint.spec.removeprefix("docker://")

        def client(options: str) -> str:
            command = f"openssl s_client -connect 127.0.0.1:443 -servername {site.domain} {options}"
            words = ["docker", "exec", name, *command.split()]
            done = subprocess.run(words, input="", capture_output=True, text=True, timeout=60, check=False)
            return done.stdout + done.stderr

        yield client, caps


@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("suite", ["bullseye", "bookworm", "trixie", "forky"])
def test_the_client_chooses_the_certificate_and_meets_the_guidelines_groups(
    suite: str, server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    site = variant("static", certificates=[ECDSA, RSA])
    with started(engine_of(suite), server, site) as (client, caps):
        assert "Server public key is 256 bit" in client("-tls1_3 -sigalgs ecdsa_secp256r1_sha256")
        assert "Server public key is 2048 bit" in client("-tls1_3 -sigalgs rsa_pss_rsae_sha256")
        assert "Server public key is 2048 bit" in client("-tls1_2 -sigalgs RSA+SHA256")
        first = profile("intermediate").groups[0]
        assert (f"Negotiated TLS1.3 group: {first}" in client("-tls1_3")) == caps.has("mlkem")
        assert "Cipher is (NONE)" in client("-tls1_2 -cipher AES128-SHA")
        assert "Extended master secret: yes" in client("-tls1_2")


@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("suite", ["bullseye", "forky"])
def test_modern_speaks_tls_13_only(suite: str, server: str, engine_of: Callable[[str], DockerEngine]) -> None:
    with started(engine_of(suite), server, variant("modern")) as (client, _):
        assert "Cipher is TLS_" in client("-tls1_3")
        assert "Cipher is (NONE)" in client("-tls1_2")
