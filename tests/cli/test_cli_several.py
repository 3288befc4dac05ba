"""Several sites through the commands: files and drift of a folder, one stream, what is for one site only, settings shown."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.command_line import Run

SITES = """\
[options]
server_version = "debian12"

[[sites]]
domains = ["a.example.com", "*.example.com"]

[[sites]]
domains = ["b.example.com"]
hsts.max_age = 70000000
"""
FILES = ["000-ota-proxy.conf", "100-a.example.com.conf", "100-b.example.com.conf"]
RENDER = ("render", "nginx", "--site", "sites.toml")


@pytest.fixture(autouse=True)
def _sites() -> None:
    Path("sites.toml").write_text(SITES, encoding="utf-8")


def listed(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_folder_gets_a_file_for_each_site_and_one_for_what_they_share(run: Run) -> None:
    assert run(*RENDER, "-o", "out").code == 0
    assert listed("out") == FILES
    again = run(*RENDER, "-o", "out")
    assert again.err.count(": unchanged") == len(FILES)
    assert run(*RENDER, "-o", "out", "--check").code == 0


def test_drift_of_any_file_is_found_and_shown(run: Run) -> None:
    run(*RENDER, "-o", "out")
    place = Path("out/100-b.example.com.conf")
    place.write_text(place.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")
    Path("out/000-ota-proxy.conf").unlink()
    said = run(*RENDER, "-o", "out", "--check")
    assert said.code == 1
    assert "out/100-b.example.com.conf: differs from the site" in said.err
    assert "out/000-ota-proxy.conf: missing" in said.err
    shown = run(*RENDER, "-o", "out", "--diff")
    assert shown.code == 1
    assert "-# by hand" in shown.out


def test_a_file_of_a_site_that_is_gone_is_drift_and_is_not_removed(run: Run) -> None:
    run(*RENDER, "-o", "out")
    Path("out/own.conf").write_text("# not of ota-proxy\n", encoding="utf-8")
    Path("sites.toml").write_text(SITES.replace("b.example.com", "c.example.com"), encoding="utf-8")
    said = run(*RENDER, "-o", "out")
    assert said.code == 0
    assert "out/100-b.example.com.conf: belongs to no site any more; remove it" in said.err
    assert "own.conf" not in said.err
    assert run(*RENDER, "-o", "out", "--check").code == 1
    Path("out/100-b.example.com.conf").unlink()
    assert run(*RENDER, "-o", "out", "--check").code == 0


def test_the_stream_is_all_files_one_after_the_other(run: Run) -> None:
    run(*RENDER, "-o", "out")
    said = run(*RENDER)
    assert said.out == "\n".join(Path("out", name).read_text(encoding="utf-8") for name in FILES)
    assert f"these are 3 files, {', '.join(FILES)}; -o FOLDER writes them" in said.err


def test_the_command_in_the_header_makes_the_same_files(run: Run) -> None:
    run(*RENDER, "--set", "expected_devices=10", "-o", "out")
    command = (
        Path("out/000-ota-proxy.conf").read_text(encoding="utf-8").split("# Command: ota-proxy ")[1].splitlines()[0]
    )
    assert run(*command.split(), "-o", "out", "--check").code == 0


def test_a_folder_of_files_renders_as_their_tables_do(run: Run) -> None:
    Path("sites").mkdir()
    for name, text in zip("ab", SITES.split("[[sites]]\n")[1:], strict=True):
        Path(f"sites/{name}.toml").write_text(text, encoding="utf-8")
    Path("sites/ota-proxy.toml").write_text(SITES.split("[[sites]]\n", maxsplit=1)[0], encoding="utf-8")
    tables, folder = run(*RENDER), run("render", "nginx", "--site", "sites/")
    assert folder.code == 0
    assert folder.out.replace("--site sites\n", "--site sites.toml\n") == tables.out


def test_a_whole_configuration_of_several_sites_is_one_file(run: Run) -> None:
    assert run(*RENDER, "--scope", "full", "-o", "nginx.conf").code == 0
    assert Path("nginx.conf").read_text(encoding="utf-8").count("ssl_certificate ") == 2


def test_iis_wants_a_folder(run: Run) -> None:
    Path("sites.toml").write_text(SITES.replace("debian12", "2022"), encoding="utf-8")
    said = run("render", "iis", "--site", "sites.toml")
    assert said.code == 2
    assert "each site of IIS is a folder of files" in said.complaint
    Path("out").mkdir()
    assert run("render", "iis", "--site", "sites.toml", "-o", "out").code == 0
    assert listed("out") == ["a.example.com", "b.example.com"]
    assert listed("out/a.example.com") == ["OtaProxy.psm1", "setup.ps1", "undo.ps1", "web.config"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("up", "nginx", "--site", "sites.toml"), "this takes one site, and there are 2: sites.toml:5, sites.toml:8"),
        ((*RENDER, "--scope", "snippet"), "--scope: a snippet is for one site, and there are 2"),
        ((*RENDER, "--domain", "x.example.com"), "--domain: there are several sites"),
        ((*RENDER, "-o", "sites.toml"), "3 files need a folder, and this is a file"),
        (("verify", "nginx", "--site", "sites.toml", "--config", "/etc/nginx"), "--config: your own configuration is compared with one site"),
    ],
)  # fmt: skip
def test_what_is_for_one_site_is_refused_with_the_reason(words: tuple[str, ...], complaint: str, run: Run) -> None:
    said = run(*words)
    assert said.code == 2
    assert complaint in said.complaint


def test_a_value_that_one_server_cannot_take_has_the_line_of_its_site(run: Run) -> None:
    Path("sites.toml").write_text(SITES + '[[sites.locations]]\nroot = "/srv/$x"\n', encoding="utf-8")
    assert "sites.toml:11: sites[1].locations[0].root: nginx cannot take '/srv/$x'" in run(*RENDER).complaint


def test_files_are_looked_at_for_every_site(run: Run) -> None:
    text = SITES + '[[sites.certificates]]\ncert = "/none.pem"\nkey = "/none.key"\n'
    Path("sites.toml").write_text(text.replace('"*.example.com"]', '"*.example.com"]\ntls.offloaded = true\ntrusted_proxies = ["10.0.0.1"]\nlisten.http = 8080'), encoding="utf-8")  # fmt: skip
    said = run(*RENDER, "--check-files")
    assert said.code == 2
    assert "sites.toml:14: sites[1].certificates[0].cert: the file /none.pem does not exist" in said.complaint


def test_the_settings_that_are_shown_are_a_file_of_the_same_sites(run: Run) -> None:
    Path("shown.toml").write_text(run("config", "show", "--site", "sites.toml").out, encoding="utf-8")
    assert run(*RENDER).out == run("render", "nginx", "--site", "shown.toml").out.replace("shown.toml", "sites.toml")
    data = json.loads(run("config", "show", "--site", "sites.toml", "--format", "json").out)
    assert data["sites[1].hsts.max_age"] == {"value": 70_000_000, "source": "sites.toml:9", "kind": "file"}
    assert data["options.server_version"]["source"] == "sites.toml:2"


def test_the_schema_takes_what_the_commands_take(run: Run) -> None:
    schema = json.loads(run("config", "schema").out)
    jsonschema.validate(tomllib.loads(SITES), schema)
    jsonschema.validate({"domains": ["a.example.com"]}, schema)
    refused: tuple[dict[str, Any], ...] = (
        {},
        {"sites": [{}]},
        {"sites": [{"domains": ["a.example.com"], "option": {}}]},
    )
    for wrong in refused:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_a_dry_run_plans_every_site(run: Run) -> None:
    said = run("verify", "nginx", "--site", "sites.toml", "--dry-run")
    assert said.code == 0
    assert said.out.count("ready when the manifest comes over HTTPS") == 2
    assert "started as one server" in said.err
