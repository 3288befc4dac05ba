"""Which tests share a server, and when one ends: with a start that only takes notes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from ota_proxy.harness.authority import Authority
from ota_proxy.harness.engine import Endpoint, Engine, Placement, ServerRefusedError
from ota_proxy.harness.own_config import OwnConfig
from ota_proxy.harness.scenario import build_scenario
from ota_proxy.harness.served import Content
from ota_proxy.harness.trial import Started, Trial
from ota_proxy.policy import capabilities
from ota_proxy.site import Certificate, Location, Site
from ota_proxy.testing import servers as module
from ota_proxy.testing.servers import MOST, RefusedError, Servers

CAPS = capabilities.resolve("nginx", layout="debian")
PLACE = "/etc/nginx/nginx.conf"


class Running:
    """A server that does nothing; its log grows when it is told to."""

    endpoint = Endpoint({("ota.example.com", 443): ("127.0.0.1", 1)}, "local://", "less log")

    def __init__(self) -> None:
        self.text, self.up = "started\n", True

    def logs(self) -> str:
        return self.text

    def alive(self) -> bool:
        return self.up


class Stage:
    """Counts what is started and ended; `refuse` makes the next start a refusal."""

    def __init__(self) -> None:
        self.started: list[Running] = []
        self.ended: list[Running] = []
        self.refuse = False
        self.name, self.replaced = "docker", ""

    def prepare(self, _server: str, *sites: Site) -> Placement:
        return Placement(CAPS, sites)

    @contextlib.contextmanager
    def start(self, trial: Trial, *_: object, **__: object) -> Iterator[Started]:
        if self.refuse:
            raise ServerRefusedError("no", output="[emerg] bad", file=PLACE, line=2)
        running = Running()
        self.started.append(running)
        prepared = build_scenario(trial.site, CAPS, "events {}", Authority(), Content(package=b"small"))
        yield Started(running, prepared, CAPS, {PLACE: "events {}\n"})
        self.ended.append(running)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.setattr(module, "start", made.start)
    return made


@pytest.fixture
def servers(stage: Stage, tmp_path: Path) -> Iterator[Servers]:
    assert stage
    made = Servers(Authority(), tmp_path)
    yield made
    made.close()


def trial(**changes: Any) -> Trial:  # noqa: ANN401 - fields of Trial
    certificate = Certificate(cert="/etc/ssl/ota.pem", key="/etc/ssl/ota.key")
    site = Site(
        domains=("ota.example.com",), locations=(Location(path="/", root="/srv/ota"),), certificates=(certificate,)
    )
    return replace(Trial("nginx", site), **changes)


def serve(servers: Servers, stage: Stage, wanted: Trial, image: str = "") -> Running:
    """Return the running server behind the site that was given out."""
    site = servers.serve(wanted, cast("Engine", stage), image).site
    return next(one for one in stage.started if one.logs == site.read_log)


def test_the_same_wish_gets_the_same_server_and_another_gets_another(servers: Servers, stage: Stage) -> None:
    first = serve(servers, stage, trial())
    assert serve(servers, stage, trial()) is first
    others = [trial(scope="full"), trial(content=Content(flaw="expired")), trial(content=Content(manifest=b"x"))]
    assert all(serve(servers, stage, other) is not first for other in others)
    assert serve(servers, stage, trial()) is first
    assert serve(servers, stage, trial(), image="bookworm") is not first


def test_the_log_of_a_shared_server_begins_with_the_test(servers: Servers, stage: Stage) -> None:
    first = servers.serve(trial(), cast("Engine", stage), "").site
    assert first.log == ""
    stage.started[0].text += "one\n"
    assert first.log == "one\n"
    stage.started[0].text = "warning\nstarted\nstarted\n" + "one\n"
    assert first.log == "warning\nstarted\none\n"
    assert servers.serve(trial(), cast("Engine", stage), "").site.log == ""


def test_a_server_that_died_is_replaced(servers: Servers, stage: Stage) -> None:
    first = serve(servers, stage, trial())
    first.up = False
    assert serve(servers, stage, trial()) is not first
    assert stage.ended == [first]


def test_only_a_few_run_side_by_side_and_all_end_with_the_module(servers: Servers, stage: Stage) -> None:
    for number in range(MOST + 2):
        serve(servers, stage, trial(content=Content(manifest=b"%d" % number)))
    assert stage.ended == stage.started[:2]
    servers.close()
    assert set(stage.ended) == set(stage.started)
    assert len(stage.ended) == MOST + 2


def test_a_refusal_is_remembered_and_names_the_persons_own_file(
    servers: Servers, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nginx.conf").write_text("events {}\nbad\n", encoding="utf-8")
    wanted = trial(config=OwnConfig("nginx", tmp_path / "nginx.conf", None))
    stage.refuse = True
    for _ in range(2):
        with pytest.raises(RefusedError) as caught:
            serve(servers, stage, wanted)
        (finding,) = caught.value.report.findings
        assert (finding.rule.id, finding.file, finding.line) == ("OTA615", "nginx.conf", 2)
        stage.refuse = False
    assert stage.started == []
    (tmp_path / "nginx.conf").write_text("events {}\ngood\n", encoding="utf-8")
    assert serve(servers, stage, wanted)


def test_files_of_a_tree_are_shown_by_their_own_paths_and_secrets_are_not(
    servers: Servers, stage: Stage, tmp_path: Path
) -> None:
    tree = tmp_path / "etc"
    (tree / "sites").mkdir(parents=True)
    for name, text in {
        "nginx.conf": "events {}",
        "sites/a.conf": "server {}",
        "ota.key": "-----BEGIN PRIVATE KEY-----",
        ".htpasswd": "me:secret",
        "logo.png": "\0",
    }.items():
        (tree / name).write_text(text, encoding="utf-8")
    site = servers.serve(trial(config=OwnConfig("nginx", tree / "nginx.conf", tree)), cast("Engine", stage), "").site
    assert site.config_files == {str(tree / "nginx.conf"): "events {}\n", str(tree / "sites" / "a.conf"): "server {}"}
