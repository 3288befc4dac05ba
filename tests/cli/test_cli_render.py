"""`ota-proxy render` as a person uses it: without flags, with flags, into files, and over files that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.servers.base import called
from tests.support.command_line import FLAGS, SERVERS, Run

FILES = {
    "nginx": ["ota-proxy.conf"],
    "apache": ["ota-proxy.conf"],
    "iis": ["OtaProxy.psm1", "setup.ps1", "undo.ps1", "web.config"],
}


@pytest.mark.parametrize("server", SERVERS)
def test_without_file_and_flags_it_prints_the_example_site_and_says_so(server: str, run: Run) -> None:
    said = run("render", server)
    assert said.code == 0
    assert "Made by ota-proxy" in said.out[:200]
    assert "ota.example.com" in said.out
    assert "note: no site file and no flags: this is the example site ota.example.com" in said.err
    assert "note: no certificate given" in said.err


@pytest.mark.parametrize("server", SERVERS)
def test_with_a_site_in_flags_nothing_about_the_site_is_assumed(server: str, run: Run) -> None:
    said = run("render", server, *FLAGS)
    assert said.code == 0
    assert "/srv/ota" in said.out or "\\srv\\ota" in said.out
    assert [line for line in said.err.splitlines() if line.startswith("note: no ")] == []


@pytest.mark.parametrize("server", SERVERS)
def test_which_version_it_is_for_is_said_once_unless_it_was_asked_for(server: str, run: Run) -> None:
    version = {"nginx": "1.26.3", "apache": "2.4.62", "iis": "2019"}[server]
    said = run("render", server).err
    assert said.count("note: rendered for ") == 1
    assert ("note: rendered for every " in said) == (server != "iis")
    asked = run("render", server, "--server-version", version)
    assert "note: rendered for" not in asked.err
    assert f"For {called(server, version)}{' with' if server != 'iis' else ', scope'}" in asked.out
    assert "or later" not in asked.out.split("scope site")[0].replace("OpenSSL 1.1.1 or later", "")


@pytest.mark.parametrize("scope", ["snippet", "site", "full"])
@pytest.mark.parametrize("server", SERVERS)
def test_every_scope_renders_and_names_itself(server: str, scope: str, run: Run) -> None:
    said = run("render", server, "--scope", scope)
    assert said.code == 0
    assert f"scope {scope}," in said.out


@pytest.mark.parametrize(
    "preset", ["debian11", "debian12", "debian13", "ubuntu22.04", "ubuntu24.04", "rhel9", "rhel10"]
)
@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_every_preset_renders_for_the_versions_of_that_distribution(server: str, preset: str, run: Run) -> None:
    said = run("render", server, "--server-version", preset)
    assert said.code == 0
    assert f"--server-version {preset}" in said.out


def test_what_a_version_cannot_enforce_is_said_in_the_file_and_on_stderr(run: Run) -> None:
    said = run("render", "nginx", "--server-version", "1.18.0", "--tls-library", "openssl-1.1.1")
    assert "What this version cannot enforce:" in said.out
    assert "cannot-enforce: an unknown name is not refused in the handshake" in said.err


@pytest.mark.parametrize("server", SERVERS)
def test_into_a_folder_every_file_is_written_and_then_left_alone(server: str, tmp_path: Path, run: Run) -> None:
    first = run("render", server, "-o", "out/")
    assert (first.code, first.out) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES[server]
    assert first.err.count(": written") == len(FILES[server])
    assert run("render", server, "-o", "out").err.count(": unchanged") == len(FILES[server])


def test_one_file_goes_to_the_path_that_is_given(tmp_path: Path, run: Run) -> None:
    printed = run("render", "nginx").out
    assert run("render", "nginx", "-o", "site.conf").code == 0
    assert (tmp_path / "site.conf").read_text(encoding="utf-8") == printed


def test_a_hyphen_is_stdout(tmp_path: Path, run: Run) -> None:
    assert run("render", "nginx", "-o", "-").out == run("render", "nginx").out
    assert list(tmp_path.iterdir()) == []


def test_check_says_whether_the_file_is_what_would_be_written(tmp_path: Path, run: Run) -> None:
    missing = run("render", "nginx", "--check", "-o", "site.conf")
    assert (missing.code, "site.conf: missing" in missing.err) == (1, True)
    assert list(tmp_path.iterdir()) == []
    run("render", "nginx", "-o", "site.conf")
    assert run("render", "nginx", "--check", "-o", "site.conf").code == 0
    drifted = run("render", "nginx", "--check", "-o", "site.conf", "--scope", "full")
    assert (drifted.code, "site.conf: differs from the site" in drifted.err) == (1, True)


def test_diff_shows_what_would_change_and_writes_nothing(tmp_path: Path, run: Run) -> None:
    run("render", "apache", *FLAGS, "-o", "site.conf")
    before = (tmp_path / "site.conf").read_text(encoding="utf-8")
    said = run("render", "apache", *FLAGS, "--set", "hsts.max_age=63072001", "--diff", "-o", "site.conf")
    assert said.code == 1
    assert said.out.startswith("--- site.conf\n+++ site.conf\n@@")
    assert [line for line in said.out.splitlines() if line.startswith("+") and "max-age=63072001" in line]
    assert (tmp_path / "site.conf").read_text(encoding="utf-8") == before
    assert run("render", "apache", *FLAGS, "--diff", "-o", "site.conf").out == ""


@pytest.mark.parametrize("flag", ["--check", "--diff"])
def test_there_must_be_something_to_compare_with(flag: str, run: Run) -> None:
    said = run("render", "nginx", flag)
    assert said.code == 2
    assert said.complaint == (
        f"ota-proxy: error: {flag}: there is nothing to compare with\n  hint: name the file with -o PATH"
    )


def test_a_file_of_somebody_else_is_kept_unless_forced(tmp_path: Path, run: Run) -> None:
    precious = tmp_path / "site.conf"
    precious.write_text("server {}\n", encoding="utf-8")
    said = run("render", "nginx", "-o", "site.conf")
    assert said.code == 2
    assert "site.conf: this file was not made by ota-proxy and would be lost" in said.complaint
    assert "--force" in said.complaint
    assert precious.read_text(encoding="utf-8") == "server {}\n"
    assert run("render", "nginx", "-o", "site.conf", "--force").code == 0
    assert "Made by ota-proxy" in precious.read_text(encoding="utf-8")


def test_of_several_files_none_is_written_where_one_would_be_lost(tmp_path: Path, run: Run) -> None:
    (tmp_path / "undo.ps1").write_text("Write-Host mine\n", encoding="utf-8")
    assert run("render", "iis", "-o", ".").code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["undo.ps1"]


def test_the_other_files_of_iis_are_named_where_only_one_is_printed(run: Run) -> None:
    assert (
        "note: web.config is printed; setup.ps1, undo.ps1 and OtaProxy.psm1 come with -o FOLDER"
        in run("render", "iis").err
    )
