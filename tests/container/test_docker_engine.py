"""The docker engine with small hand-written configurations: the whole cycle, what goes wrong, and what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.docker import sweep
from ota_proxy.harness.docker.container import OPEN_FILES, box
from ota_proxy.harness.docker.daemon import Blueprint, Daemon, Listed
from ota_proxy.harness.docker.docker_engine import DockerEngine, connected
from ota_proxy.harness.docker.images import debian_image
from ota_proxy.harness.engine import ServerRefusedError, TestFile
from ota_proxy.site import Listen, Location, Tls

if TYPE_CHECKING:
    from tests.container.conftest import Bench

pytestmark = pytest.mark.container

SUITES = ("bullseye", "bookworm", "trixie", "forky")
RUN = f"{sweep.PREFIX}.run"

CHILD = """
import sys, time
from ota_proxy.harness.docker.docker_engine import DockerEngine, connected
from ota_proxy.harness.engine import Scenario
from ota_proxy.harness.docker.images import debian_image
from ota_proxy.harness.docker.container import OPEN_FILES
from ota_proxy.site import Listen, Location, Site, Tls

site = Site(domains=("ota.example.com",), locations=(Location(path="/", root="/srv/ota"),), tls=Tls(offloaded=True),
            listen=Listen(http=8080), trusted_proxies=("127.0.0.1/32",))
engine = DockerEngine("bookworm")
caps = engine.capabilities("nginx")
text = "server { listen 8080; root /srv/ota; }"
print("begins", flush=True)
with engine.run(Scenario("nginx", site, caps, {caps.layout.site: text}, ())) as running:
    print("serves", flush=True)
    time.sleep(600)
"""


def run_of(name: str) -> str:
    return name.split("-")[2]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_a_server_of_each_suite_serves_over_verified_tls_and_is_gone_afterwards(
    suite: str,
    server: str,
    engine_of: Callable[[str], DockerEngine],
    bench: Bench,
    containers: Callable[[str], list[str]],
) -> None:
    engine = engine_of(suite)
    with engine.run(bench.scenario(engine, server)) as running:
        name = running.endpoint.spec.removeprefix("docker://")
        assert bench.get(running.endpoint, "/app.plist").endswith(bench.body)
        assert running.alive()
        assert containers(f"{RUN}={run_of(name)}") == [name]
        assert all(address == "127.0.0.1" for address, _ in running.endpoint.resolve.values())
    assert containers(f"{RUN}={run_of(name)}") == []


def test_the_image_tells_versions_and_the_library_in_use(engine: DockerEngine) -> None:
    with connected() as daemon:
        plan = Blueprint("ota-proxy-test-versions", debian_image("bookworm"), "nginx -v 2>&1; openssl version", {})
        with box(daemon, plan) as asked:
            asked.line.wait_for("ended", seconds=30)
            nginx, openssl = asked.line.output().splitlines()
    caps = engine.capabilities("nginx")
    assert nginx.endswith(caps.version)
    assert openssl.lower().startswith(caps.tls_library.replace("-", " "))


def test_files_have_their_paths_modes_and_owners_and_the_configuration_its_bytes(
    engine: DockerEngine, bench: Bench
) -> None:
    text = bench.nginx + "# ünïcode and a tab\t\n\n"
    with engine.run(bench.scenario(engine, "nginx", text)) as running, Daemon() as daemon:
        name = running.endpoint.spec.removeprefix("docker://")
        assert daemon.fetch(name, engine.capabilities("nginx").layout.site) == text.encode()
        command = ["docker", "exec", name, "stat", "-c", "%a %U", "/etc/ssl/private/site.key", "/srv/ota", "/etc/ssl"]
        stat = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    assert stat.splitlines() == ["600 root", "755 root", "755 root"]


def test_a_configuration_that_fails_its_test_is_refused_with_file_and_line(engine: DockerEngine, bench: Bench) -> None:
    with (
        pytest.raises(ServerRefusedError) as caught,
        engine.run(bench.scenario(engine, "nginx", "server {\n  listne 443;\n}\n")),
    ):
        pass
    assert caught.value.line == 2
    assert caught.value.file == engine.capabilities("nginx").layout.site
    assert "listne" in caught.value.output
    assert not caught.value.started


def test_an_apache_that_passes_its_test_and_dies_at_the_start_is_refused_with_its_log(
    engine: DockerEngine, bench: Bench
) -> None:
    plain = bench.scenario(engine, "apache")
    files = (*plain.files, TestFile("/etc/ssl/private/site.key", other_key(), 0o600))
    with pytest.raises(ServerRefusedError) as caught, engine.run(replace(plain, files=files)):
        pass
    assert caught.value.started
    assert "AH02565" in caught.value.output  # certificate and private key do not match


def other_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_logs_hold_the_error_log_of_a_server_that_lives(engine: DockerEngine, bench: Bench) -> None:
    with engine.run(bench.scenario(engine, "nginx")) as running:
        assert b"404" in bench.get(running.endpoint, "/missing.ipa")
        assert "/srv/ota/missing.ipa" in running.logs()


def test_a_server_that_dies_is_seen_to_be_dead_and_its_logs_stay(engine: DockerEngine, bench: Bench) -> None:
    with engine.run(bench.scenario(engine, "nginx")) as running:
        bench.get(running.endpoint, "/missing.ipa")
        name = running.endpoint.spec.removeprefix("docker://")
        subprocess.run(["docker", "exec", name, "sh", "-c", "kill $(cat /run/nginx.pid)"], check=True, timeout=30)
        until = time.monotonic() + 10
        while running.alive() and time.monotonic() < until:
            time.sleep(0.05)
        assert not running.alive()
        assert "/srv/ota/missing.ipa" in running.logs()


@pytest.mark.parametrize("word", ["begins", "serves"])
def test_a_killed_run_leaves_no_container_after_two_seconds(
    word: str, engine: DockerEngine, containers: Callable[[str], list[str]]
) -> None:
    assert engine.image == "bookworm"
    with subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        while child.stdout.readline().strip() != word:
            assert child.poll() is None
        if word == "begins":
            time.sleep(0.15)  # in the middle of create, copy, test, start
        child.send_signal(signal.SIGKILL)
    time.sleep(2)
    assert containers(f"{sweep.PREFIX}.pid={child.pid}") == []


def test_two_runs_side_by_side_do_not_disturb_each_other(engine: DockerEngine, bench: Bench) -> None:
    def cycle(word: str) -> tuple[str, bytes]:
        scenario = bench.scenario(engine, "nginx")
        files = (*scenario.files, TestFile("/srv/ota/who.txt", word.encode()))
        with engine.run(replace(scenario, files=files)) as running:
            with Daemon() as daemon:
                assert sweep.clean(_Only(daemon, f"{sweep.PREFIX}.pid={os.getpid()}")) == 0
            time.sleep(0.5)  # both are up at the same time
            return running.endpoint.spec, bench.get(running.endpoint, "/who.txt")

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(cycle, ["first", "second"])
    assert first[0] != second[0]
    assert first[1].endswith(b"first")
    assert second[1].endswith(b"second")


def test_upstream_and_tls_proxy_share_the_network_of_the_server_and_its_names_and_addresses(
    engine: DockerEngine, bench: Bench
) -> None:
    plain = bench.scenario(engine, "nginx")
    site = plain.site.model_copy(
        update={
            "locations": (Location(path="/", upstream="http://app.internal:8081"),),
            "certificates": (),
            "tls": Tls(offloaded=True),
            "listen": Listen(http=8080),
            "trusted_proxies": ("192.0.2.0/24",),
        }
    )
    mocks = (
        "daemon off; master_process off; pid /tmp/{0}.pid; error_log stderr; events {{}} http {{ access_log off; {1} }}"
    )
    tls_proxy = """server { listen 443 ssl; ssl_certificate /mocks/tls-proxy.pem; ssl_certificate_key /mocks/tls-proxy.key;
        location / { proxy_bind 192.0.2.7; proxy_pass http://127.0.0.1:8080; } }"""
    files = tuple(
        TestFile(path, file.data, file.mode)
        for path, file in zip(("/mocks/tls-proxy.pem", "/mocks/tls-proxy.key"), plain.files, strict=False)
    )
    text = "server { listen 8080; location / { proxy_set_header X-Came-From $remote_addr; proxy_pass http://app.internal:8081; } }"
    scenario = replace(
        plain,
        site=site,
        config={engine.capabilities("nginx").layout.site: text},
        upstream=mocks.format("up", 'server { listen 127.0.0.1:8081; return 200 "from $http_x_came_from"; }'),
        tls_proxy=mocks.format("tls-proxy", tls_proxy),
        upstream_files=files,
        hosts=("app.internal",),
        addresses=("192.0.2.7",),
    )
    with engine.run(scenario) as running:
        assert bench.get(running.endpoint, "/").endswith(b"from 192.0.2.7")


def test_an_upstream_on_a_unix_socket_is_reached(engine: DockerEngine, bench: Bench) -> None:
    upstream = """daemon off; master_process off; pid /tmp/up.pid; error_log stderr; events {}
        http { access_log off; server { listen "unix:/run/app/web.sock"; return 200 "through the socket"; } }"""
    text = bench.nginx.replace("root /srv/ota;", "location / { proxy_pass http://unix:/run/app/web.sock; }")
    with engine.run(replace(bench.scenario(engine, "nginx", text), upstream=upstream)) as running:
        assert bench.get(running.endpoint, "/").endswith(b"through the socket")


@pytest.mark.parametrize("address", ["192.0.2.9", "127.0.0.1"])
@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_a_site_that_listens_on_one_address_is_reached(
    server: str, address: str, engine: DockerEngine, bench: Bench
) -> None:
    plain = bench.scenario(engine, server)
    site = plain.site.model_copy(update={"listen": Listen(addresses=(f"{address}/32",))})
    text = next(iter(plain.config.values()))
    text = text.replace("listen ", f"listen {address}:").replace("<VirtualHost *", f"<VirtualHost {address}")
    scenario = replace(plain, site=site, config={next(iter(plain.config)): text})
    with engine.run(scenario) as running:
        assert bench.get(running.endpoint, "/app.plist").endswith(bench.body)


def test_apache_gets_the_listen_lines_its_site_needs_and_the_report_can_say_so(
    engine: DockerEngine, bench: Bench
) -> None:
    plain = bench.scenario(engine, "apache")
    site = plain.site.model_copy(update={"listen": Listen(https=8443)})
    text = next(iter(plain.config.values())).replace("*:443", "*:8443")
    with engine.run(replace(plain, site=site, config={next(iter(plain.config)): text})) as running:
        assert bench.get(running.endpoint, "/app.plist").endswith(bench.body)
        assert "Listen 8443 https" in running.endpoint.by_hand


def test_a_main_file_of_scope_full_is_the_one_that_runs(engine: DockerEngine, bench: Bench) -> None:
    plain = bench.scenario(engine, "nginx")
    main = "user www-data; pid /run/nginx.pid; error_log /var/log/nginx/error.log; events {} http {" + bench.nginx + "}"
    with engine.run(replace(plain, config={"/etc/nginx/nginx.conf": main})) as running:
        assert bench.get(running.endpoint, "/app.plist").endswith(bench.body)


def test_a_broken_upstream_is_no_finding_about_the_server(engine: DockerEngine, bench: Bench) -> None:
    with (
        pytest.raises(NoVerdictError, match="plays the applications behind the site"),
        engine.run(replace(bench.scenario(engine, "nginx"), upstream="evnts {}")),
    ):
        pass


def test_a_kept_server_stays_until_it_is_cleaned(
    engine: DockerEngine, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.run(bench.scenario(engine, "nginx"), keep=True) as running:
        endpoint = running.endpoint
    name = endpoint.spec.removeprefix("docker://")
    try:
        assert bench.get(endpoint, "/app.plist").endswith(bench.body)
        assert f"docker rm -f {name}" in endpoint.by_hand
        sweep_as_if_later(monkeypatch)
        assert bench.get(endpoint, "/app.plist").endswith(bench.body)
    finally:
        command = endpoint.by_hand.splitlines()[-1].split()
        assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def sweep_as_if_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with Daemon() as daemon, monkeypatch.context() as later:
        now = time.time()
        later.setattr(time, "time", lambda: now + 2 * sweep.GRACE)
        mine = f"{sweep.PREFIX}.pid={os.getpid()}"
        sweep.sweep(_Only(daemon, mine))


class _Only:
    """A daemon that shows the containers with one more label only: other runs on this machine are not a test's business."""

    def __init__(self, daemon: Daemon, label: str) -> None:
        self._daemon = daemon
        self._key, _, self._value = label.partition("=")

    def containers(self, label: str) -> list[Listed]:
        return [found for found in self._daemon.containers(label) if found.labels.get(self._key) == self._value]

    def remove(self, container: str) -> None:
        self._daemon.remove(container)


def test_a_sweep_removes_what_a_dead_run_left_and_nothing_of_a_living_one(
    engine: DockerEngine, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = f"swept{os.getpid()}"
    dead = sweep.labels(run, "site", keep=False) | {f"{sweep.PREFIX}.begun": "another process"}
    with Daemon() as daemon:
        plan = Blueprint(f"ota-proxy-{run}-site", debian_image("bookworm"), "true", dead)
        left = daemon.create(plan)
        try:
            with engine.run(bench.scenario(engine, "nginx")) as running:
                sweep_as_if_later(monkeypatch)
                assert bench.get(running.endpoint, "/app.plist").endswith(bench.body)
            assert left not in [found.id for found in daemon.containers(sweep.PREFIX)]
        finally:
            daemon.remove(left)


def test_the_names_of_a_site_are_resolved_to_loopback_ports(engine: DockerEngine, bench: Bench) -> None:
    with engine.run(bench.scenario(engine, "nginx")) as running:
        assert set(running.endpoint.resolve) == {(bench.host, 80), (bench.host, 443)}


def test_a_server_has_the_open_files_of_a_service_or_what_the_daemon_can_give(
    engine: DockerEngine, bench: Bench
) -> None:
    with engine.run(bench.scenario(engine, "nginx")) as running:
        name = running.endpoint.spec.removeprefix("docker://")
        command = [
            "docker",
            "exec",
            name,
            "sh",
            "-c",
            "grep 'open files' /proc/$(cat /run/nginx.pid)/limits; ulimit -H -n",
        ]
        limits, most = subprocess.run(
            command, capture_output=True, text=True, timeout=30, check=True
        ).stdout.splitlines()
    soft, hard = limits.split()[3:5]
    assert int(soft) == OPEN_FILES[0]
    assert int(hard) == (OPEN_FILES[1] if most == "unlimited" else min(OPEN_FILES[1], int(most)))
