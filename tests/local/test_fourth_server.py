"""A fourth server: what CONTRIBUTING says it takes, and nothing else; rendered, started as a process, installed from and reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jinja2
import pytest

from ota_proxy.commands.verify import verify
from ota_proxy.harness.engine import choose
from ota_proxy.harness.process import recipes
from ota_proxy.harness.trial import Trial
from ota_proxy.policy.tables import table
from ota_proxy.report.report import Report
from ota_proxy.report.text import render
from ota_proxy.servers import base
from ota_proxy.servers.templates import environment
from ota_proxy.site import Site
from tests.support import toy_server
from tests.support.variants import variant

TOY = "tests.support.toy_server"


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the server: a line for its package, one for its recipe, its versions, and the folder of its templates."""
    monkeypatch.setitem(base.PACKAGES, "toy", TOY)
    monkeypatch.setitem(recipes.RECIPES, "toy", f"{TOY}.toy_process")
    monkeypatch.setitem(table("capabilities"), "toy", toy_server.CAPABILITIES)
    ours, folder = environment().loader, Path(toy_server.__file__).parent / "templates"
    assert ours is not None
    monkeypatch.setattr(environment(), "loader", jinja2.ChoiceLoader([ours, jinja2.FileSystemLoader(folder)]))


def trial() -> Trial:
    site: Site = variant("static")
    return Trial("toy", site)


def test_it_is_rendered_started_installed_from_and_reported() -> None:
    report = verify(trial(), choose("auto", "toy"), lambda _: None)
    assert (report.server, report.version, report.engine) == ("toy", "7.0", "local")
    wrong = {one.rule.id: one.message for one in report.outcomes if one.status == "failed" and one.severity == "error"}
    assert wrong == {}
    assert report.facts is not None
    assert report.facts.install is not None
    assert report.facts.install.packages
    assert report.target in render(Report((report,)))


def test_what_it_refuses_is_a_finding_at_its_own_line() -> None:
    broken = replace(trial(), edit=lambda text: text.replace("folder ", "fodler ", 1))
    report = verify(broken, choose("auto", "toy"), lambda _: None)
    (found,) = (one for one in report.outcomes if one.rule.id == "OTA615" and one.status == "failed")
    assert 'unknown directive "fodler"' in found.evidence
    assert found.line


def test_it_is_offered_where_servers_are_offered() -> None:
    assert base.names()[-1] == "toy"
    assert base.started("local") == ("nginx", "apache", "toy")
    assert base.by_banner("toy") == "toy"
