"""The compose files against what they must agree with: the layouts, the capability table, the site's defaults, a scenario."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from ota_proxy.cli.main import main
from ota_proxy.cli.parser import parser
from ota_proxy.cli.sites import load_site
from ota_proxy.harness.authority import Authority
from ota_proxy.harness.scenario import build_scenario
from ota_proxy.policy.capabilities import resolve
from ota_proxy.settings import Loaded
from ota_proxy.site import Redirect, Site
from tests.support.compose_files import FOLDER, VARIABLE, document, header, render_command, service, text_of

ALL = ("nginx", "apache", "iis")
UNIX = ("nginx", "apache")
SERVICE_KEYS = frozenset(
    "build cap_add cap_drop command entrypoint environment extra_hosts healthcheck image isolation platform ports read_only restart"  # noqa: SIM905 - a list of words reads better in one line
    " security_opt stop_grace_period tmpfs ulimits volumes".split()
)
"""Of the compose specification, what these files use; a misspelt key would be refused by `docker compose`."""


def loaded(server: str) -> Loaded:
    """Return the site that the header's command renders."""
    return load_site(parser().parse_args(render_command(server)))


def main_file(server: str) -> str:
    return resolve(server, "official").layout.main


def targets(server: str) -> dict[str, dict[str, Any]]:
    return {volume["target"]: volume for volume in service(server)["volumes"]}


def inside(server: str, path: str) -> bool:
    """Say whether a path in the container comes from a mount, and does not just lie in the image."""
    return any(PurePosixPath(path).is_relative_to(target) for target in targets(server))


@pytest.fixture(autouse=True)
def no_site_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_there_is_a_file_for_every_server_and_no_other() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.y*ml")) == sorted(ALL)


@pytest.mark.parametrize("server", ALL)
def test_a_file_has_one_service_named_like_its_server_and_known_keys(server: str) -> None:
    whole = document(server)
    assert set(whole) <= {"name", "services", "volumes"}
    assert list(whole["services"]) == [server]
    assert set(service(server)) <= SERVICE_KEYS
    named = {volume["source"] for volume in service(server)["volumes"] if volume["type"] == "volume"}
    assert named == set(whole.get("volumes", {}))


@pytest.mark.parametrize("server", ALL)
def test_every_variable_has_a_default_and_is_explained(server: str) -> None:
    body = "\n".join(line for line in text_of(server).splitlines() if not line.lstrip().startswith("#"))
    assert re.sub(r"\$\$", "", VARIABLE.sub("", body)).count("$") == 0
    used = {found[1] for found in VARIABLE.finditer(body) if found[1]}
    explained = set(re.findall(r"\bOTA_[A-Z_]+", header(server)))
    assert used == explained


@pytest.mark.parametrize("server", UNIX)
def test_the_image_is_the_latest_version_of_the_capability_table(server: str) -> None:
    name = {"nginx": "nginx", "apache": "httpd"}[server]
    assert service(server)["image"] == f"{name}:{resolve(server, 'latest').version}-alpine"
    assert service(server, {"OTA_IMAGE": "mine@sha256:0"})["image"] == "mine@sha256:0"


def test_the_windows_image_is_the_latest_version_of_the_capability_table() -> None:
    assert service("iis")["build"]["args"]["IMAGE"].endswith(
        f"/windows/servercore/iis:windowsservercore-ltsc{resolve('iis').version}"
    )


@pytest.mark.parametrize("server", UNIX)
def test_places_in_the_container_are_those_of_the_official_layout(server: str) -> None:
    layout = resolve(server, "official").layout
    assert main_file(server) in targets(server)
    writable = [*service(server)["tmpfs"], *(path for path, row in targets(server).items() if not row.get("read_only"))]
    for place in (layout.pid, *([layout.log + "/x"] if server == "apache" else [])):
        assert any(PurePosixPath(place).is_relative_to(folder) for folder in writable), place
    assert Redirect().acme_root in targets(server)


@pytest.mark.parametrize("server", UNIX)
def test_what_a_person_gives_is_mounted_read_only_and_never_made_up(server: str) -> None:
    for path, volume in targets(server).items():
        if volume["type"] == "bind":
            assert volume["read_only"] is True
            assert path == Redirect().acme_root or volume["bind"] == {"create_host_path": False}


@pytest.mark.parametrize("server", UNIX)
def test_folders_have_the_same_name_inside_and_outside(server: str) -> None:
    given = {"OTA_ROOT": "/data/builds", "OTA_CERTS": "/data/certs"}
    volumes = {volume["target"]: volume["source"] for volume in service(server, given)["volumes"]}
    assert {volumes[path] for path in given.values()} == set(given.values())


@pytest.mark.parametrize("server", ALL)
def test_the_ports_are_those_a_site_has_by_default(server: str) -> None:
    site = loaded(server).site
    assert service(server)["ports"] == [
        f"{site.listen.http}:{site.listen.http}",
        f"{site.https_port}:{site.https_port}",
    ]
    moved = service(server, {"OTA_HTTP_PORT": "8080", "OTA_HTTPS_PORT": "8443"})
    assert moved["ports"] == [f"8080:{site.listen.http}", "8443:8443"]
    assert "8443" in " ".join(map(str, moved["healthcheck"]["test"]))


@pytest.mark.parametrize("server", ALL)
def test_a_health_check_needs_nothing_that_the_image_lacks_and_a_stopped_server_comes_back(server: str) -> None:
    chosen = service(server)
    assert chosen["healthcheck"]["test"][0] == "CMD"
    assert chosen["healthcheck"]["test"][1] in ("nc", "powershell")
    assert set(chosen["healthcheck"]) == {"test", "interval", "timeout", "retries", "start_period"}
    assert chosen["restart"] == "unless-stopped"


@pytest.mark.parametrize("server", UNIX)
def test_nothing_is_allowed_that_a_web_server_does_not_need(server: str) -> None:
    chosen = service(server)
    assert chosen["read_only"] is True
    assert chosen["cap_drop"] == ["ALL"]
    assert set(chosen["cap_add"]) <= {"CHOWN", "DAC_OVERRIDE", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"}
    assert chosen["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("server", ALL)
def test_the_headers_command_writes_the_file_that_is_mounted(
    tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(render_command(server)) == 0
    capsys.readouterr()
    source = next(volume["source"] for volume in service(server)["volumes"] if volume["source"].startswith("../ota"))
    beside_the_compose_folder = (tmp_path / "compose" / source).resolve()
    assert beside_the_compose_folder.exists()


@pytest.mark.parametrize("server", UNIX)
def test_the_limits_allow_what_the_rendered_file_asks_for(server: str, tmp_path: Path) -> None:
    limit = int(service(server)["ulimits"]["nofile"]["hard"])
    most = next(row.le for row in Site.model_fields["expected_devices"].metadata if hasattr(row, "le"))
    assert main([*render_command(server), "--set", f"expected_devices={most}"]) == 0
    text = next((tmp_path / "ota").iterdir()).read_text(encoding="utf-8")
    asked = [int(number) for number in re.findall(r"^\s*worker_rlimit_nofile (\d+);", text, re.MULTILINE)]
    assert bool(asked) is (server == "nginx")
    assert limit >= max([2 * most, *asked])


@pytest.mark.parametrize("server", UNIX)
def test_a_scenario_of_the_headers_site_finds_every_file_in_a_mount(server: str, tmp_path: Path) -> None:
    chosen = loaded(server)
    assert (chosen.options.scope, chosen.options.server_version) == ("full", "official")
    assert main(render_command(server)) == 0
    text = next((tmp_path / "ota").iterdir()).read_text(encoding="utf-8")
    caps = resolve(server, chosen.options.server_version)
    scenario = build_scenario(chosen.site, caps, {main_file(server): text}, Authority()).scenario
    places = [*scenario.config, *(file.path for file in scenario.files)]
    assert len(places) > 5
    assert [place for place in places if not inside(server, place)] == []


def test_the_windows_service_runs_what_the_renderer_writes(tmp_path: Path) -> None:
    assert main(render_command("iis")) == 0
    made = {path.name for path in (tmp_path / "ota").iterdir()}
    script = service("iis")["command"][0]
    used = set(re.findall(r"C:\\ota-proxy\\([\w.]+)", script))
    assert used == {"web.config", "setup.ps1"}
    assert used <= made
    setup = (tmp_path / "ota" / "setup.ps1").read_text(encoding="utf-8-sig")
    for parameter in re.findall(r"\b(Pfx\w+) = ", script):
        assert re.search(rf"^\s*\[[\w\[\]]+\]\${parameter}\b", setup, re.MULTILINE), parameter
    assert loaded("iis").site.locations[0].root == service("iis")["environment"]["OTA_ROOT"]


def recipe() -> str:
    return (FOLDER / "iis.Dockerfile").read_text(encoding="utf-8")


def test_the_windows_recipe_lies_where_the_service_looks_for_it_and_has_the_same_image() -> None:
    build = service("iis")["build"]
    found = (FOLDER / build["context"] / build["dockerfile"]).resolve()
    assert found == FOLDER / "iis.Dockerfile"
    assert f"ARG IMAGE={build['args']['IMAGE']}\nFROM $IMAGE\n" in recipe()
    for release in ("ltsc2019", "ltsc2022", "ltsc2025"):
        assert f"-{release}" in header("iis")
        assert f"-{release}" in recipe()


def test_the_windows_recipe_waits_for_each_installer_and_begins_with_rewrite() -> None:
    text = recipe()
    assert text.startswith("# escape=`\n")
    assert text.index("modules\\rewrite") < text.index("modules\\requestRouter")
    (install,) = re.findall(r"Start-Process msiexec (.*)", text)
    assert " -Wait " in install
    assert "-PassThru" in install, "an installer that failed has to fail the build"
    assert re.search(r"^RUN msiexec", text, re.MULTILINE) is None
