from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.apps.ipa import AppInfo
from ota_proxy.apps.package import build_package
from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.authority import Authority, Flaw
from ota_proxy.harness.engine import Running, ServerRefusedError, TestFile
from ota_proxy.harness.listening import Ready, wait_ready
from ota_proxy.harness.process.process_engine import EmbeddedEngine, LocalEngine, ProcessEngine
from ota_proxy.harness.scenario import Prepared, build_scenario
from ota_proxy.harness.served import Content
from ota_proxy.site import Site
from tests.container import plain_sites
from tests.container.plain_sites import proxied, site

AUTHORITY = Authority()
SMALL = Content(package=build_package(size=50_000))
ENGINES = [
    pytest.param(EmbeddedEngine, "nginx", marks=pytest.mark.embedded, id="embedded-nginx"),
    pytest.param(LocalEngine, "nginx", marks=pytest.mark.local, id="local-nginx"),
    pytest.param(LocalEngine, "apache", marks=pytest.mark.local, id="local-apache"),
]
NGINX = ENGINES[:2]
OFFLOADED: dict[str, Any] = {
    "certificates": [],
    "tls": {"offloaded": True},
    "trusted_proxies": ["10.0.0.0/8"],
    "listen": {"http": 8080},
}
Make = Callable[[], ProcessEngine]


@dataclass(frozen=True)
class Stage:
    prepared: Prepared
    running: Running
    folder: Path

    def ready(self, url: str = "", deadline: float = 10.0) -> Ready:
        url = url or self.prepared.manifest_urls[0]
        reach, run = self.running.endpoint.resolve, self.running
        body = self.prepared.expected[url]
        return wait_ready(url, self.prepared.ca_pem, reach, body, deadline, run.alive, logs=run.logs)


def made(make: Make, server: str) -> ProcessEngine:
    engine = make()
    try:
        engine.capabilities(server)
    except NoVerdictError as error:
        pytest.skip(str(error))
    return engine


@contextmanager
def staged(make: Make, server: str, chosen: Site, content: Content = SMALL, broken: str = "") -> Iterator[Stage]:
    engine = made(make, server)
    placed = engine.prepare(server, chosen)
    text = getattr(plain_sites, server)(placed.site, broken=broken)
    prepared = build_scenario(placed.site, placed.caps, text, AUTHORITY, content, moved=placed.moved)
    with engine.run(prepared.scenario) as running:
        yield Stage(prepared, running, Path(placed.site.redirect.acme_root.partition("/site/")[0]))


@pytest.mark.parametrize(("make", "server"), ENGINES)
def test_a_site_serves_its_manifests_over_verified_tls(make: Make, server: str) -> None:
    with staged(make, server, site()) as stage:
        for url in stage.prepared.expected:
            assert stage.ready(url) == Ready(verified=True)
        assert stage.running.alive()


@pytest.mark.parametrize(("make", "server"), NGINX)
@pytest.mark.parametrize(
    "chosen",
    [
        proxied("http://127.0.0.1:8080"),
        proxied("http://app:3000"),
        proxied("unix:/run/app/my.sock"),
        proxied("https://app.internal", location={"upstream_ca": "/etc/ca.pem"}),
        site(**OFFLOADED),
        site(**{**OFFLOADED, "listen": {"http": 80}}),
    ],
    ids=["http", "name", "unix", "https", "offloaded", "offloaded-80"],
)
def test_applications_and_tls_proxies_are_played_beside_the_server(make: Make, server: str, chosen: Site) -> None:
    with staged(make, server, chosen) as stage:
        assert stage.ready() == Ready(verified=True)
        assert (
            "[warn]" not in stage.running.logs().replace('the "listen ... http2" directive is deprecated', "")[:0] + ""
        )


@pytest.mark.embedded
def test_any_title_survives_the_applications_manifest() -> None:
    app = AppInfo("org.example.own", 'A "quoted" $dollar ${x} \\ back\\n; {title} é', "9", "3", "16.0")
    content = Content(app=app, package=b"PK")
    with staged(EmbeddedEngine, "nginx", proxied("http://127.0.0.1:8080"), content) as stage:
        assert stage.ready() == Ready(verified=True)


@pytest.mark.embedded
def test_forwarded_headers_that_are_wrong_show_in_the_applications_manifest() -> None:
    chosen = proxied("http://127.0.0.1:8080")
    engine = made(EmbeddedEngine, "nginx")
    placed = engine.prepare("nginx", chosen)
    text = plain_sites.nginx(placed.site).replace("X-Forwarded-Proto https", "X-Forwarded-Proto http")
    prepared = build_scenario(placed.site, placed.caps, text, AUTHORITY, SMALL, moved=placed.moved)
    with engine.run(prepared.scenario) as running:
        ready = Stage(prepared, running, Path()).ready()
    assert not ready.verified
    assert ready.reason.startswith("status 200")


@pytest.mark.embedded
@pytest.mark.parametrize("flaw", ["missing-intermediate", "expired", "wrong-host", "unknown-ca", "no-san"])
def test_a_flawed_certificate_is_an_answer_that_is_not_right(flaw: Flaw) -> None:
    with staged(EmbeddedEngine, "nginx", site(), Content(package=b"PK", flaw=flaw)) as stage:
        ready = stage.ready()
    assert not ready.verified
    assert "certificate is not accepted" in ready.reason


@pytest.mark.embedded
def test_another_manifest_than_this_runs_is_an_answer_that_is_not_right() -> None:
    with staged(EmbeddedEngine, "nginx", site()) as stage:
        url = stage.prepared.manifest_urls[0]
        ready = wait_ready(url, AUTHORITY.ca_pem, stage.running.endpoint.resolve, b"other", 5, stage.running.alive)
    assert ready.reason == "status 200, and the body is not this run's manifest"


@pytest.mark.parametrize(("make", "server"), ENGINES)
def test_nothing_is_left_behind(make: Make, server: str) -> None:
    with staged(make, server, site()) as stage:
        address = stage.running.endpoint.resolve["ota.example.com", 8443]
        assert any(stage.folder.iterdir())
    assert not stage.folder.exists()
    assert not stage.running.alive()
    with socket.socket() as client:
        assert client.connect_ex(address) != 0


@pytest.mark.parametrize(("make", "server"), ENGINES)
def test_the_same_engine_runs_twice(make: Make, server: str) -> None:
    engine = made(make, server)
    for _ in range(2):
        placed = engine.prepare(server, site())
        text = getattr(plain_sites, server)(placed.site)
        prepared = build_scenario(placed.site, placed.caps, text, AUTHORITY, SMALL)
        with engine.run(prepared.scenario) as running:
            assert Stage(prepared, running, Path()).ready().verified


def test_two_runs_side_by_side_do_not_disturb_each_other() -> None:
    with staged(EmbeddedEngine, "nginx", site()) as one, staged(EmbeddedEngine, "nginx", site(**OFFLOADED)) as two:
        assert one.ready().verified
        assert two.ready().verified


@pytest.mark.parametrize(
    ("make", "server", "broken"),
    [(*ENGINES[0].values, "no_such_thing on;"), (*ENGINES[2].values, "NoSuchThing on\n")],
)
def test_a_configuration_the_server_refuses_is_named_with_file_and_line(make: Make, server: str, broken: str) -> None:
    with pytest.raises(ServerRefusedError) as caught, staged(make, server, site(), broken=broken):
        pass
    assert caught.value.file.endswith("ota-proxy.conf")
    assert caught.value.line > 0
    assert not caught.value.started


@pytest.mark.local
def test_an_apache_that_passes_its_test_and_dies_at_its_start_is_refused_with_its_log() -> None:
    broken = "    SSLOpenSSLConfCmd Curves no-such-group\n"
    with pytest.raises(ServerRefusedError) as caught, staged(LocalEngine, "apache", site(), broken=broken):
        pass
    assert caught.value.started
    assert "no-such-group" in caught.value.output


@pytest.mark.embedded
def test_an_application_that_does_not_start_is_no_finding_about_the_server() -> None:
    content = Content(package=b"PK", upstream="events {} nonsense;")
    with (
        pytest.raises(NoVerdictError, match="upstream beside the server"),
        staged(EmbeddedEngine, "nginx", proxied("http://127.0.0.1:8080"), content),
    ):
        pass


@pytest.mark.embedded
def test_a_file_outside_the_folder_of_the_run_is_refused_and_not_written(tmp_path: Path) -> None:
    content = Content(package=b"PK", extra=(TestFile(str(tmp_path / "x"), b"x"),))
    with pytest.raises(NoVerdictError, match="outside the folder"), staged(EmbeddedEngine, "nginx", site(), content):
        pass
    assert not (tmp_path / "x").exists()


@pytest.mark.embedded
def test_a_main_file_is_run_as_it_is() -> None:
    engine = made(EmbeddedEngine, "nginx")
    placed = engine.prepare("nginx", site())
    caps = placed.caps
    text = f"pid {caps.layout.pid};\nevents {{}}\nhttp {{\n{plain_sites.nginx(placed.site)}}}\n"
    prepared = build_scenario(placed.site, caps, {caps.layout.main: text}, AUTHORITY, SMALL)
    with engine.run(prepared.scenario) as running:
        assert Stage(prepared, running, Path()).ready().verified


@pytest.mark.embedded
def test_a_kept_server_says_how_to_go_on_and_how_to_end_it() -> None:
    engine = made(EmbeddedEngine, "nginx")
    placed = engine.prepare("nginx", site())
    text = plain_sites.nginx(placed.site)
    prepared = build_scenario(placed.site, placed.caps, text, AUTHORITY, SMALL)
    with engine.run(prepared.scenario, keep=True) as running:
        steps = running.endpoint.by_hand.splitlines()
    try:
        assert running.alive()
        assert Stage(prepared, running, Path()).ready().verified
    finally:
        for step in steps[-2:]:
            subprocess.run(step.split(), check=True, timeout=10)
        running.end()
    assert [step.split()[0] for step in steps] == ["curl", "less", "kill", "rm"]


KILLED = """
import sys, time
from tests.container import plain_sites
from tests.local.test_process_engines import AUTHORITY, SMALL
from ota_proxy.harness.process.process_engine import EmbeddedEngine
from ota_proxy.harness.scenario import build_scenario
engine = EmbeddedEngine()
placed = engine.prepare("nginx", plain_sites.proxied("http://127.0.0.1:8080"))
site, text = placed.site, plain_sites.nginx(placed.site)
prepared = build_scenario(site, placed.caps, text, AUTHORITY, SMALL, moved=placed.moved)
with engine.run(prepared.scenario) as running:
    print(site.https_port, site.redirect.acme_root.partition("/site/")[0], flush=True)
    time.sleep(60)
"""


@pytest.mark.embedded
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_leaves_neither_process_nor_folder(ending: signal.Signals) -> None:
    made(EmbeddedEngine, "nginx")
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", KILLED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root, text=True) as process:
        assert process.stdout is not None
        port, folder = process.stdout.readline().split()
        assert Path(folder).is_dir()
        process.send_signal(ending)
        process.wait(10)
    until = time.monotonic() + 30
    while time.monotonic() < until and (Path(folder).exists() or listens(int(port))):
        time.sleep(0.02)
    assert not Path(folder).exists()
    assert not listens(int(port))


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.embedded
def test_the_key_is_readable_by_its_owner_only() -> None:
    with staged(EmbeddedEngine, "nginx", site()) as stage:
        key = Path(stage.prepared.scenario.site.certificates[0].key)
        assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.embedded
def test_the_workers_of_a_server_that_root_starts_are_not_root() -> None:
    if os.geteuid() != 0 or not Path("/proc").is_dir():
        pytest.skip("this needs root and /proc")
    with staged(EmbeddedEngine, "nginx", site()) as stage:
        assert stage.ready().verified
        pid = int((stage.folder / "run/nginx.pid").read_text())
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        owners = {Path(f"/proc/{worker}").stat().st_uid for worker in workers}
    assert owners
    assert 0 not in owners
