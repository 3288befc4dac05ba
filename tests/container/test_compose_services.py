"""The compose files' mounts, limits and missing rights, tried on real servers that are laid out like the official images."""

from __future__ import annotations

import http.client
import resource
import shutil
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from ota_proxy.cli.main import main
from tests.support.compose_files import docker_flags, service

pytestmark = pytest.mark.container

SUITE = "forky"  # the newest: `--server-version official` renders for the latest version
COMMANDS = {
    "nginx": ["nginx", "-g", "daemon off;"],
    "apache": ["apache2", "-f", "/usr/local/apache2/conf/httpd.conf", "-DFOREGROUND"],
}
RECIPE = """
FROM {image}
RUN echo 'nginx:x:101:101::/:/bin/false' >>/etc/passwd && echo 'nginx:x:101:' >>/etc/group \
 && mkdir -p /usr/local/apache2/conf /usr/local/apache2/logs \
 && ln -s /usr/lib/apache2/modules /usr/local/apache2/modules && rm -rf /var/log/nginx /var/lib/nginx \
 && mkdir -p /var/cache/nginx && ln -s /var/cache/nginx /var/lib/nginx \
 && mkdir /var/log/nginx && ln -s /dev/stdout /var/log/nginx/access.log && ln -s /dev/stderr /var/log/nginx/error.log \
 && (cp /etc/mime.types /usr/local/apache2/conf/ || cp /etc/nginx/mime.types /usr/local/apache2/conf/)
"""


def docker(*args: str, text: str | None = None) -> str:
    done = subprocess.run(["docker", *args], input=text, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """An image with the packages of a Debian suite where the official images have theirs."""
    if shutil.which("docker") is None:
        pytest.skip("no docker command on the PATH")
    listed = subprocess.run(
        ["docker", "image", "ls", "-q", f"ota-proxy/debian-{SUITE}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if not listed.stdout.strip():
        pytest.skip(f"no image ota-proxy/debian-{SUITE}: `make images` builds it ({listed.stderr.strip()})")
    name = f"ota-proxy-compose-test:{uuid.uuid4().hex[:12]}"
    docker("build", "--quiet", "--force-rm", "--tag", name, "-", text=RECIPE.format(image=listed.stdout.split()[0]))
    yield name
    docker("image", "rm", "--force", name)


@dataclass(frozen=True)
class Started:
    name: str
    http: int
    https: int
    trust: ssl.SSLContext


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def started(folder: Path, server: str, image: str) -> Iterator[Started]:
    """Do what the file's header says, with every folder of its own, and start what the file says."""
    plain, secure = free_port(), free_port()
    authority = trustme.CA()
    certs, root, acme = (folder / name for name in ("certs", "srv", "acme"))
    for place in (certs, root, acme / ".well-known" / "acme-challenge"):
        place.mkdir(parents=True)
    leaf = authority.issue_cert("ota.example.com")
    leaf.private_key_pem.write_to_path(certs / "key.pem")
    (certs / "key.pem").chmod(0o600)
    (certs / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    (root / "App.ipa").write_bytes(b"package")
    (acme / ".well-known" / "acme-challenge" / "token").write_bytes(b"challenge")
    config = folder / "made.conf"
    flags = ["--domain", "ota.example.com", "--public-url", f"https://ota.example.com:{secure}", "--root", str(root)]
    flags += ["--cert", str(certs / "cert.pem"), "--key", str(certs / "key.pem")]
    assert main(["render", server, *flags, "--server-version", "official", "--scope", "full", "-o", str(config)]) == 0
    for path in (folder, *folder.parents):  # pytest's folders are private, and workers are not root
        if path.owner() == folder.owner() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    environ = {
        "OTA_CONF": str(config),
        "OTA_ROOT": str(root),
        "OTA_CERTS": str(certs),
        "OTA_ACME": str(acme),
        "OTA_HTTP_PORT": str(plain),
        "OTA_HTTPS_PORT": str(secure),
        "OTA_NOFILE": str(min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 131072)),
    }
    name = f"ota-proxy-compose-{uuid.uuid4().hex[:12]}"
    docker("create", "--name", name, *docker_flags(service(server, environ)), image, *COMMANDS[server])
    try:
        docker("start", name)
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        here = Started(name, plain, secure, trust)
        _until_served(here)
        yield here
    finally:
        docker("rm", "--force", "--volumes", name)


def fetch(server: Started, path: str, *, tls: bool = True) -> tuple[int, bytes, str | None]:
    """GET a path under the site's name; returns status, body and Location."""
    connection = http.client.HTTPConnection("127.0.0.1", server.https if tls else server.http, timeout=5)
    connection.connect()
    if tls:
        connection.sock = server.trust.wrap_socket(connection.sock, server_hostname="ota.example.com")
    try:
        host = "ota.example.com" + (f":{server.https}" if tls else "")
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        return response.status, response.read(), response.getheader("Location")
    finally:
        connection.close()


def _until_served(server: Started) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            if fetch(server, "/App.ipa") == (200, b"package", None):
                return
        except (OSError, http.client.HTTPException) as error:
            reason = repr(error)
        if docker("inspect", "--format", "{{.State.Running}}", server.name) != "true" or time.monotonic() > end:
            logs = subprocess.run(
                ["docker", "logs", server.name], capture_output=True, text=True, timeout=30, check=False
            )
            pytest.fail(f"{reason}\n{logs.stdout}{logs.stderr}")
        time.sleep(0.05)


@pytest.mark.parametrize("server", COMMANDS)
def test_the_rendered_site_is_served_with_everything_the_file_takes_away(
    tmp_path: Path, server: str, image: str
) -> None:
    with started(tmp_path, server, image) as here:
        assert fetch(here, "/missing.ipa")[0] == 404
        assert fetch(here, "/a%2Fb?c=d", tls=False)[::2] == (308, f"https://ota.example.com:{here.https}/a%2Fb?c=d")
        assert fetch(here, "/.well-known/acme-challenge/token", tls=False)[:2] == (200, b"challenge")
        refused = subprocess.run(
            ["docker", "exec", here.name, "sh", "-c", "echo x >/etc/x"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert "Read-only file system" in refused.stderr


@pytest.mark.parametrize("server", COMMANDS)
def test_a_reload_replaces_the_workers(tmp_path: Path, server: str, image: str) -> None:
    command = {"nginx": ["nginx", "-s", "reload"], "apache": [*COMMANDS["apache"][:3], "-k", "graceful"]}[server]
    children = "cat /proc/1/task/1/children"
    with started(tmp_path, server, image) as here:
        before = set(docker("exec", here.name, "sh", "-c", children).split())
        docker("exec", here.name, *command)
        end = time.monotonic() + 20
        while before & set(docker("exec", here.name, "sh", "-c", children).split()):
            assert time.monotonic() < end, "the old workers did not go"
            time.sleep(0.1)
        assert fetch(here, "/App.ipa")[:2] == (200, b"package")


@pytest.mark.parametrize("server", COMMANDS)
def test_the_limits_hold_the_descriptors_that_slow_downloads_need(tmp_path: Path, server: str, image: str) -> None:
    with started(tmp_path, server, image) as here:
        shown = docker(
            "exec",
            here.name,
            "sh",
            "-c",
            "for p in $(cat /proc/1/task/1/children); do grep 'open files' /proc/$p/limits; done",
        )
    assert shown
    assert min(int(line.split()[3]) for line in shown.splitlines()) >= 2 * 1000
