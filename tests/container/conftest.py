"""Small hand-written sites for the engine itself, and engines for each Debian suite."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable

import pytest

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.authority import Authority
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.engine import Endpoint, Scenario, TestFile
from ota_proxy.pytest_plugin import docker_choice
from ota_proxy.site import Certificate, Location, Site

HOST = "ota.example.com"
BODY = b"the manifest of this run"
CERTIFICATE = Certificate(cert="/etc/ssl/ota/site.pem", key="/etc/ssl/private/site.key")
NGINX = """
server { listen 80; server_name ota.example.com; return 308 https://$host$request_uri; }
server {
  listen 443 ssl;
  server_name ota.example.com;
  ssl_certificate /etc/ssl/ota/site.pem;
  ssl_certificate_key /etc/ssl/private/site.key;
  root /srv/ota;
}
"""
APACHE = """
<VirtualHost *:80>
  ServerName ota.example.com
  Redirect permanent / https://ota.example.com/
</VirtualHost>
<VirtualHost *:443>
  ServerName ota.example.com
  SSLEngine on
  SSLCertificateFile /etc/ssl/ota/site.pem
  SSLCertificateKeyFile /etc/ssl/private/site.key
  DocumentRoot /srv/ota
  <Directory /srv/ota>
    Require all granted
  </Directory>
</VirtualHost>
"""


class Bench:
    """What the tests of an engine share: one authority, a site, texts for it, and a client that verifies."""

    host, body, nginx, apache = HOST, BODY, NGINX, APACHE

    def __init__(self) -> None:
        self.authority = Authority()
        issued = self.authority.issue((HOST,))
        self.leaf = (issued.cert_chain_pem, issued.key_pem)
        self.files = (
            TestFile(CERTIFICATE.cert, issued.cert_chain_pem),
            TestFile(CERTIFICATE.key, issued.key_pem, 0o600),
            TestFile("/srv/ota/app.plist", BODY),
        )
        location = Location(path="/", root="/srv/ota")
        self.site = Site(domains=(HOST,), locations=(location,), certificates=(CERTIFICATE,))

    def scenario(self, engine: DockerEngine, server: str, text: str = "") -> Scenario:
        """Return a scenario with certificates and one file at the static root."""
        caps = engine.capabilities(server)
        config = {caps.layout.site: text or {"nginx": NGINX, "apache": APACHE}[server]}
        return Scenario(server, self.site, caps, config, self.files)

    def get(self, endpoint: Endpoint, path: str) -> bytes:
        """Return the whole answer to a GET over TLS verified against this run's CA."""
        context = ssl.create_default_context(cadata=self.authority.ca_pem.decode())
        address = endpoint.resolve[HOST, 443]
        with (
            socket.create_connection(address, 10) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as secure,
        ):
            secure.sendall(f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
            return b"".join(iter(lambda: secure.recv(65536), b""))


@pytest.fixture(scope="session")
def bench() -> Bench:
    return Bench()


@pytest.fixture
def engine_of(request: pytest.FixtureRequest) -> Callable[[str], DockerEngine]:
    """Return an engine for a suite whose image is here; without it the test is skipped, or fails where Docker is required."""

    def engine(suite: str) -> DockerEngine:
        made = DockerEngine(suite)
        try:
            made.capabilities("nginx")
        except NoVerdictError as error:
            if docker_choice(request.config) == "require":
                raise
            pytest.skip(str(error))
        return made

    return engine


@pytest.fixture
def engine(engine_of: Callable[[str], DockerEngine]) -> DockerEngine:
    return engine_of("bookworm")


@pytest.fixture
def containers() -> Callable[[str], list[str]]:
    """List the names of all containers, running or not, whose labels have this one."""

    def listed(label: str) -> list[str]:
        command = ["docker", "ps", "--all", "--filter", f"label={label}", "--format", "{{.Names}}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()

    return listed
