"""setup.ps1 and undo.ps1 executed against an in-memory model of Windows and its applicationHost.config (tests/powershell_model).

The model follows documentation; it is not IIS. What it shows is the scripts' own logic: look first, record, write, take back.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from ota_proxy import __version__
from ota_proxy.harness.emulator.apphost import apphost
from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.iis.render import plan_of
from ota_proxy.site import Site
from tests.powershell_model import Machine, PsError, run_script
from tests.powershell_model.iis_config import LOCKED
from tests.powershell_model.servers import MODULE, OTHER_THUMBPRINT, PFX, THUMBPRINT, unordered, used
from tests.support import iis_sites as iis
from tests.support.golden import assert_golden
from tests.support.iis_setup import NAMES, server, setup, undo


@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_server_gets_the_configuration_of_its_golden_file(name: str) -> None:
    on = server(name)
    setup(on, name)
    assert_golden(f"iis/{name}/applicationHost.config", on.state()["applicationHost.config"] + "\n")
    root = on.files.get("C:\\srv\\ota\\web.config", on.files.get("C:\\inetpub\\ota-proxy\\ota.example.com\\web.config"))
    assert root == iis.variant(name).files[0].text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("others", [False, True])
def test_a_second_run_writes_nothing(name: str, others: bool) -> None:
    on = server(name)
    if others:
        used(on)
    setup(on, name)
    assert on.writes
    after = on.state()
    setup(on, name)
    assert on.writes == []
    setup(on, name, PfxPath="", Schannel=False)
    assert on.writes == []
    assert on.state() == after


@pytest.mark.parametrize("name", NAMES)
def test_undo_takes_a_fresh_server_back_exactly(name: str) -> None:
    on = server(name)
    before = on.state()
    setup(on, name)
    assert on.state() != before
    undo(on, name)
    assert on.state() == before
    assert on.warnings == []
    undo(on, name)
    assert (on.writes, on.state()) == ([], before)
    assert "nothing to undo" in on.warnings[0]


@pytest.mark.parametrize("name", NAMES)
def test_undo_gives_back_what_others_had_set_before(name: str) -> None:
    on = server(name)
    used(on)
    before = on.state()
    setup(on, name)
    changed = on.state()
    assert changed["applicationHost.config"] != before["applicationHost.config"]
    undo(on, name)
    assert on.warnings == []
    assert unordered(on.state()) == unordered(before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("others", [False, True])
def test_whatif_announces_and_writes_nothing(name: str, others: bool) -> None:
    on = server(name)
    if others:
        used(on)
    before = on.state()
    setup(on, name, what_if=True)
    assert on.planned
    assert (on.writes, on.state()) == ([], before)
    announced = list(on.planned)
    setup(on, name)
    assert set(announced) >= set(on.done)
    too_much = set(announced) - set(on.done)
    assert all(what.endswith("to 'False'") for what in too_much), "only what a new element has by default anyway"
    after = on.state()
    undo(on, name, what_if=True)
    assert on.planned
    assert (on.writes, on.state()) == ([], after)


def test_what_somebody_changed_since_is_left_alone_with_a_warning() -> None:
    on = server("proxied-2022")
    setup(on, "proxied-2022")
    path = "C:\\inetpub\\ota-proxy\\ota.example.com\\web.config"
    on.files[path] = on.files[path].replace("no-store", "no-cache")
    on.server.section("system.webServer/proxy").attribute("preserveHostHeader").set(False)
    on.server.section("system.webServer/httpLogging", "ota.example.com").attribute("dontLog").set(True)
    undo(on, "proxied-2022")
    assert path in on.files
    said = "\n".join(on.warnings)
    assert f"{path} was changed since" in said
    assert "The location ota.example.com holds settings of others and stays" in said
    assert on.server.section("system.webServer/httpLogging", "ota.example.com").attribute("dontLog").value is True


def test_a_certificate_in_the_store_is_used_as_it_is_and_never_removed() -> None:
    on = server("static-2022")
    spaced = " ".join(OTHER_THUMBPRINT[i : i + 2].lower() for i in range(0, 40, 2))
    setup(on, "static-2022", PfxPath="", CertificateThumbprint=spaced)
    assert set(on.server.bound.values()) == {(OTHER_THUMBPRINT, "My")}
    undo(on, "static-2022")
    assert on.certificates == {OTHER_THUMBPRINT}


def test_a_new_certificate_replaces_the_old_one_and_undo_gives_both_back_in_turn() -> None:
    on = server("several-2025")
    before = on.state()
    setup(on, "several-2025", PfxPath="", CertificateThumbprint=OTHER_THUMBPRINT)
    setup(on, "several-2025")
    assert set(on.server.bound.values()) == {(THUMBPRINT, "My")}
    undo(on, "several-2025")
    assert on.state() == before


def test_a_changed_rendering_is_set_up_over_the_old_one_and_undone_to_the_beginning() -> None:
    on = server("static-2022")
    before = on.state()
    setup(on, "static-2022")
    other = iis.made(iis.STATIC | {"hsts": {"max_age": 63072001}, "media_types": {".ipa": "Application/Octet-Stream"}})
    on.files["C:\\ota\\web.config"] = other.files[0].text
    run_script(on, iis.script(other, "setup.ps1"))
    assert on.files["C:\\srv\\ota\\web.config"] == other.files[0].text
    run_script(on, iis.script(other, "undo.ps1"))
    on.files["C:\\ota\\web.config"] = iis.variant("static-2022").files[0].text
    assert on.state() == before


def test_a_web_config_of_others_stops_before_anything_is_changed_in_iis() -> None:
    on = server("static-2022")
    on.make_folder("C:\\srv\\ota")
    on.files["C:\\srv\\ota\\Web.config"] = "<configuration />"
    before = on.state()
    with pytest.raises(PsError, match="was not made by ota-proxy: move it away"):
        setup(on, "static-2022")
    undo(on, "static-2022")
    assert on.state() == before


def test_a_web_config_that_differs_in_case_only_is_written() -> None:
    on = server("static-2022")
    setup(on, "static-2022")
    on.files["C:\\ota\\web.config"] = on.files["C:\\ota\\web.config"].replace("nosniff", "NOSNIFF")
    setup(on, "static-2022")
    assert "NOSNIFF" in on.files["C:\\srv\\ota\\web.config"]


def test_a_locked_section_stops_the_run_and_nothing_is_committed() -> None:
    on = server("several-2025")
    on.server.locked.add("system.webServer/security/ipSecurity")
    before = on.state()["applicationHost.config"]
    with pytest.raises(PsError) as stopped:
        setup(on, "several-2025")
    assert stopped.value.message == LOCKED
    assert on.state()["applicationHost.config"] == before
    undo(on, "several-2025")


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (
            "static-2022",
            {"rewrite": ""},
            "IIS has no RewriteModule here, which this site needs: install URL Rewrite 2.1",
        ),
        ("static-2022", {"rewrite": "2.0"}, "URL Rewrite is older than 2.1"),
        ("proxied-2022", {"arr": False}, "IIS has no ApplicationRequestRouting here"),
        ("static-2022", {"windows": "2016"}, "This Windows is older than version 1709"),
    ],
)
def test_what_the_server_lacks_is_said_before_anything_is_written(name: str, change: dict[str, Any], says: str) -> None:
    on = server(name, **change)
    with pytest.raises(PsError, match=re.escape(says)):
        setup(on, name)
    assert on.writes == []


def test_a_binding_without_a_certificate_is_refused_and_taken_back() -> None:
    on = server("static-2022")
    before = on.state()
    with pytest.raises(PsError, match="needs a certificate: give -CertificateThumbprint or -PfxPath"):
        setup(on, "static-2022", PfxPath="")
    undo(on, "static-2022")
    assert on.state() == before


def test_a_binding_that_another_site_has_already_is_named_before_anything_is_written() -> None:
    on = server("static-2022")
    used(on)
    other = iis.made(iis.STATIC | {"domains": ["builds.example.com", "ota.example.com"]})
    with pytest.raises(
        PsError, match=r"The site 'ota\.example\.com' has the binding https \*:443:ota\.example\.com already: remove it"
    ):
        run_script(on, iis.script(other, "setup.ps1"), PfxPath=PFX)
    assert on.writes == []


def test_acme_challenges_stay_on_http_from_the_first_run_on() -> None:
    on = server("static-2019-no-rewrite")
    setup(on, "static-2019-no-rewrite")
    place = "ota.example.com http"
    redirect = "system.webServer/httpRedirect"
    assert on.server.section(redirect, place).attribute("enabled").value is True
    assert on.server.section(redirect, f"{place}/.well-known/acme-challenge").attribute("enabled").value is False


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("if (($was -eq [string]$Value) -and ($element.IsLocallyStored -or -not $Here)) { return }", ""),
        ("    if ($old -ceq $new) { return }\n", ""),
        ("if (($null -ne $old) -and ($old -eq $Value)) { return }", ""),
    ],
)
def test_a_script_that_does_not_look_first_is_noticed_by_the_count_of_writes(wrong: str, right: str) -> None:
    on = server("static-2022")
    assert wrong in on.files[MODULE]
    on.files[MODULE] = on.files[MODULE].replace(wrong, right)
    for _ in range(2):
        setup(on, "static-2022")
    assert on.writes


def test_a_script_that_keeps_no_records_is_noticed_by_the_state_after_undo() -> None:
    on = server("static-2022")
    before = on.state()
    assert "[void]$OtaRecords.Add($Record)" in on.files[MODULE]
    on.files[MODULE] = on.files[MODULE].replace("[void]$OtaRecords.Add($Record)", "")
    setup(on, "static-2022")
    undo(on, "static-2022")
    assert on.state() != before


@pytest.mark.parametrize("file", ["setup.ps1", "undo.ps1"])
@pytest.mark.parametrize(
    ("module", "says"),
    [
        (None, "OtaProxy.psm1 is missing in C:\\ota: copy the whole folder that 'ota-proxy render iis -o' wrote"),
        (
            "",
            f"OtaProxy.psm1 in C:\\ota is not of ota-proxy {__version__}, which made this script: copy the whole folder",
        ),
        ("# Made by ota-proxy 99.0: functions.\nfunction Start-OtaRun { }\n", "is not of ota-proxy"),
        (f"<# Made by ota-proxy {__version__}: functions. #>\nthrow 'ran'\n", "is not of ota-proxy"),
    ],
)
def test_a_module_that_is_missing_or_of_another_version_stops_before_it_runs(
    file: str, module: str | None, says: str
) -> None:
    on = server("static-2022")
    del on.files[MODULE]
    if module is not None:
        on.files[MODULE] = module
    before = on.state()
    with pytest.raises(PsError, match=re.escape(says)):
        run_script(on, iis.script(iis.variant("static-2022"), file))
    assert on.state() == before


def test_a_module_from_an_editor_with_another_line_end_and_a_byte_order_mark_is_the_same_module() -> None:
    on = server("static-2022")
    on.files[MODULE] = "\ufeff" + on.files[MODULE].replace("\n", "\r\n")
    setup(on, "static-2022")
    undo(on, "static-2022")
    assert on.warnings == []


def test_a_folder_whose_name_is_a_pattern_is_a_folder_like_another() -> None:
    on = server("static-2022")
    for path in list(on.files):
        on.files[path.replace("C:\\ota\\", "C:\\ota [1]\\")] = on.files.pop(path)
    script = iis.script(iis.variant("static-2022"), "setup.ps1")
    run_script(on, script, folder="C:\\ota [1]", PfxPath=PFX)
    assert on.writes


def test_a_script_that_keeps_whatif_to_itself_is_noticed_because_a_module_does_not_see_it() -> None:
    on = server("static-2022")
    script = iis.script(iis.variant("static-2022"), "setup.ps1")
    assert "WhatIf = $WhatIfPreference" in script
    run_script(on, script.replace("WhatIf = $WhatIfPreference", "WhatIf = $false"), what_if=True, PfxPath=PFX)
    assert on.writes


@pytest.mark.parametrize("name", NAMES)
def test_the_model_and_the_emulator_of_verify_read_the_same_commands_alike(name: str) -> None:
    """`verify iis` carries out the commands of setup.ps1 by itself (harness/emulator/apphost.py); here PowerShell does, line by line."""
    raw, version, scope, rewrite = iis.VARIANTS[name]
    plan = plan_of(Site.model_validate(raw), resolve("iis", version), scope, rewrite_module=rewrite)
    on = server(name)
    setup(on, name)
    done = flattened(ET.fromstring(on.state()["applicationHost.config"]))  # noqa: S314 - our own text
    for site in (plan.name, plan.second_site):
        if site:
            overlay = ET.fromstring(apphost(plan, site, str))  # noqa: S314 - our own text
            assert len(flattened(overlay)) >= 8
            for place, value in flattened(overlay).items():
                assert done.get(place, "false") == value, f"{place}; what is false by default need not be written"


_KEYS = ("name", "path", "protocol", "bindingInformation", "fileExtension", "ipAddress", "subnetMask")


def flattened(root: ET.Element, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    """Return every attribute's value by the elements it stands in, each with its key; a site's number is the machine's own."""
    found: dict[tuple[str, ...], str] = {}
    for one in root:
        if one.tag == "globalModules":
            continue  # what a machine has installed
        here = (*above, one.tag, *(f"{key}={one.get(key)}" for key in _KEYS if one.get(key) is not None))
        found |= {(*here, name): value for name, value in one.attrib.items() if name not in _KEYS and name != "id"}
        found |= {(*here, ""): "here"} if any(one.get(key) is not None for key in _KEYS) else {}
        found |= flattened(one, here)
    return found


NAMED = iis.STATIC | {
    "domains": ["ota.example.com", "*.builds.example.com", "b.example.org"],
    "certificates": [
        {"cert": "/etc/ssl/a.pem", "key": "/etc/ssl/a.key", "domains": ["ota.example.com", "b.example.org"]},
        {"cert": "/etc/ssl/b.pem", "key": "/etc/ssl/b.key", "domains": ["*.builds.example.com"]},
    ],
}


def named(on: Machine, file: str = "setup.ps1", **given: Any) -> None:  # noqa: ANN401 - parameters of the script
    run_script(on, iis.script(iis.made(NAMED), file), **given)


def test_each_name_is_bound_with_the_certificate_that_is_for_it() -> None:
    on = server("static-2022")
    on.certificates.add(THUMBPRINT)
    before = on.state()
    named(on, CertificateThumbprint=[THUMBPRINT, OTHER_THUMBPRINT])
    bound = {place: thumbprint for place, (thumbprint, _) in on.server.bound.items()}
    assert bound == {
        "ota.example.com:443": THUMBPRINT,
        "*.builds.example.com:443": OTHER_THUMBPRINT,
        "b.example.org:443": THUMBPRINT,
    }
    named(on, CertificateThumbprint=[THUMBPRINT, OTHER_THUMBPRINT])
    assert on.writes == []
    named(on)
    assert on.writes == []
    named(on, "undo.ps1")
    assert on.state() == before


def test_certificates_are_imported_one_for_each_set_of_names() -> None:
    on = server("static-2022")
    on.pfx["C:\\certs\\second.pfx"] = "C3" * 20
    named(on, PfxPath=[PFX, "C:\\certs\\second.pfx"])
    assert sorted(thumbprint for thumbprint, _ in on.server.bound.values()) == [THUMBPRINT, THUMBPRINT, "C3" * 20]


@pytest.mark.parametrize("given", [{"PfxPath": [PFX]}, {"CertificateThumbprint": [THUMBPRINT] * 3}])
def test_fewer_or_more_certificates_than_names_are_refused_before_anything_is_written(given: dict[str, Any]) -> None:
    on = server("static-2022")
    with pytest.raises(PsError, match="The number of certificates for this site is 2: give all of them"):
        named(on, **given)
    assert on.writes == []


def test_without_any_certificate_the_binding_says_what_it_needs() -> None:
    with pytest.raises(PsError, match="needs a certificate: give -CertificateThumbprint or -PfxPath"):
        named(server("static-2022"))
