"""Host facts through testinfra's docker backend, from containers started by hand with the docker command."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from ota_proxy.errors import NoVerdictError
from ota_proxy.facts.host import Socket
from ota_proxy.hosts.inspect import inspect

pytestmark = pytest.mark.container

SUITES = ("bullseye", "bookworm", "trixie", "forky")

NGINX = """
server {
  listen 443 ssl;
  ssl_certificate /etc/ota/cert.pem;
  ssl_certificate_key /srv/ota/key.pem;
  root /srv/ota;
}
"""
APACHE = """
<VirtualHost *:443>
  SSLEngine on
  SSLCertificateFile /etc/ota/cert.pem
  SSLCertificateKeyFile /srv/ota/key.pem
  DocumentRoot /srv/ota
</VirtualHost>
"""
SERVERS = {
    "nginx": ("/etc/nginx/conf.d/ota.conf", NGINX, "nginx -g 'daemon off;'"),
    "apache": ("/etc/apache2/sites-enabled/ota.conf", APACHE, "apache2ctl -D FOREGROUND"),
}


def docker(*args: str) -> str:
    done = subprocess.run(["docker", *args], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def image_of(suite: str) -> str:
    if shutil.which("docker") is None:
        pytest.skip("no docker command on the PATH")
    listed = subprocess.run(
        ["docker", "image", "ls", "-q", f"ota-proxy/debian-{suite}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if not listed.stdout.strip():
        pytest.skip(f"no image ota-proxy/debian-{suite}: `make images` builds it ({listed.stderr.strip()})")
    return listed.stdout.split()[0]


@contextmanager
def container(tmp_path: Path, suite: str, server: str, text: str = "") -> Iterator[str]:
    """Run a server whose key lies, world-readable, in its document root."""
    path, config, command = SERVERS[server]
    leaf = trustme.CA().issue_cert("ota.example.com")
    files = {path: (text or config).encode(), "/etc/ota/cert.pem": leaf.cert_chain_pems[0].bytes()}
    files["/srv/ota/key.pem"] = leaf.private_key_pem.bytes()
    for name, data in files.items():
        target = tmp_path / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o644)
    name = f"ota-proxy-hosts-{uuid.uuid4().hex[:12]}"
    docker("create", "--name", name, "--network", "none", "--init", image_of(suite), "sh", "-c", f"exec {command}")
    try:
        docker("cp", f"{tmp_path}/.", f"{name}:/")
        docker("start", name)
        _until_listening(name)
        yield name
    finally:
        docker("rm", "-f", name)


def _until_listening(name: str) -> None:
    """Wait in the container until port 443 (01BB) listens (state 0A)."""
    script = (
        "for i in $(seq 100); do grep -q ':01BB .* 0A ' /proc/net/tcp /proc/net/tcp6 && exit 0; sleep 0.1; done; exit 1"
    )
    docker("exec", name, "sh", "-c", script)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("suite", SUITES)
def test_a_container_shows_every_fact_of_its_server(tmp_path: Path, suite: str, server: str) -> None:
    with container(tmp_path, suite, server) as name:
        seen = inspect(f"docker://{name}", server, deadline=30.0)
        package = docker("exec", name, "openssl", "version").split()[1]
        owner = docker("exec", name, "sh", "-c", "stat -c %U /srv/ota/key.pem")
    assert seen.unread == {}
    assert seen.version is not None
    assert seen.tls_library == f"openssl-{package}"
    assert seen.config_test is not None
    assert seen.config_test.passed, seen.config_test.output
    assert seen.listening is not None
    assert {socket.port for socket in seen.listening} >= {443}
    assert all(isinstance(socket, Socket) and socket.address for socket in seen.listening)
    assert seen.worker_user == "www-data"
    assert seen.keys is not None
    assert [(key.path, key.mode, key.owner, key.under_root) for key in seen.keys] == [
        ("/srv/ota/key.pem", 0o644, owner, "/srv/ota")
    ]


@pytest.mark.parametrize("server", SERVERS)
def test_a_configuration_broken_after_the_start_has_file_and_line(tmp_path: Path, server: str) -> None:
    path, config, _ = SERVERS[server]
    with container(tmp_path, "bookworm", server) as name:
        docker("exec", name, "sh", "-c", f"echo 'nonsense on;' >> {path}")
        seen = inspect(f"docker://{name}", server, deadline=30.0)
    assert seen.config_test is not None
    assert (seen.config_test.passed, seen.config_test.file) == (False, path)
    assert seen.config_test.line == len(config.splitlines()) + 1
    assert seen.tls_library is not None, "what runs can still be looked at"


def test_a_library_replaced_on_disk_is_not_taken_for_the_one_in_use(tmp_path: Path) -> None:
    with container(tmp_path, "bookworm", "nginx") as name:
        swap = "for f in /usr/lib/*/libcrypto.so.3; do cp $f $f.new && sed -i 's/OpenSSL 3\\.0/OpenSSL 9.9/g' $f.new && mv $f.new $f; done"
        docker("exec", name, "sh", "-c", swap)
        seen = inspect(f"docker://{name}", "nginx", deadline=30.0)
    if seen.tls_library is None:
        assert "was replaced since the server started" in seen.unread["tls_library"]
    else:
        assert seen.tls_library.startswith("openssl-3.0.")


def test_the_host_does_not_take_the_servers_of_its_containers_for_its_own(tmp_path: Path) -> None:
    with container(tmp_path, "forky", "nginx"):
        seen = inspect("local://", "nginx", deadline=30.0, config="/nowhere/nginx.conf")
    assert seen.worker_user is None
    assert "no nginx runs there with /nowhere/nginx.conf" in seen.unread["worker_user"]


def test_a_container_that_ended_gives_no_verdict() -> None:
    name = f"ota-proxy-hosts-{uuid.uuid4().hex[:12]}"
    docker("create", "--name", name, "--network", "none", image_of("bookworm"), "true")
    try:
        with pytest.raises(NoVerdictError, match="is not running"):
            inspect(f"docker://{name}", "nginx", deadline=10.0)
    finally:
        docker("rm", "-f", name)
