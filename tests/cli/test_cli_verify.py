"""`ota-proxy verify` as a person uses it: its plan, its refusals, its report and its exit codes."""

from __future__ import annotations

import json
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ota_proxy.apps.package import EXAMPLE_APP, build_package
from ota_proxy.commands import verify as proving
from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.engine import EngineName, Placement, Running, Scenario
from ota_proxy.harness.process.process_engine import EmbeddedEngine
from ota_proxy.policy import capabilities
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.report import json as report_json
from ota_proxy.site import Site
from tests.support.command_line import FLAGS, NOWHERE, Run, flags_of
from tests.support.variants import NAMES, variant

SCHEMA = json.loads(Path(report_json.__file__).with_name("schema.json").read_text(encoding="utf-8"))
WITHOUT_HSTS = ("--domain", "ota.example.com", "--set", "hsts.enabled=false")


class Recorder:
    """An engine that takes a scenario, remembers it and starts nothing."""

    name: EngineName = "docker"
    replaced = ""

    def __init__(self) -> None:
        self.scenarios: list[Scenario] = []

    def capabilities(self, server: str) -> Capabilities:
        return capabilities.resolve(server)

    def prepare(self, server: str, *sites: Site) -> Placement:
        return Placement(self.capabilities(server), sites)

    def run(self, scenario: Scenario, *, keep: bool = False) -> AbstractContextManager[Running]:
        self.scenarios.append(scenario)
        raise NoVerdictError(f"recorded, keep={keep}")


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(proving, "choose", lambda *_: made)
    return made


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Docker be where nobody answers, and let nobody ask."""

    def refuse(*_: Any) -> None:  # noqa: ANN401 - whatever connect is given
        raise AssertionError("a connection was made")

    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    monkeypatch.setattr("socket.socket.connect", refuse)


def plan(run: Run, *words: str) -> str:
    said = run("verify", *words, "--dry-run", "--no-check-files")
    assert said.code == 0, said.err
    return said.out


# -- the plan ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["site", "full"])
@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("nowhere")
def test_the_plan_says_what_would_be_started_for_every_variant(
    name: str, server: str, scope: str, recorder: Recorder, run: Run
) -> None:
    words = (server, "--scope", scope, *flags_of(variant(name)))
    told = plan(run, *words)
    assert recorder.scenarios == []
    run("verify", *words, "--no-check-files")
    (scenario,) = recorder.scenarios
    assert all(f", at {path}\n" in told for path in scenario.config)
    assert all(Path(file.path).name in told and str(Path(file.path).parent) in told for file in scenario.files[:8])
    assert ("TLS-terminating proxy in front" in told) == bool(scenario.tls_proxy)
    assert told.count("played by a second nginx") == bool(scenario.tls_proxy) + len(
        {place.upstream for place in scenario.site.proxied}
    )
    assert all(address in told for address in (*scenario.hosts, *scenario.addresses))


@pytest.mark.parametrize(
    ("words", "engines"),
    [
        (["nginx"], ["docker", "local", "embedded"]),
        (["apache"], ["docker", "local"]),
        (["apache", "--engine", "local"], ["local"]),
        (["nginx", "--image", "bookworm"], ["docker"]),
        (["nginx", "--engine", "embedded"], ["embedded"]),
        (["nginx", "--config", "nginx.conf"], ["docker"]),
    ],
)
def test_the_plan_names_the_engines_that_can_be_taken_and_no_other(
    words: list[str], engines: list[str], run: Run
) -> None:
    Path("nginx.conf").write_text("events {} http {}\n", encoding="utf-8")
    line = next(line for line in plan(run, *words).splitlines() if line.startswith("  engine: "))
    assert re.findall(r"(docker|local|embedded) \(", line) == engines


def test_the_plan_says_where_nothing_can_be_started(run: Run) -> None:
    assert "the engine docker cannot start IIS: no verdict" in plan(run, "iis", "--engine", "docker")
    assert "the engine embedded cannot start Apache: no verdict" in plan(run, "apache", "--engine", "embedded")
    assert "the engine emulator cannot start nginx: no verdict" in plan(run, "nginx", "--engine", "emulator")


def test_the_plan_for_iis_says_that_it_is_played(run: Run) -> None:
    said = plan(run, "iis", *FLAGS, "--no-check-files", "--upstream", "/app/=http://127.0.0.1:8080")
    assert "engine: emulator (plays IIS 10 on Windows Server 2022; no IIS takes part)" in said
    assert "application at http://127.0.0.1:8080 for /app/: played by nginx" in said


def test_the_plan_of_all_servers_has_one_paragraph_each(run: Run) -> None:
    heads = [paragraph.splitlines()[0] for paragraph in plan(run, "all").split("\n\n")]
    assert heads == [f"{server} for https://ota.example.com" for server in ("nginx", "Apache", "IIS")]


def test_the_plan_of_an_own_configuration_says_which_file_goes_where(run: Run) -> None:
    Path("site.conf").write_text("server { listen 80; }\n", encoding="utf-8")
    assert "site.conf as it is, started from /etc/nginx/conf.d/ota-proxy.conf" in plan(
        run, "nginx", "--config", "site.conf"
    )
    Path("tree/conf.d").mkdir(parents=True)
    Path("tree/nginx.conf").write_text("events {}\nhttp { include conf.d/*; }\n", encoding="utf-8")
    Path("tree/conf.d/a.conf").write_text("server {}\n", encoding="utf-8")
    told = plan(run, "nginx", "--config", "tree")
    assert "tree as it is, started from /etc/nginx/nginx.conf" in told
    assert "beside it: 1 more files of the tree" in told


def test_the_plan_says_a_wish_for_a_version_and_for_keeping(run: Run) -> None:
    told = plan(run, "nginx", "--server-version", "1.26.3", "--keep")
    assert "refused unless the engine has nginx 1.26.3" in told
    assert told.endswith("  left running\n")


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dry", [["--dry-run"], []])
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nginx", "--scope", "snippet"], "--scope: a snippet cannot be started by itself"),
        (["nginx", "--config", "none.conf"], "--config none.conf: there is no such file or folder"),
        (["nginx", "--config", "empty"], "--config empty: the folder holds no nginx.conf"),
        (["iis", "--config", "empty"], "--config: only a configuration of nginx or Apache can be started"),
        (["iis", "--config", "empty"], "hint: ota-proxy up iis --site-root DIR plays a folder of IIS as it is"),
        (["all", "--config", "empty"], "--config: one configuration cannot be for all servers"),
        (["nginx", "--config", "empty", "--engine", "local"], "--config: your own configuration names its own paths"),
        (["nginx", "--ipa", "none.ipa"], "--ipa none.ipa: the package cannot be read: No such file or directory"),
        (["nginx", "--ipa", "empty"], "--ipa empty: the package cannot be read: it is a folder, not a file"),
        (["nginx", "--ipa", "text.ipa"], "--ipa text.ipa: this is not a ZIP archive that can be read"),
        (["nginx", "--ipa", "bent.ipa"], "--ipa bent.ipa: "),
        (["nginx", "--engine", "local", "--image", "bookworm"], "--image: the image bookworm needs the docker engine"),
        (["nginx", "--domain", "a.example.com", "--root", "/srv/$a"], "--root: locations[0].root: nginx cannot take"),
        (["nginx", "--domain", "a.example.com", "--root", "C:\\ota"], "nginx cannot take 'C:\\ota'"),
    ],
)
def test_what_cannot_be_verified_is_refused_before_docker_is_asked(
    words: list[str], sentence: str, dry: list[str], recorder: Recorder, run: Run
) -> None:
    Path("empty").mkdir()
    Path("text.ipa").write_text("no archive", encoding="utf-8")
    package = bytearray(build_package(EXAMPLE_APP))
    package[60:200] = bytes(140)
    Path("bent.ipa").write_bytes(package)
    said = run("verify", *words, *dry)
    assert said.code == 2, said.err
    assert sentence in said.complaint
    assert "hint: " in said.complaint
    assert recorder.scenarios == []


def test_a_scope_in_the_file_is_refused_with_its_line(run: Run) -> None:
    Path("ota-proxy.toml").write_text('domains = ["ota.example.com"]\n[options]\nscope = "snippet"\n', encoding="utf-8")
    assert "ota-proxy.toml:3: a snippet cannot be started by itself" in run("verify", "nginx").complaint


@pytest.mark.parametrize("host", [NOWHERE, "unix:///nowhere/docker.sock", "bogus"])
@pytest.mark.parametrize("command", ["verify", "up"])
def test_without_docker_it_says_what_to_do(command: str, host: str, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    said = run(command, "nginx", "--engine", "docker")
    assert said.code == 3
    assert "docker: " in said.complaint
    assert "hint: " in said.complaint
    assert "--engine" in said.complaint


@pytest.mark.parametrize("command", ["verify", "up"])
@pytest.mark.parametrize(
    "words", [("--engine", "docker"), ("--engine", "local"), ("--image", "bookworm")], ids=" ".join
)
def test_iis_on_another_engine_than_the_emulator_has_no_verdict_and_a_way_out(
    command: str, words: tuple[str, ...], run: Run
) -> None:
    said = run(command, "iis", *words)
    assert said.code == 3
    assert "cannot start IIS, which needs Windows" in said.complaint
    assert "use --engine emulator" in said.complaint


def test_no_verdict_is_a_report_for_those_who_asked_for_one(run: Run) -> None:
    said = run("verify", "iis", "--engine", "docker", "--format", "json")
    assert said.code == 3
    document = json.loads(said.out)
    jsonschema.validate(document, SCHEMA)
    assert "cannot start IIS" in document["summary"]["without_verdict"][0]["reason"]


def test_a_report_on_iis_names_its_level_and_the_windows_that_was_played(run: Run) -> None:
    said = run("verify", "iis", "--windows", "2019", "--without-module", "rewrite", "--format", "json")
    assert said.code == 0, said.err
    document = json.loads(said.out)
    jsonschema.validate(document, SCHEMA)
    target = document["targets"][0]
    assert (target["server"], target["version"], target["engine"], target["level"]) == ("iis", "2019", "emulator", "L1")


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (
            ("--without-module", "nothing"),
            "--without-module nothing: only rewrite and arr can be left out",
        ),
        (
            (*FLAGS, "--no-check-files", "--without-module", "arr", "--upstream", "/app/=http://127.0.0.1:1"),
            "on IIS this needs Application Request Routing",
        ),
        (
            (*FLAGS, "--no-check-files", "--without-module", "rewrite", "--upstream", "/app/=http://127.0.0.1:1"),
            "on IIS this needs URL Rewrite",
        ),
        (("--keep",), "--keep: the emulator ends with this process"),
    ],
)
def test_what_iis_cannot_be_asked_for_is_one_sentence(words: tuple[str, ...], place: str, run: Run) -> None:
    said = run("verify", "iis", *words)
    assert said.code == 2
    assert place in said.complaint


# -- real runs on the embedded nginx ----------------------------------------------------------------------------------


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
def test_a_json_report_is_valid_and_progress_tells_the_outcome_of_each_request(run: Run) -> None:
    said = run("verify", "nginx", "--engine", "embedded", "--format", "json", "-o", "report.json")
    assert (said.code, said.out) == (0, "")
    document = json.loads(Path("report.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA)
    assert document["targets"][0]["engine"] == "embedded"
    lines = [line for line in said.err.splitlines() if re.search(r"\] [a-z].*: (GET|HEAD) http", line)]
    assert len(lines) > 10
    assert [line for line in lines if not re.search(r"https?://\S+: \d{3}(, \d+ bytes)?", line)] == []
    assert any(re.search(r"\] page: GET https://ota.example.com/: 200, \d+ bytes$", line) for line in lines)


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
@pytest.mark.parametrize(
    ("words", "fail_on", "code"),
    [
        (WITHOUT_HSTS, "error", 0),
        (WITHOUT_HSTS, "warning", 1),
        (WITHOUT_HSTS, "note", 1),
        (WITHOUT_HSTS, "never", 0),
        ((), "warning", 0),
    ],
)
def test_the_exit_code_follows_fail_on(words: tuple[str, ...], fail_on: str, code: int, run: Run) -> None:
    said = run("verify", "nginx", "--engine", "embedded", *words, "--fail-on", fail_on)
    assert said.code == code, said.out


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
def test_all_servers_have_the_worst_of_their_exit_codes_and_a_place_in_one_report(run: Run) -> None:
    said = run("verify", "all", "--engine", "embedded", "--format", "json")
    assert said.code == 3
    document = json.loads(said.out)
    jsonschema.validate(document, SCHEMA)
    assert [target["server"] for target in document["targets"]] == ["nginx", "apache", "iis"]
    reasons = [row["reason"] for row in document["summary"]["without_verdict"]]
    assert len(reasons) == 2
    assert "there is no embedded apache" in reasons[0]


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
def test_another_version_than_was_asked_for_is_refused(run: Run) -> None:
    said = run("verify", "nginx", "--engine", "embedded", *FLAGS, "--no-check-files", "--server-version", "1.18.0")
    assert said.code == 2
    assert re.search(r"--server-version: the engine embedded has nginx [\d.]+, not 1\.18\.0", said.complaint)


@pytest.mark.parametrize(
    ("words", "place"),
    [(("--server-version", "official"), "--server-version"), (("--tls-library", "openssl-3.5.0"), "--tls-library")],
)
def test_a_library_that_the_engine_has_not_is_refused_before_anything_starts(
    words: tuple[str, ...], place: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = capabilities.resolve("nginx", "official", "openssl-3.3.7")
    monkeypatch.setattr(EmbeddedEngine, "capabilities", lambda _self, _server: old)
    said = run("verify", "nginx", "--engine", "embedded", "--no-check-files", *words)
    assert said.code == 2
    assert (
        f"{place}: the engine embedded has nginx with openssl-3.3.7, and openssl-3.5.0 was asked for: no mlkem"
        in said.err
    )


@pytest.mark.parametrize("version", ["debian12", "2013"])
def test_a_windows_that_is_none_is_refused_for_a_folder_too(version: str, tmp_path: Path, run: Run) -> None:
    said = run("up", "iis", "--site-root", str(tmp_path), "--server-version", version)
    assert said.code == 2
    assert version in said.err
