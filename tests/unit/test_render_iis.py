"""The files of an IIS rendering: golden ones, and a web.config that keeps to the schema and to what is delegated."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from ota_proxy.files.output import Change
from ota_proxy.policy.media_types import ota_types
from tests.support import iis_sites as iis
from tests.support.golden import assert_golden

READ = ("static-2022", "static-2016", "static-2019-no-rewrite", "several-2025", "snippet-2022")
"""One rendering for each Windows and scope whose text differs, the one with everything among them: here the text itself is the promise."""


@pytest.mark.parametrize("name", READ)
def test_what_an_administrator_reads_is_the_golden_file(name: str) -> None:
    for file in iis.variant(name).files:
        if file.name in ("web.config", "setup.ps1") or (name, file.name) == ("static-2022", "undo.ps1"):
            assert_golden(f"iis/{name}/{file.name}", file.text)


@pytest.mark.parametrize("name", [name for name in iis.NAMES if name not in READ])
def test_the_elements_of_every_other_web_config_are_those_of_its_golden_file(name: str) -> None:
    root = iis.xml(iis.variant(name))
    ET.indent(root)
    assert_golden(f"iis/{name}/web.tree.xml", ET.tostring(root, encoding="unicode") + "\n")


@pytest.mark.parametrize("name", [name for name in iis.NAMES if "snippet" not in name])
def test_undo_is_the_same_script_for_every_site_but_for_its_name(name: str) -> None:
    def below(variant: str) -> str:
        return iis.script(iis.variant(variant), "undo.ps1").partition("\n\n")[2]

    assert below(name) == below("static-2022")


@pytest.mark.parametrize(("file", "most"), [("setup.ps1", 110), ("undo.ps1", 40)])
def test_the_scripts_of_a_plain_site_are_read_on_two_pages(file: str, most: int) -> None:
    code = iis.script(iis.variant("static-2022"), file).partition("\n\n")[2]
    assert 20 < len(code.splitlines()) <= most


@pytest.mark.parametrize("name", iis.NAMES)
def test_the_same_site_gives_the_same_bytes_without_carriage_returns(name: str) -> None:
    raw, version, scope, rewrite = iis.VARIANTS[name]
    again = iis.made(raw, version, scope, rewrite=rewrite)
    assert again == iis.variant(name)
    assert all("\r" not in file.text and file.text.endswith("\n") for file in again.files)


def test_a_snippet_is_web_config_alone_and_a_site_has_scripts_and_their_module_with_web_config_first() -> None:
    assert [file.name for file in iis.variant("snippet-2022").files] == ["web.config"]
    names = [file.name for file in iis.variant("static-2022").files]
    assert names == ["web.config", "setup.ps1", "undo.ps1", "OtaProxy.psm1"]


@pytest.mark.parametrize("name", iis.NAMES)
def test_every_file_is_known_as_ours_from_its_first_lines(name: str) -> None:
    from pathlib import Path  # noqa: PLC0415 - used here only

    assert all(Change(Path(file.name), "", file.text).ours for file in iis.variant(name).files)


@pytest.mark.parametrize("name", iis.NAMES)
def test_web_config_holds_delegated_sections_only(name: str) -> None:
    locked = {"access", "handlers", "modules", "serverRuntime", "ipSecurity", "authentication", "webSocket", "proxy"}
    locked |= {"allowedServerVariables", "globalRules", "hsts", "applicationPools", "sites", "globalModules"}
    assert not locked & {element.tag for element in iis.xml(iis.variant(name)).iter()}


# Source: the reference of system.webServer (MicrosoftDocs/iis-docs), of URL Rewrite 2.0, and 2.1's useOriginalURLEncoding.
_BOOL = {"true", "false"}
_SCHEMA: dict[str, dict[str, set[str] | None]] = {
    "configuration": {},
    "location": {"path": None},
    "system.webServer": {},
    "security": {},
    "directoryBrowse": {"enabled": _BOOL},
    "requestLimits": {"maxAllowedContentLength": None},
    "defaultDocument": {"enabled": _BOOL},
    "urlCompression": {"doStaticCompression": _BOOL, "doDynamicCompression": _BOOL},
    "staticContent": {},
    "clientCache": {
        "cacheControlMode": {"NoControl", "DisableCache", "UseMaxAge", "UseExpires"},
        "cacheControlCustom": None,
        "setEtag": _BOOL,
    },
    "mimeMap": {"fileExtension": None, "mimeType": None},
    "httpProtocol": {},
    "customHeaders": {},
    "httpErrors": {
        "errorMode": {"DetailedLocalOnly", "Custom", "Detailed"},
        "existingResponse": {"Auto", "Replace", "PassThrough"},
    },
    "requestFiltering": {"allowDoubleEscaping": _BOOL, "removeServerHeader": _BOOL},
    "verbs": {"allowUnlisted": _BOOL},
    "clear": {},
    "error": {
        "statusCode": None,
        "subStatusCode": None,
        "prefixLanguageFilePath": {""},
        "path": None,
        "responseMode": {"File", "ExecuteURL", "Redirect"},
    },
    "remove": {"name": None, "fileExtension": None, "statusCode": None, "subStatusCode": None},
    "add": {
        "name": None,
        "value": None,
        "verb": None,
        "allowed": _BOOL,
        "input": None,
        "pattern": None,
        "negate": _BOOL,
    },
    "rewrite": {},
    "rules": {"useOriginalURLEncoding": _BOOL},
    "outboundRules": {},
    "preConditions": {},
    "preCondition": {"name": None},
    "rule": {"name": None, "stopProcessing": _BOOL, "preCondition": None},
    "match": {"url": None, "negate": _BOOL, "serverVariable": None, "pattern": None},
    "conditions": {"logicalGrouping": {"MatchAll", "MatchAny"}},
    "serverVariables": {},
    "set": {"name": None, "value": None},
    "action": {
        "type": {"None", "Rewrite", "Redirect", "CustomResponse", "AbortRequest"},
        "url": None,
        "value": None,
        "appendQueryString": _BOOL,
        "redirectType": {"Permanent", "Found", "SeeOther", "Temporary"},
        "statusCode": None,
        "statusReason": None,
        "statusDescription": None,
    },
}


@pytest.mark.parametrize("name", iis.NAMES)
def test_names_and_values_are_spelt_as_the_schema_spells_them(name: str) -> None:
    for element in iis.xml(iis.variant(name)).iter():
        known = _SCHEMA[element.tag]
        for attribute, value in element.attrib.items():
            allowed = known[attribute]
            assert allowed is None or value in allowed, (element.tag, attribute, value)


@pytest.mark.parametrize("name", iis.NAMES)
def test_no_section_is_set_twice_for_one_path(name: str) -> None:
    root = iis.xml(iis.variant(name))
    paths = ["." if element.tag == "system.webServer" else element.get("path", "") for element in root]
    assert len(paths) == len({path.lower() for path in paths})


@pytest.mark.parametrize("name", iis.NAMES)
def test_every_entry_with_a_key_is_removed_before_it_is_added(name: str) -> None:
    keys = {"mimeMap": "fileExtension", "add": "name", "rule": "name", "preCondition": "name"}
    for parent in iis.xml(iis.variant(name)).iter():
        before = list(parent)
        for place, child in enumerate(before):
            key = keys.get(child.tag, "")
            if key in child.attrib:
                assert before[place - 1].tag == "remove"
                assert before[place - 1].attrib == {key: child.attrib[key]}


@pytest.mark.parametrize("name", iis.NAMES)
def test_hsts_is_never_a_custom_header_and_there_is_one_way_it_is_sent(name: str) -> None:
    rendered = iis.variant(name)
    headers = [entry.get("name", "").lower() for entry in iis.xml(rendered).iter("add")]
    assert "strict-transport-security" not in headers
    by_rule = "RESPONSE_Strict_Transport_Security" in rendered.files[0].text
    native = any("Set-OtaHsts -Site" in file.text for file in rendered.files if file.name == "setup.ps1")
    assert by_rule + native == (name != "offloaded-2022")


def test_hsts_is_native_from_windows_2019_on_port_443_and_a_rule_on_https_elsewhere() -> None:
    assert "Set-OtaHsts -Site $Site -MaxAge 63072000" in iis.script(iis.made(iis.STATIC, "2019"), "setup.ps1")
    for rendered in (
        iis.variant("static-2016"),
        iis.made(iis.STATIC, "2019", listen={"https": 8443}),
        iis.variant("several-2025"),
        iis.variant("snippet-2022"),
    ):
        condition = iis.xml(rendered).find(".//preCondition[@name='ota-proxy hsts']/add")
        assert condition is not None
        assert condition.attrib == {"input": "{HTTPS}", "pattern": "^on$"}


def test_a_snippet_without_a_way_to_send_hsts_says_so() -> None:
    assert "is not sent" in iis.texts(iis.made(iis.STATIC, "2016", "snippet", rewrite=False), "cannot-enforce")
    assert "is not sent" not in iis.texts(iis.variant("static-2019-no-rewrite"), "cannot-enforce")


@pytest.mark.parametrize(
    ("version", "more"), [("2016", {}), ("2022", {"public_url": "https://ota.example.com:8443"})], ids=str
)
def test_without_url_rewrite_and_native_hsts_the_header_stands_on_the_site_that_only_speaks_https(
    version: str, more: dict[str, Any]
) -> None:
    rendered = iis.made(iis.STATIC, version, rewrite=False, **more)
    headers = {entry.get("name"): entry.get("value") for entry in iis.xml(rendered).iter("add") if entry.get("value")}
    assert headers["Strict-Transport-Security"] == "max-age=63072000"
    script = iis.script(rendered, "setup.ps1")
    assert "$HttpSite = 'ota.example.com http'" in script
    assert "$HttpBindings = @('*:80:ota.example.com')" in script
    assert "Add-OtaHttpBinding -Site $HttpSite -Bindings $HttpBindings" in script


@pytest.mark.parametrize("name", [name for name in iis.NAMES if "several" not in name])
def test_every_extension_of_the_ota_set_has_its_type(name: str) -> None:
    types = {entry.get("fileExtension"): entry.get("mimeType") for entry in iis.xml(iis.variant(name)).iter("mimeMap")}
    assert types == ota_types()


def test_the_owners_types_replace_and_extend_the_set() -> None:
    types = {
        entry.get("fileExtension"): entry.get("mimeType")
        for entry in iis.xml(iis.variant("several-2025")).iter("mimeMap")
    }
    assert types[".ipa"] == "application/x-itunes-ipa"
    assert types[".7z"] == "application/x-7z-compressed"
    assert types[".plist"] == "text/xml"


def test_a_location_is_titled_by_its_path_however_it_is_written() -> None:
    path = "/a--b ö/"
    rendered = iis.made(
        iis.STATIC | {"locations": [*iis.STATIC["locations"], {"path": path, "upstream": "http://127.0.0.1:8080"}]}
    )
    assert iis.xml(rendered).find("location") is not None
    assert "| An application below /a-\\-b ?/" in rendered.files[0].text
