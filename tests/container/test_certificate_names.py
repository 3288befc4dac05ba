"""Certificates by name on real servers: each name is shown its own, a pair of two kinds both, and strangers none of the content."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ota_proxy.commands.verify import verify
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.trial import Started, Trial, start
from ota_proxy.site import Site
from tests.support.reports import failed, warnings_of
from tests.support.variants import STATIC, variant

A, B, WILD, UNDER = "ota.example.com", "b.example.com", "*.example.com", "c.example.com"
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


class Client:
    """Speaks to a started site by any name, trusting this run's CA."""

    def __init__(self, started: Started) -> None:
        self.ca = started.prepared.ca_pem.decode()
        self.address = started.running.endpoint.resolve[A, 443]
        self.plain = started.running.endpoint.resolve[A, 80]

    @contextmanager
    def connected(self, name: str, kind: str = "") -> Iterator[ssl.SSLSocket]:
        context = ssl.create_default_context(cadata=self.ca)
        context.check_hostname = False  # which certificate it is, is what the tests ask
        if kind:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(f"ECDHE-{kind}-AES128-GCM-SHA256")
        with socket.create_connection(self.address, 10) as plain, context.wrap_socket(plain, server_hostname=name) as s:
            yield s

    def certificate(self, name: str, kind: str = "") -> x509.Certificate:
        with self.connected(name, kind) as channel:
            return x509.load_der_x509_certificate(channel.getpeercert(binary_form=True) or b"")

    def names(self, name: str, kind: str = "") -> list[str]:
        found = self.certificate(name, kind).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return found.value.get_values_for_type(x509.DNSName)

    def get(self, name: str, host: str, path: str = "/app.plist") -> http.client.HTTPResponse:
        with self.connected(name) as channel:
            channel.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return _read(channel)

    def get_plain(self, host: str) -> http.client.HTTPResponse:
        with socket.create_connection(self.plain, 10) as channel:
            channel.sendall(f"GET /a%2Fb?x=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return _read(channel)


def _read(channel: socket.socket) -> http.client.HTTPResponse:
    answer = http.client.HTTPResponse(channel)
    answer.begin()
    return answer


@contextmanager
def client(engine: DockerEngine, server: str, site: Site = NAMED) -> Iterator[Client]:
    with start(Trial(server, site), engine, engine.capabilities(server), lambda _: None) as started:
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
        for sni, host in ((A, B), (B, A), (A, UNDER), (UNDER, A), (B, UNDER), (A, "stranger.example.net")):
            refused = device.get(sni, host)
            assert refused.status == 421, (sni, host)
            assert refused.getheader("Strict-Transport-Security"), (sni, host)
        assert device.get(UNDER, "d.example.com").status == 200  # the wildcard's certificate is good for it
        if server == "nginx":
            with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
                device.names("stranger.example.net")
        else:
            assert device.get("stranger.example.net", "stranger.example.net").status == 421


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
