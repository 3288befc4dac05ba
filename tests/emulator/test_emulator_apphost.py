"""What the emulator reads as applicationHost.config is what setup.ps1 makes of it: the golden files are from running the script itself."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from ota_proxy.harness.emulator.apphost import apphost, asserted, site_names
from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.iis.plan import Plan
from ota_proxy.servers.iis.quote import ps_call
from ota_proxy.servers.iis.render import plan_of
from ota_proxy.site import Site
from tests.support import iis_sites

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "iis"
NAMES = [name for name in iis_sites.NAMES if iis_sites.VARIANTS[name][2] != "snippet"]
_KEYS = ("name", "path", "bindingInformation", "fileExtension", "ipAddress")
_MADE_BY_WINDOWS = ("certificateHash", "certificateStoreName", "id")
"""What depends on the machine: the certificate and the number of the site."""


def plan(name: str) -> Plan:
    raw, version, scope, rewrite = iis_sites.VARIANTS[name]
    return plan_of(Site.model_validate(raw), resolve("iis", version), scope, rewrite_module=rewrite)


def settings(element: ET.Element, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (place, attribute, value) of everything that is set; entries by their keys."""
    for child in element:
        key = "|".join(child.get(key, "") for key in _KEYS)
        place = f"{path}/{child.tag}[{key}]"
        yield (place, "", "")
        yield from ((place, name, value) for name, value in child.attrib.items() if name not in _MADE_BY_WINDOWS)
        yield from settings(child, place)


def server_level(text: str) -> set[tuple[str, str, str]]:
    return set(settings(ET.fromstring(text)))  # noqa: S314 - our own text


@pytest.mark.parametrize("name", NAMES)
def test_everything_the_emulator_is_given_is_what_setup_makes(name: str) -> None:
    made = plan(name)
    whole = server_level((GOLDEN / name / "applicationHost.config").read_text(encoding="utf-8"))
    for site in site_names(made):
        given = server_level(apphost(made, site, lambda path: path))
        assert {one for one in given - whole if one[2] != "false"} == set()  # it leaves out what is so by default
        assert len(given) > 10


@pytest.mark.parametrize("name", NAMES)
def test_no_setting_of_setup_is_lost_on_the_way_to_the_emulator(name: str) -> None:
    made = plan(name)
    whole = server_level((GOLDEN / name / "applicationHost.config").read_text(encoding="utf-8"))
    given = set().union(*(server_level(apphost(made, site, lambda path: path)) for site in site_names(made)))
    ours = {one for one in whole if made.site.domain in one[0]}
    assert ours - given == set()


def test_a_site_without_url_rewrite_is_two_sites_and_needs_no_rewrite() -> None:
    made = plan("static-2019-no-rewrite")
    assert site_names(made) == ("ota.example.com", "ota.example.com http")
    assert "RewriteModule" not in asserted(made)
    assert "HttpRedirectionModule" in asserted(made)


def test_a_command_that_nobody_carries_out_is_an_error_and_no_gap() -> None:
    from ota_proxy.harness.emulator.apphost import _Server  # noqa: PLC0415 - the one place where a new command would be missed

    with pytest.raises(ValueError, match="that the emulator does not know: Set-OtaMoon"):
        _Server(str).carry_out(ps_call("Set-OtaMoon", Phase="full"))
