"""Certificates by name on real servers: each name is shown its own, a pair of two kinds both, and unknown hosts none of the content."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ota_proxy.commands.verify import verify
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.trial import Trial, start
from ota_proxy.site import Site
from tests.support.named_client import UNDER, WILD, A, B, Client
from tests.support.reports import failed, warnings_of
from tests.support.variants import STATIC, variant

NAMED = variant(
    "static",
    locations=STATIC[:1],
    domains=[A, B, WILD],
    certificates=[
        {"cert": f"/etc/ssl/ota/{name}.pem", "key": f"/etc/ssl/private/{name}.key", "domains": [domain]}
        for name, domain in (("a", A), ("b-ecdsa", B), ("b-rsa", B), ("wild", WILD))
    ],
)
SUITES = ("bookworm", "trixie")
SERVERS = ("nginx", "apache")
pytestmark = pytest.mark.container


@contextmanager
def client(engine: DockerEngine, server: str, site: Site = NAMED) -> Iterator[Client]:
    with start(Trial(server, site), engine, lambda _: None) as started:
        yield Client(started)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("suite", SUITES)
def test_each_name_is_shown_its_own_certificate_and_served(
    suite: str, server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    with client(engine_of(suite), server) as device:
        assert {name: device.names(name) for name in (A, B, UNDER)} == {A: [A], B: [B], UNDER: [WILD]}
        kinds = {kind: device.certificate(B, kind).public_key() for kind in ("ECDSA", "RSA")}
        assert [isinstance(key, ec.EllipticCurvePublicKey) for key in kinds.values()] == [True, False]
        for name in (A, B, UNDER):
            assert device.get(name, name).status == 200
            assert device.get(name, name).getheader("Strict-Transport-Security") == "max-age=63072000"
            redirect = device.get_plain(name)
            assert (redirect.status, redirect.getheader("Location")) == (308, f"https://{A}/a%2Fb?x=1")
        for sni, host in ((A, B), (B, A), (A, UNDER), (UNDER, A), (B, UNDER), (A, "unknown.example.net")):
            refused = device.get(sni, host)
            assert refused.status == 421, (sni, host)
            assert refused.getheader("Strict-Transport-Security"), (sni, host)
        assert device.get(UNDER, "d.example.com").status == 200  # the wildcard's certificate is good for it
        if server == "nginx":
            with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
                device.names("unknown.example.net")
        else:
            assert device.get("unknown.example.net", "unknown.example.net").status == 421


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("suite", SUITES)
def test_names_with_certificates_of_their_own_install_without_a_finding(
    suite: str, server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    report = verify(Trial(server, NAMED), engine_of(suite), lambda _: None)
    assert failed(report) == []
    own = [
        line for line in warnings_of(report) if "AH02032" not in line
    ]  # Apache tells of Hosts that are not the SNI's
    assert own == []


@pytest.mark.parametrize("server", SERVERS)
def test_a_name_that_is_shown_the_certificate_of_another_is_found(
    server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    def exchange(text: str) -> str:
        changed = text.replace("/b-ecdsa.", "/a.").replace("/b-rsa.", "/a.")
        assert changed != text
        return changed

    report = verify(replace(Trial(server, NAMED), edit=exchange), engine_of("bookworm"), lambda _: None)
    assert [row.split()[0] for row in failed(report)] == ["OTA209"]
    assert B in failed(report)[0]
