"""Every variant on every server version: starts, installs, reports no finding, and logs no warning of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ota_proxy.apps.manifest import build_manifest
from ota_proxy.apps.package import EXAMPLE_APP, build_package
from ota_proxy.commands.verify import verify
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.served import Content
from ota_proxy.harness.trial import Trial, content_of, start
from ota_proxy.servers.rendered import Scope
from tests.container.faults.model import checked
from tests.support.reports import failed, notes, warnings_of
from tests.support.suites import SUITES
from tests.support.variants import NAMES, variant

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"

_NAME = "App-1.4.2-142.ipa"
UNIQUE = Content(
    manifest=build_manifest(EXAMPLE_APP, f"https://ota.example.com/{_NAME}"),
    extra=(TestFile(f"/srv/ota/{_NAME}", build_package()),),
)
"""A package whose name is its build's alone, as a site must have it that lets caches keep packages for ever."""

pytestmark = pytest.mark.container


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("suite", SUITES)
def test_a_rendered_site_installs_without_a_finding(
    suite: str, server: str, name: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    content = content_of((REAL / "iphone.ipa").read_bytes()) if (REAL / "iphone.ipa").is_file() else Content()
    report = verify(Trial(server, variant(name), content=content), engine_of(suite), lambda _: None)
    assert failed(report) == []
    assert warnings_of(report) == []
    assert report.facts is not None
    assert report.facts.install is not None
    assert len(report.facts.install.packages) == 1


@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("suite", ["bullseye", "forky"])
def test_a_whole_configuration_installs_without_a_finding(
    suite: str, server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    scope: Scope = "full"
    report = verify(Trial(server, variant("static"), scope=scope), engine_of(suite), lambda _: None)
    assert failed(report) == []
    assert warnings_of(report) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("suite", ["bookworm", "forky"])
def test_a_rendered_site_is_checked_from_outside_without_a_finding(
    suite: str, server: str, name: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    engine, content = engine_of(suite), UNIQUE if name == "modern" else Content()
    with start(Trial(server, variant(name), content=content), engine, lambda _: None) as started:
        report = checked(started)
    assert failed(report) == []
    assert notes(report) == {
        "OTA511"
    }  # what a person does with the ad hoc build that is served where there is no other
    assert report.facts is not None
    assert report.facts.install is not None
    assert len(report.facts.install.packages) == 1
