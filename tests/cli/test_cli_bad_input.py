"""Every mistake: exit 2 and one sentence with its place and a way out, never a traceback, and nothing written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.command_line import FLAGS, Run

SITE = 'domains = ["ota.example.com"]\n'


def refused(run: Run, *words: str) -> str:
    said = run(*words)
    assert said.code == 2, said.err
    assert "hint: " in said.complaint, said.err
    return said.complaint


def refused_site(run: Run, text: str | bytes, *words: str) -> str:
    data = text.encode() if isinstance(text, str) else text
    Path("ota-proxy.toml").write_bytes(data)
    said = run("render", *(words or ("nginx",)))
    assert said.code == 2, said.err
    return said.complaint


# -- the site file ----------------------------------------------------------------------------------------------------


def test_an_unknown_key_is_named_with_its_line_and_the_near_one(run: Run) -> None:
    assert refused_site(run, SITE + "[hsts]\nmax_aeg = 1\n") == (
        "ota-proxy: error: ota-proxy.toml:3: unknown key 'hsts.max_aeg'\n  hint: did you mean 'max_age'?"
    )


@pytest.mark.parametrize(
    ("port", "bound"), [("70000", "less than or equal to 65535"), ("0", "greater than or equal to 1")]
)
def test_a_port_out_of_range_is_named_with_its_bound(port: str, bound: str, run: Run) -> None:
    text = refused_site(run, SITE + f"listen.https = {port}\n")
    assert text == f"ota-proxy: error: ota-proxy.toml:2: listen.https must be {bound}, not {port}"


def test_a_port_out_of_range_on_the_command_line_is_named_with_its_flag(run: Run) -> None:
    said = refused(run, "render", "nginx", "--set", "listen.https=70000")
    assert "--set: listen.https must be less than or equal to 65535, not 70000" in said
    said = run("render", "nginx", "--domain", "a.example.com", "--public-url", "https://a.example.com:70000").complaint
    assert "--public-url: public_url: the public URL 'https://a.example.com:70000' cannot be read" in said


def test_an_upstream_with_a_path_is_refused_with_the_reason(run: Run) -> None:
    text = refused_site(run, SITE + '[[locations]]\npath = "/app/"\nupstream = "http://127.0.0.1:8080/app"\n')
    assert text == (
        "ota-proxy: error: ota-proxy.toml:4: locations[0].upstream: the upstream 'http://127.0.0.1:8080/app' has a path or"
        " query: it gets the device's path unchanged, so write host and port only"
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"domains = [\n", "ota-proxy.toml: the site file is not TOML: "),
        (b'domains = ["\xff"]\n', "ota-proxy.toml: the site file is not UTF-8 (byte 12)"),
        (b"", "ota-proxy.toml: the site has no domain"),
        (b"domains = []\n", "ota-proxy.toml:1: the site has no domain"),
        (b"domains = 3\n", "ota-proxy.toml:1: domains must be an array"),
        (b'domains = ["a.example.com"]\nlocations = 3\n', "ota-proxy.toml:2: locations must be an array"),
        (b'domains = ["a.example.com"]\ntls = "modern"\n', "ota-proxy.toml:2: tls must be a table"),
        (b'domains = ["a.example.com\\nx"]\n', "domains[0]: the domain has the character U+000A"),
        (b'domains = ["a.example.com"]\n[[locations]]\nroot = "/srv/o;ta"\n', "the path '/srv/o;ta' has a ';'"),
    ],
)
def test_a_site_file_that_cannot_be_is_refused_with_its_reason(data: bytes, reason: str, run: Run) -> None:
    assert reason in refused_site(run, data)


def test_a_byte_order_mark_as_windows_editors_write_it_is_no_mistake(run: Run) -> None:
    Path("ota-proxy.toml").write_bytes(b"\xef\xbb\xbf" + SITE.encode())
    assert run("render", "nginx").code == 0


def test_a_site_file_that_is_missing_or_a_folder_is_named(tmp_path: Path, run: Run) -> None:
    assert "none.toml: cannot read the site file: No such file or directory" in refused(
        run, "render", "nginx", "--site", "none.toml"
    )
    (tmp_path / "folder").mkdir()
    assert "folder: there is no site file in this folder" in refused(run, "render", "nginx", "--site", "folder")


def test_a_project_file_that_names_us_and_is_no_toml_is_not_passed_over(run: Run) -> None:
    Path("pyproject.toml").write_text('[tool.ota-proxy]\ndomains = ["a"\n', encoding="utf-8")
    assert "pyproject.toml: the site file is not TOML" in refused(run, "render", "nginx")


@pytest.mark.parametrize("text", ["tool = 1\n# ota-proxy\n", "[tool]\nota-proxy = 1\n", "[tool.x] ota-proxy\n"])
def test_a_project_file_without_a_table_of_ours_is_somebody_else_s(text: str, run: Run) -> None:
    Path("pyproject.toml").write_text(text, encoding="utf-8")
    assert "this is the example site" in run("render", "nginx").err


def test_a_project_file_without_a_table_of_ours_is_refused_where_it_is_asked_for(run: Run) -> None:
    Path("pyproject.toml").write_text("tool = 1\n", encoding="utf-8")
    assert "pyproject.toml: 'tool' is not a table here" in refused(run, "render", "nginx", "--site", "pyproject.toml")


# -- values that one server cannot take -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "root", "reason"),
    [
        ("nginx", "/srv/$builds", "nginx cannot take '/srv/$builds': nginx has no way to quote a '$'"),
        ("apache", "/srv/${builds}", "Apache cannot take the value '/srv/${builds}"),
        ("iis", "/srv/%builds%", "IIS cannot use the path '/srv/%builds%'"),
    ],
)
def test_a_root_that_one_server_cannot_quote_is_refused_by_its_name_with_flag_or_line(
    server: str, root: str, reason: str, run: Run
) -> None:
    said = refused(run, "render", server, "--domain", "ota.example.com", "--root", root)
    assert said.startswith("ota-proxy: error: --root: locations")
    assert reason in said
    said = refused_site(run, SITE + f"[[locations]]\npath = '/x/'\nroot = '{root}'\n", server)
    assert said.startswith("ota-proxy: error: ota-proxy.toml:4: locations[0].root: ")
    assert reason.partition("$")[0] in said


def test_a_value_is_refused_before_anything_is_noted_or_written(tmp_path: Path, run: Run) -> None:
    said = run("render", "nginx", *FLAGS, "--set", "headers.X-Price=5$", "-o", "site.conf")
    assert said.code == 2
    assert said.complaint.startswith("ota-proxy: error: --set: headers")
    assert "needs-parent" not in said.err
    assert list(tmp_path.iterdir()) == []


# -- places that cannot be written ------------------------------------------------------------------------------------


def test_a_folder_that_does_not_exist_is_named_with_the_command_that_makes_it(run: Run) -> None:
    said = refused(run, "render", "nginx", "-o", "no/such/site.conf")
    assert "no/such/site.conf: cannot write here: No such file or directory" in said
    assert "make the folder first: mkdir -p " in said


def test_a_file_where_a_folder_must_be_is_named(run: Run) -> None:
    Path("file").touch()
    assert "file/site.conf: cannot read what is there: Not a directory" in refused(
        run, "render", "nginx", "-o", "file/site.conf"
    )
    assert "file: 4 files need a folder, and this is a file" in refused(run, "render", "iis", "-o", "file")
    assert "needs a folder, and this is a file" in refused(run, "render", "nginx", "-o", "file/")


def test_a_place_that_is_no_file_and_a_name_that_none_can_have_are_named(run: Run) -> None:
    assert "/dev/null: this is not a regular file" in refused(run, "render", "nginx", "-o", "/dev/null")
    assert "File name too long" in refused(run, "render", "nginx", "-o", "x" * 300)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc takes no files, not even from root; only Linux has it")
def test_a_file_system_that_takes_no_files_is_named(run: Run) -> None:
    said = refused(run, "render", "nginx", "-o", "/proc/site.conf")
    assert "/proc/site.conf: cannot write here" in said
    assert "choose a place you may write to" in said


def test_a_report_that_could_not_be_written_is_refused_before_anything_starts(run: Run) -> None:
    said = run("verify", "nginx", "--engine", "embedded", "-o", "no/such/report.json", "--format", "json")
    assert (said.code, said.out) == (2, "")
    assert "no/such/report.json: cannot write here" in said.complaint
    assert "starting" not in said.err


# -- the command line itself ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["rendr", "nginx"], "did you mean 'render'?"),
        (["render", "ngnix"], "did you mean 'nginx'?"),
        (["render", "nginx", "--domian", "a"], "did you mean '--domain'?"),
        (["render", "nginx", "--scop", "full"], "did you mean '--scope'?"),
        (["render", "nginx", "--scope", "ful"], "did you mean 'full'?"),
        (["verify", "nginx", "--dryrun"], "did you mean '--dry-run'?"),
        (["verify", "nginx", "--engine=dockr"], "did you mean 'docker'?"),
        (["verify", "nginx", "--format", "jsn"], "did you mean 'json'?"),
        (["config", "shw"], "did you mean 'show'?"),
        (["render"], "`ota-proxy render --help` shows what there is"),
        ([], "`ota-proxy --help` shows what there is"),
        (["render", "nginx", "apache"], "`ota-proxy render --help` shows what there is"),
    ],
)
def test_a_misspelt_word_gets_the_near_one(words: list[str], hint: str, run: Run) -> None:
    assert refused(run, *words).endswith(f"hint: {hint}")


def test_a_flag_before_the_command_is_told_where_it_belongs(run: Run) -> None:
    assert "--site comes before the command; write `ota-proxy COMMAND --site" in refused(run, "--site", "x", "render")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--server-version", "debian99"], "--server-version: the nginx version 'debian99' is not known"),
        (["--server-version", "1.10"], "--server-version: nginx 1.10 is older than"),
        (["--tls-library", "boringssl"], "--tls-library: the TLS library 'boringssl' is not known"),
        (["--set", "hsts.max_aeg=1"], "--set: the key 'hsts.max_aeg' is not known"),
        (["--set", "hsts"], "--set: 'hsts' is not KEY=VALUE"),
        (["--cert", "/c"], "--key: --cert and --key come in pairs, --key is missing"),
        (["--root", "/a", "--upstream", "http://b"], "two locations claim the prefix /"),
        (["--domain", "a_b"], "--domain: domains[0]: the domain 'a_b' is not a host name"),
        (["--tls-profile", "old"], "--tls-profile: tls.profile must be 'intermediate' or 'modern', not 'old'"),
    ],
)
def test_a_wrong_value_of_a_flag_is_named_with_the_flag(words: list[str], sentence: str, run: Run) -> None:
    said = run("render", "nginx", *([] if "--domain" in words else ["--domain", "ota.example.com"]), *words)
    assert said.code == 2
    assert sentence in said.complaint


def test_a_wrong_version_is_named_where_it_was_written(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    assert "ota-proxy.toml:3: the nginx version 'old' is not known" in refused_site(
        run, SITE + '[options]\nserver_version = "old"\n'
    )
    monkeypatch.setenv("OTA_PROXY_SERVER_VERSION", "older")
    assert "OTA_PROXY_SERVER_VERSION: the nginx version 'older' is not known" in refused(run, "render", "nginx")


def test_a_misspelt_variable_is_named_with_the_near_one(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("OTA_PROXY_DOMIAN", "a.example.com")
    assert refused(run, "render", "nginx").endswith("hint: did you mean 'OTA_PROXY_DOMAIN'?")


@pytest.mark.parametrize("words", [("render", "nginx"), ("verify", "apache"), ("up", "nginx")])
def test_a_module_of_iis_is_refused_for_another_server(words: tuple[str, ...], run: Run) -> None:
    extra = () if words[0] == "render" else ("--no-check-files",)
    said = refused(run, *words, *extra, "--without-module", "rewrite")
    assert "--without-module: only for IIS" in said


def test_a_link_to_a_package_is_written_and_said_to_be_none_that_installs(run: Run) -> None:
    said = run("link", "https://ota.example.com/App.ipa")
    assert said.code == 0
    assert "note: this is a package: the link has to name its manifest" in said.err
    assert "note" not in run("link", "https://ota.example.com/App.plist").err


@pytest.mark.parametrize("command", ["manifest", "page"])
@pytest.mark.parametrize("url", ["http://ota.example.com/ota/", "ota.example.com/ota"])
def test_a_folder_s_url_that_is_not_https_is_named_with_what_was_meant(command: str, url: str, run: Run) -> None:
    said = refused(run, command, "App.ipa", "--base-url", url)
    assert f"--base-url: '{url.rstrip('/')}' is not an https URL" in said
    assert "did you mean https://ota.example.com/ota?" in said
