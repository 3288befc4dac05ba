"""Everything that is rendered for IIS installs on the emulator: every variant, every Windows, with and without URL Rewrite."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.commands.verify import verify
from ota_proxy.errors import UsageError
from ota_proxy.facts.levels import LEVELS
from ota_proxy.harness.emulator.apphost import apphost, site_names
from ota_proxy.harness.emulator.emulator_engine import EmulatorEngine
from ota_proxy.harness.trial import Trial
from ota_proxy.policy.capabilities import resolve
from ota_proxy.report.report import Report
from ota_proxy.report.text import render as as_text
from ota_proxy.servers.iis.in_force import Configuration
from ota_proxy.servers.iis.render import plan_of
from ota_proxy.site import Site
from tests.emulator.mocks import skip_without_nginx
from tests.support import iis_sites
from tests.support.reports import failed
from tests.support.variants import NAMES, PROXIED, variant

WINDOWS = ("2016", "2019", "2022", "2025")
_OWN = [name for name in iis_sites.NAMES if iis_sites.VARIANTS[name][2] != "snippet"]


def site_of(name: str) -> Site:
    """Return a variant as IIS can have it: no Unix socket."""
    return variant(name, locations=[PROXIED[0], PROXIED[2]]) if name == "proxied" else variant(name)


def _proven(site: Site, version: str, *, rewrite: bool) -> None:
    if site.proxied or site.tls.offloaded:
        skip_without_nginx()
    report = verify(Trial("iis", site), EmulatorEngine(version, rewrite=rewrite), lambda _: None)
    assert failed(report) == []
    assert (report.level, report.engine, report.version) == ("L1", "emulator", version)


@pytest.mark.parametrize("name", NAMES)
def test_every_way_of_hosting_installs(name: str) -> None:
    _proven(site_of(name), "2022", rewrite=True)


@pytest.mark.parametrize("name", _OWN)
def test_every_golden_rendering_installs(name: str) -> None:
    raw, version, _, rewrite = iis_sites.VARIANTS[name]
    _proven(Site.model_validate(raw), version, rewrite=rewrite)


@pytest.mark.parametrize("rewrite", [True, False], ids=["rewrite", "no rewrite"])
@pytest.mark.parametrize("version", WINDOWS)
def test_every_windows_installs_with_and_without_url_rewrite(version: str, rewrite: bool) -> None:
    _proven(variant("static", locations=iis_sites.STATIC["locations"]), version, rewrite=rewrite)


@pytest.mark.parametrize("version", ["2016", "2022"])
def test_without_url_rewrite_another_port_installs_too(version: str) -> None:
    site = variant("static", locations=iis_sites.STATIC["locations"], public_url="https://ota.example.com:8443")
    _proven(site, version, rewrite=False)


@pytest.mark.parametrize(
    "name", ["proxied", "static behind a TLS-terminating proxy", "proxied behind a TLS-terminating proxy"]
)
def test_what_needs_url_rewrite_is_refused_without_it(name: str) -> None:
    with pytest.raises(UsageError, match="on IIS this needs URL Rewrite"):
        _proven(site_of(name), "2022", rewrite=False)


def test_names_with_a_plus_and_with_blanks_and_several_locations_are_walked() -> None:
    report = verify(Trial("iis", variant("static")), EmulatorEngine(), lambda _: None)
    assert failed(report) == []
    said = as_text(Report((report,)))
    assert "App+Debug.ipa" in said
    assert "My%20App.ipa" in said


def test_a_green_report_says_that_no_iis_took_part() -> None:
    report = verify(Trial("iis", variant("modern")), EmulatorEngine(), lambda _: None)
    said = " ".join(as_text(Report((report,))).split())
    assert LEVELS["L1"].line in said
    assert "no IIS, no Windows and no Schannel took part" in said
    assert "verified on IIS" not in said


def test_iis_is_never_left_running_by_verify() -> None:
    with pytest.raises(UsageError, match="ends with this process"):
        verify(Trial("iis", variant("modern"), keep=True), EmulatorEngine(), lambda _: None)


def test_the_site_of_an_engine_keeps_its_ports_because_they_decide_what_is_rendered() -> None:
    site = variant("static")
    moved = EmulatorEngine().prepare("iis", site).site
    assert (moved.listen.http, moved.https_port) == (site.listen.http, site.https_port)
    assert [place.root for place in moved.static] != [place.root for place in site.static]


@pytest.mark.parametrize("name", _OWN)
def test_every_golden_rendering_passes_the_schema_with_what_setup_adds(name: str, tmp_path: Path) -> None:
    raw, version, scope, rewrite = iis_sites.VARIANTS[name]
    site, caps = Site.model_validate(raw), resolve("iis", version)
    plan = plan_of(site, caps, scope, rewrite_module=rewrite)
    for place in site_names(plan):
        root = tmp_path / place
        root.mkdir()
        if place == plan.name:
            (root / "web.config").write_text(iis_sites.variant(name).files[0].text, encoding="utf-8")
        overlay = tmp_path / f"{place}.config"
        overlay.write_text(apphost(plan, place, lambda path: path), encoding="utf-8")
        without = frozenset() if rewrite else frozenset({"rewrite", "arr"})
        configuration = Configuration.load(root, overlay, without_modules=without, windows=version)
        assert configuration.problems() == ()
        assert configuration.doubts() == ()
        assert configuration.unmodelled() == ()
