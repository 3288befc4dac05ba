"""Every variant on every server version: starts, installs, reports no finding, and logs no warning of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ota_proxy.harness.docker.engine import DockerEngine
from ota_proxy.harness.served import Content
from ota_proxy.harness.verify import Trial, content_of, verify
from ota_proxy.render.result import Scope
from tests.reports import failed, warnings_of
from tests.variants import NAMES, variant

SUITES = ("bullseye", "bookworm", "trixie", "forky")
REAL = Path(__file__).resolve().parents[3] / "shared" / "real"

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
