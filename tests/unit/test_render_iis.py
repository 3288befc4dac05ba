"""What the IIS renderer promises: golden files for the variants, and the documented behaviour of what stands in them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import tree_sitter
import tree_sitter_powershell

from ota_proxy.errors import UsageError
from ota_proxy.model import Site
from ota_proxy.policy.capabilities import resolve
from ota_proxy.policy.guideline import HSTS_MINIMUM_AGE, profile
from ota_proxy.policy.media_types import ota_types
from ota_proxy.policy.schannel import suite_names
from ota_proxy.render.iis import render
from ota_proxy.render.output import Change
from ota_proxy.render.result import Rendered, Scope
from tests.golden import assert_golden
from tests.powershell import read

_CERTIFICATE = {"cert": "/etc/ssl/ota.pem", "key": "/etc/ssl/ota.key"}
_STATIC: dict[str, Any] = {
    "domains": ["ota.example.com"],
    "locations": [{"path": "/", "root": "/srv/ota"}],
    "certificates": [_CERTIFICATE],
}
_PROXIED = _STATIC | {
    "locations": [{"path": "/", "upstream": "http://127.0.0.1:8080"}, {"path": "/ota/", "root": "D:/builds"}]
}
_SEVERAL = _STATIC | {
    "domains": ["ota.example.com", "*.builds.example.com"],
    "public_url": "https://ota.example.com:8443",
    "locations": [
        {"path": "/", "root": "/srv/ota"},
        {"path": "/team-1/", "root": "/srv/team's builds"},
        {"path": "/api/", "upstream": "https://app.example.net", "upstream_ca": "/etc/ssl/own-ca.pem"},
        {"path": "/api/files/", "root": "/srv/files"},
    ],
    "certificates": [_CERTIFICATE, {"cert": "/etc/ssl/ecdsa.pem", "key": "/etc/ssl/ecdsa.key"}],
    "access": {"allow": ["10.0.0.0/8", "192.0.2.0/24"], "deny": ["10.66.0.0/16"]},
    "cache": {"packages": "immutable"},
    "media_types": {".ipa": "application/x-itunes-ipa", ".7z": "application/x-7z-compressed"},
    "listen": {"addresses": ["192.0.2.10", "2001:db8::10"]},
    "http2": False,
    "log": {"access": False},
}
_OFFLOADED = _STATIC | {
    "certificates": [],
    "tls": {"offloaded": True},
    "trusted_proxies": ["10.1.0.0/20", "2001:db8::5"],
    "listen": {"http": 8080},
}
_VARIANTS: dict[str, tuple[dict[str, Any], str, Scope, bool]] = {
    "static-2022": (_STATIC, "2022", "site", True),
    "static-2016": (_STATIC, "2016", "site", True),
    "static-2019-no-rewrite": (_STATIC, "2019", "site", False),
    "modern-2025": (_STATIC | {"tls": {"profile": "modern"}}, "2025", "full", True),
    "proxied-2022": (_PROXIED, "2022", "site", True),
    "several-2025": (_SEVERAL, "2025", "site", True),
    "offloaded-2022": (_OFFLOADED, "2022", "site", True),
    "snippet-2022": (_STATIC, "2022", "snippet", True),
}
_NAMES = sorted(_VARIANTS)


@cache
def _variant(name: str) -> Rendered:
    raw, version, scope, rewrite = _VARIANTS[name]
    return _render(raw, version, scope, rewrite=rewrite)


def _render(
    raw: dict[str, Any], version: str = "2022", scope: Scope = "site", *, rewrite: bool = True, **more: object
) -> Rendered:
    site = Site.model_validate(raw | more)
    return render(site, resolve("iis", version), scope, "ota-proxy render iis", rewrite_module=rewrite)


def _xml(rendered: Rendered) -> ET.Element:
    return ET.fromstring(rendered.files[0].text)  # noqa: S314 - our own text


def _texts(rendered: Rendered, kind: str) -> str:
    return "\n".join(note.text for note in rendered.notes if note.kind == kind)


def _script(rendered: Rendered, name: str) -> str:
    return next(file.text for file in rendered.files if file.name == name)


def _tree(text: str) -> tree_sitter.Node:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    return parser.parse(text.encode()).root_node


def _nodes(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def decide(rendered: Rendered, target: str, path: str, **variables: str) -> dict[str, str]:
    """Walk the inbound rules as documented for `target` (path and query as sent) and its decoded path; the action that ends it."""
    values = {"HTTPS": "on", "HTTP_HOST": "ota.example.com", "REMOTE_ADDR": "198.51.100.9", "UNENCODED_URL": target}
    values |= variables

    def holds(test: ET.Element, text: str, pattern: str) -> bool:
        found = re.search(test.get(pattern, ""), text, re.IGNORECASE) is not None
        return found != (test.get("negate") == "true")

    for rule in _xml(rendered).iter("rule"):
        match, action, conditions = rule.find("match"), rule.find("action"), rule.find("conditions")
        if match is None or action is None or "url" not in match.attrib or not holds(match, path, "url"):
            continue
        tests = [] if conditions is None else list(conditions)
        results = [holds(test, values.get(test.get("input", "").strip("{}"), ""), "pattern") for test in tests]
        any_of = conditions is not None and conditions.get("logicalGrouping") == "MatchAny"
        if any(results) if any_of else all(results):
            url = re.sub(r"\{(\w+)\}", lambda name: values[name[1]], action.get("url", ""))
            return dict(action.attrib) | {"url": url, "rule": rule.get("name", "")}
    return {"type": "None", "rule": ""}


@pytest.mark.parametrize("name", _NAMES)
def test_each_variant_is_its_golden_file(name: str) -> None:
    for file in _variant(name).files:
        assert_golden(f"iis/{name}/{file.name}", file.text)


@pytest.mark.parametrize("name", _NAMES)
def test_the_same_site_gives_the_same_bytes_without_carriage_returns(name: str) -> None:
    raw, version, scope, rewrite = _VARIANTS[name]
    again = _render(raw, version, scope, rewrite=rewrite)
    assert again == _variant(name)
    assert all("\r" not in file.text and file.text.endswith("\n") for file in again.files)


def test_a_snippet_is_web_config_alone_and_a_site_has_three_files_with_web_config_first() -> None:
    assert [file.name for file in _variant("snippet-2022").files] == ["web.config"]
    assert [file.name for file in _variant("static-2022").files] == ["web.config", "setup.ps1", "undo.ps1"]


@pytest.mark.parametrize("name", _NAMES)
def test_every_file_is_known_as_ours_from_its_first_lines(name: str) -> None:
    from pathlib import Path  # noqa: PLC0415 - used here only

    assert all(Change(Path(file.name), "", file.text).ours for file in _variant(name).files)


@pytest.mark.parametrize("name", _NAMES)
def test_web_config_holds_delegated_sections_only(name: str) -> None:
    locked = {"access", "handlers", "modules", "serverRuntime", "ipSecurity", "authentication", "webSocket", "proxy"}
    locked |= {"allowedServerVariables", "globalRules", "hsts", "applicationPools", "sites", "globalModules"}
    assert not locked & {element.tag for element in _xml(_variant(name)).iter()}


# Source: the reference of system.webServer (MicrosoftDocs/iis-docs), of URL Rewrite 2.0, and 2.1's useOriginalURLEncoding.
_BOOL = {"true", "false"}
_SCHEMA: dict[str, dict[str, set[str] | None]] = {
    "configuration": {},
    "location": {"path": None},
    "system.webServer": {},
    "security": {},
    "directoryBrowse": {"enabled": _BOOL},
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
    "remove": {"name": None, "fileExtension": None},
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


@pytest.mark.parametrize("name", _NAMES)
def test_names_and_values_are_spelt_as_the_schema_spells_them(name: str) -> None:
    for element in _xml(_variant(name)).iter():
        known = _SCHEMA[element.tag]
        for attribute, value in element.attrib.items():
            allowed = known[attribute]
            assert allowed is None or value in allowed, (element.tag, attribute, value)


@pytest.mark.parametrize("name", _NAMES)
def test_no_section_is_set_twice_for_one_path(name: str) -> None:
    root = _xml(_variant(name))
    paths = ["." if element.tag == "system.webServer" else element.get("path", "") for element in root]
    assert len(paths) == len({path.lower() for path in paths})


@pytest.mark.parametrize("name", _NAMES)
def test_every_entry_with_a_key_is_removed_before_it_is_added(name: str) -> None:
    keys = {"mimeMap": "fileExtension", "add": "name", "rule": "name", "preCondition": "name"}
    for parent in _xml(_variant(name)).iter():
        before = list(parent)
        for place, child in enumerate(before):
            key = keys.get(child.tag, "")
            if key in child.attrib:
                assert before[place - 1].tag == "remove"
                assert before[place - 1].attrib == {key: child.attrib[key]}


@pytest.mark.parametrize("name", _NAMES)
def test_hsts_is_never_a_custom_header_and_there_is_one_way_it_is_sent(name: str) -> None:
    rendered = _variant(name)
    headers = [entry.get("name", "").lower() for entry in _xml(rendered).iter("add")]
    assert "strict-transport-security" not in headers
    by_rule = "RESPONSE_Strict_Transport_Security" in rendered.files[0].text
    native = any("'Child' = 'hsts'" in file.text for file in rendered.files)
    assert by_rule + native == (name != "offloaded-2022")


def test_hsts_is_native_from_windows_2019_on_port_443_and_a_rule_on_https_elsewhere() -> None:
    assert "'Child' = 'hsts'" in _script(_render(_STATIC, "2019"), "setup.ps1")
    for rendered in (
        _variant("static-2016"),
        _render(_STATIC, "2019", listen={"https": 8443}),
        _variant("several-2025"),
        _variant("snippet-2022"),
    ):
        condition = _xml(rendered).find(".//preCondition[@name='ota-proxy hsts']/add")
        assert condition is not None
        assert condition.attrib == {"input": "{HTTPS}", "pattern": "^on$"}


def test_without_a_way_to_send_hsts_that_is_said() -> None:
    assert "is not sent" in _texts(_render(_STATIC, "2016", rewrite=False), "cannot-enforce")
    assert "is not sent" not in _texts(_variant("static-2019-no-rewrite"), "cannot-enforce")


@pytest.mark.parametrize("name", [name for name in _NAMES if "several" not in name])
def test_every_extension_of_the_ota_set_has_its_type(name: str) -> None:
    types = {entry.get("fileExtension"): entry.get("mimeType") for entry in _xml(_variant(name)).iter("mimeMap")}
    assert types == ota_types()


def test_the_owners_types_replace_and_extend_the_set() -> None:
    types = {
        entry.get("fileExtension"): entry.get("mimeType") for entry in _xml(_variant("several-2025")).iter("mimeMap")
    }
    assert types[".ipa"] == "application/x-itunes-ipa"
    assert types[".7z"] == "application/x-7z-compressed"
    assert types[".plist"] == "text/xml"


@pytest.mark.parametrize("target", ["/App-1.2+45.plist?a=1&b=%2F", "/a%2Fb/x%20y.ipa", "/?", "/"])
def test_http_is_redirected_to_the_public_url_with_path_and_query_as_sent(target: str) -> None:
    action = decide(_variant("static-2022"), target, "x", HTTPS="off", HTTP_HOST="ota.example.com:80")
    assert action["type"] == "Redirect"
    assert action["url"] == f"https://ota.example.com{target}"
    assert action["appendQueryString"] == "false"
    assert action["redirectType"] == "Permanent"


def test_the_redirect_names_the_public_port_and_never_that_of_the_request() -> None:
    action = decide(_variant("several-2025"), "/x", "x", HTTPS="off", HTTP_HOST="a.builds.example.com:80")
    assert action["url"] == "https://ota.example.com:8443/x"


def test_an_acme_challenge_stays_on_http_and_reaches_no_application() -> None:
    path = ".well-known/acme-challenge/Ab_9-z"
    for name in ("static-2022", "proxied-2022"):
        action = decide(_variant(name), f"/{path}", path, HTTPS="off")
        assert action["type"] == "None"
        assert "/.well-known/acme-challenge" in read(_script(_variant(name), "setup.ps1"))[1]
    more = decide(_variant("static-2022"), f"/{path}/../x", f"{path}/x", HTTPS="off")
    assert more["type"] == "Redirect"


def test_a_request_line_with_a_whole_url_goes_nowhere() -> None:
    action = decide(_variant("proxied-2022"), "http://evil.example/x", "x")
    assert (action["type"], action["statusCode"]) == ("CustomResponse", "400")


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("ota.example.com", True),
        ("OTA.example.com:8443", True),
        ("a.builds.example.com", True),
        ("a.b.builds.example.com", False),
        ("builds.example.com", False),
        ("otaXexample.com", False),
        ("ota.example.com.evil.example", False),
        ("evil.example", False),
        ("", False),
    ],
)
def test_a_host_that_is_not_of_this_site_gets_421(host: str, served: bool) -> None:
    action = decide(_variant("several-2025"), "/x", "x", HTTP_HOST=host)
    assert (action.get("statusCode") == "421") != served


def test_unknown_hosts_ignore_leaves_strangers_to_the_bindings() -> None:
    rendered = _render(_STATIC, unknown_hosts="ignore")
    assert decide(rendered, "/x", "x", HTTP_HOST="evil.example")["type"] == "None"


def test_the_longest_prefix_decides_between_files_and_applications() -> None:
    rendered = _variant("several-2025")
    proxied = decide(rendered, "/api/a%2Fb?x=1", "api/a/b")
    assert proxied["type"] == "Rewrite"
    assert proxied["url"] == "https://app.example.net:443/api/a%2Fb?x=1"
    assert decide(rendered, "/api/files/x.ipa", "api/files/x.ipa")["type"] == "None"
    assert decide(rendered, "/apiary", "apiary")["type"] == "None"


def test_applications_learn_scheme_host_and_port_as_the_device_sees_them() -> None:
    rendered = _variant("several-2025")
    values = {entry.get("name"): entry.get("value") for entry in _xml(rendered).iter("set")}
    assert values == {
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "ota.example.com:8443",
        "HTTP_X_FORWARDED_PORT": "8443",
    }
    literals = read(_script(rendered, "setup.ps1"))[1]
    assert set(values) <= set(literals), "the server has to allow them"


def test_a_dot_file_is_not_published_but_well_known_is() -> None:
    rendered = _variant("static-2022")
    for path in (".git/config.json", "a/.hidden.plist", ".env"):
        assert decide(rendered, f"/{path}", path)["statusCode"] == "404"
    for path in (".well-known/apple-app-site-association", "a.b/c.ipa"):
        assert decide(rendered, f"/{path}", path)["type"] == "None"


@pytest.mark.parametrize(
    ("address", "scheme", "served"),
    [
        ("10.1.15.255", "https", True),
        ("2001:db8::5", "https", True),
        ("10.1.16.0", "https", False),
        ("110.1.0.1", "https", False),
        ("10.1.0.1", "http", False),
        ("10.1.0.1", "", False),
        ("198.51.100.9", "https", False),
    ],
)
def test_behind_a_tls_proxy_only_its_word_for_https_is_believed(address: str, scheme: str, served: bool) -> None:
    action = decide(
        _variant("offloaded-2022"), "/x?y", "x", HTTPS="off", REMOTE_ADDR=address, HTTP_X_FORWARDED_PROTO=scheme
    )
    assert (action["type"] == "None") == served
    assert served or action["url"] == "https://ota.example.com/x?y"


def test_behind_a_tls_proxy_there_is_one_plain_binding_and_no_certificate() -> None:
    script = _script(_variant("offloaded-2022"), "setup.ps1")
    assert "*:8080:ota.example.com" in read(script)[1]
    assert "Add-OtaTlsBinding -Site" not in script
    assert "belongs to the proxy in front" in _texts(_variant("offloaded-2022"), "info")


def test_methods_are_limited_on_files_and_only_trace_is_refused_for_applications() -> None:
    root = _xml(_variant("proxied-2022"))
    top, inner = root.find("./system.webServer//verbs"), root.find("./location[@path='ota']//verbs")
    assert top is not None
    assert inner is not None
    assert top.get("allowUnlisted") == "true"
    assert [entry.attrib for entry in top.iter("add")] == [{"verb": "TRACE", "allowed": "false"}]
    assert inner.get("allowUnlisted") == "false"
    assert {entry.get("verb") for entry in inner.iter("add")} == {"GET", "HEAD"}


def _cached(rendered: Rendered) -> dict[str, str]:
    return {
        rule.get("name", ""): next(action.get("value", "") for action in rule.iter("action"))
        for rule in _xml(rendered).iter("rule")
        if "RESPONSE_Cache_Control" in {match.get("serverVariable") for match in rule.iter("match")}
    }


def test_manifests_are_never_stored_and_packages_are_kept_only_when_their_names_are_unique() -> None:
    base = _xml(_variant("static-2022")).find(".//clientCache")
    assert base is not None
    assert base.get("cacheControlMode") == "DisableCache"
    assert _cached(_variant("static-2022")) == {"ota-proxy manifests /": "no-store"}
    kept = _cached(_render(_STATIC, cache={"packages": "immutable", "max_age": 77}))
    assert kept["ota-proxy packages /"] == "public, max-age=77, immutable"


def test_an_error_page_is_not_kept_in_the_place_of_a_package() -> None:
    rendered = _render(_STATIC, cache={"packages": "immutable"})
    tests = _xml(rendered).findall(".//preCondition[@name='ota-proxy packages /']/add")
    pattern = next(test.get("pattern", "") for test in tests if test.get("input") == "{RESPONSE_STATUS}")
    assert {code for code in range(100, 600) if re.search(pattern, str(code))} == {200, 206, 304}


def test_several_folders_share_one_set_of_rules() -> None:
    several = [{"path": "/", "root": "/srv/ota"}, {"path": "/b/", "root": "/srv/b"}]
    one, two = _render(_STATIC), _render(_STATIC | {"locations": several})
    assert [rule.attrib for rule in _xml(one).iter("rule")] == [rule.attrib for rule in _xml(two).iter("rule")]


def test_only_a_silent_application_gets_a_cache_rule_for_its_manifests() -> None:
    rule = _xml(_variant("proxied-2022")).find(".//rule[@name='ota-proxy manifests /']/match")
    assert rule is not None
    assert rule.get("pattern") == "^$"


def test_without_url_rewrite_nothing_needs_it_and_everything_is_no_store() -> None:
    rendered = _variant("static-2019-no-rewrite")
    assert _xml(rendered).find(".//rewrite") is None
    cache_rule = _xml(rendered).find(".//clientCache")
    assert cache_rule is not None
    assert cache_rule.get("cacheControlCustom") == "no-store"
    literals = read(_script(rendered, "setup.ps1"))[1]
    assert "RewriteModule" not in literals
    assert "https://ota.example.com$S$Q" in literals
    assert "PermRedirect" in literals


@pytest.mark.parametrize("raw", [_PROXIED, _OFFLOADED])
def test_what_needs_url_rewrite_is_refused_without_it(raw: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="needs URL Rewrite"):
        _render(raw, rewrite=False)


def test_a_308_that_url_rewrite_does_not_know_is_said() -> None:
    assert "308" in _texts(_variant("static-2022"), "cannot-enforce")
    assert "308" not in _texts(_render(_STATIC, redirect={"status": 301}), "cannot-enforce")
    assert "308" not in _texts(_variant("static-2019-no-rewrite"), "cannot-enforce")


def test_the_server_header_goes_where_windows_can_drop_it() -> None:
    assert "removeServerHeader" not in _variant("static-2016").files[0].text.split("-->", 1)[1]
    assert "removeServerHeader" in _texts(_variant("static-2016"), "cannot-enforce")
    assert 'removeServerHeader="true"' in _variant("static-2022").files[0].text


def test_bindings_are_by_name_for_every_domain_and_address() -> None:
    literals = read(_script(_variant("several-2025"), "setup.ps1"))[1]
    for domain in ("ota.example.com", "*.builds.example.com"):
        for address in ("192.0.2.10", "[2001:db8::10]"):
            assert f"{address}:80:{domain}" in literals
            assert f"{address}:8443:{domain}" in literals


def test_posix_folders_become_folders_of_the_system_drive() -> None:
    rendered = _variant("several-2025")
    assert r"%SystemDrive%\srv\team's builds" in read(_script(rendered, "setup.ps1"))[1]
    assert "D:\\builds" in read(_script(_variant("proxied-2022"), "setup.ps1"))[1]
    assert "is %SystemDrive%\\srv\\ota on Windows" in _texts(rendered, "info")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"locations": [{"path": "/", "root": "/srv/%TEMP%"}]}, "locations.root"),
        ({"locations": [{"path": "/", "root": "/srv/a|b"}]}, "locations.root"),
        ({"locations": [{"path": "/", "root": "/srv/a\\b"}]}, "locations.root"),
        ({"locations": [{"path": "/", "root": "/srv/aux.d/x"}]}, "locations.root"),
        ({"locations": [{"path": "/", "root": "/srv/x. /y"}]}, "locations.root"),
        ({"redirect": {"acme_root": "/srv/what?"}}, "redirect.acme_root"),
        ({"locations": [{"path": "/", "upstream": "unix:/run/app.sock"}]}, "locations.upstream"),
        (
            {"locations": [{"path": "/", "upstream": "https://10.0.0.1", "upstream_name": "app.example.net"}]},
            "locations.upstream_name",
        ),
        (
            {"locations": [{"path": "/a/", "root": "/srv/a"}, {"path": "/A/", "root": "/srv/b"}]},
            "locations.path",
        ),
        ({"locations": [{"path": "/a:b/", "root": "/srv/a"}]}, "locations.path"),
        ({"access": {"deny": ["2001:db8::/32"]}}, "access.deny"),
        ({"access": {"allow": ["10.0.0.0/8"]}, "trusted_proxies": ["10.0.0.1"]}, "access"),
    ],
)
def test_what_iis_cannot_hold_is_refused_with_its_key(change: dict[str, Any], key: str) -> None:
    with pytest.raises(UsageError) as refused:
        _render(_STATIC | change)
    assert refused.value.place == key
    assert refused.value.hint


@pytest.mark.parametrize("network", ["2001:db8::/32", "::ffff:10.0.0.1"])
def test_an_ipv6_network_of_proxies_is_refused_because_iis_has_only_text(network: str) -> None:
    with pytest.raises(UsageError, match="as text"):
        _render(_OFFLOADED | {"trusted_proxies": [network]})


def test_modern_is_refused_where_windows_has_no_tls_13() -> None:
    with pytest.raises(UsageError, match=r"no TLS 1\.3"):
        _render(_STATIC, "2019", tls={"profile": "modern"})


def test_schannel_is_touched_only_behind_its_switch() -> None:
    script = _script(_variant("static-2022"), "setup.ps1")
    before, _, behind = script.partition("if ($Schannel) {")
    assert "\nSet-OtaProtocol" not in before
    assert behind.count("Set-OtaProtocol -Name") == 5
    chosen = profile("intermediate")
    assert set(suite_names((*chosen.suites_tls13, *chosen.ciphers))) <= set(read(behind)[1])


def test_cipher_suites_get_the_names_that_windows_knows() -> None:
    assert suite_names(("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_AES_128_GCM_SHA256")) == (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_GCM_SHA256",
    )
    with pytest.raises(ValueError, match="AES128-SHA"):
        suite_names(("AES128-SHA",))


@pytest.mark.parametrize("name", [name for name in _NAMES if "snippet" not in name])
def test_the_scripts_parse_as_powershell(name: str) -> None:
    for file in _variant(name).files[1:]:
        wrong = [node.start_point for node in _nodes(_tree(file.text)) if node.is_error or node.is_missing]
        assert not wrong, f"{file.name} at {wrong}"


# Source: the module's reference on learn.microsoft.com, page "IISAdministration", and each cmdlet's page.
_DOCUMENTED = {
    "get-iisconfigsection": {"sectionpath", "commitpath", "location", "clr"},
    "get-iisconfigcollection": {"configelement", "collectionname"},
    "get-iisconfigcollectionelement": {"configcollection", "configattribute"},
    "get-iisconfigelement": {"configelement", "childelementname"},
    "get-iisconfigattributevalue": {"configelement", "attributename"},
    "set-iisconfigattributevalue": {"configelement", "attributename", "attributevalue"},
    "new-iisconfigcollectionelement": {"configcollection", "configattribute", "addat", "passthru"},
    "remove-iisconfigcollectionelement": {"configcollection", "configattribute", "confirm", "whatif"},
    "remove-iisconfigattribute": {"configelement", "attributename"},
    "new-iissitebinding": {"name", "bindinginformation", "protocol", "certificatethumbprint", "certstorelocation"}
    | {"sslflag", "force", "passthru"},
    "remove-iissitebinding": {"name", "bindinginformation", "protocol", "removeconfigonly", "confirm", "whatif"},
    "start-iiscommitdelay": set(),
    "stop-iiscommitdelay": {"commit"},
}


@pytest.mark.parametrize("script", ["setup.ps1", "undo.ps1"])
def test_iis_is_changed_by_documented_cmdlets_and_parameters_only(script: str) -> None:
    used = 0
    for node in _nodes(_tree(_script(_variant("several-2025"), script))):
        words = [child for child in _nodes(node) if child.type in ("command_name", "command_parameter")]
        if node.type != "command" or not words or b"-IIS" not in (words[0].text or b""):
            continue
        own = [
            (word.text or b"").decode().lower().lstrip("-").rstrip(":")
            for child in node.children
            for word in child.children
            if word.type == "command_parameter"
        ]
        cmdlet = (words[0].text or b"").decode().lower()
        used += 1
        assert set(own) <= _DOCUMENTED[cmdlet], cmdlet
    assert used > 5


def test_every_kind_of_record_that_setup_writes_has_its_way_back_in_undo() -> None:
    rendered = _variant("static-2022")
    written = set(re.findall(r"Kind = '(\w+)'", _script(rendered, "setup.ps1")))
    undone = set(re.findall(r"^ +'(\w+)' \{ Undo-", _script(rendered, "undo.ps1"), re.MULTILINE))
    assert written == undone


def test_every_change_in_setup_asks_first_so_that_whatif_changes_nothing() -> None:
    functions = re.split(r"^function ", _script(_variant("static-2022"), "setup.ps1"), flags=re.MULTILINE)[1:]
    recording = [text for text in functions if "$OtaRecords.Add(@{" in text]
    assert len(recording) >= 7
    for text in recording:
        assert text.index("ShouldProcess(") < text.index("$OtaRecords.Add(@{")


def test_a_path_that_is_not_ascii_gives_the_scripts_a_byte_order_mark() -> None:
    rendered = _render(_STATIC | {"locations": [{"path": "/", "root": "/srv/öta ‘x’"}]})
    script = _script(rendered, "setup.ps1")
    assert script.startswith("\ufeff#Requires")
    assert "%SystemDrive%\\srv\\öta ‘x’" in read(script.removeprefix("\ufeff"))[1]
    assert rendered.files[0].text.isascii()
    assert not _script(_variant("static-2022"), "setup.ps1").startswith("\ufeff")


@pytest.mark.parametrize(
    ("devices", "raised"), [(1000, []), (1001, ["queueLength"]), (5001, ["queueLength", "appConcurrentRequestLimit"])]
)
def test_limits_are_raised_only_where_the_phones_exceed_what_iis_ships(devices: int, raised: list[str]) -> None:
    literals = read(_script(_render(_STATIC, expected_devices=devices), "setup.ps1"))[1]
    assert [text for text in literals if text in ("queueLength", "appConcurrentRequestLimit")] == raised
    assert all(name in _texts(_render(_STATIC, scope="snippet", expected_devices=devices), "info") for name in raised)


def test_hsts_that_is_off_or_short_is_a_warning() -> None:
    assert "switched off" in _texts(_render(_STATIC, hsts={"enabled": False}), "warning")
    assert str(HSTS_MINIMUM_AGE) in _texts(_render(_STATIC, hsts={"max_age": HSTS_MINIMUM_AGE - 1}), "warning")
    assert not _texts(_variant("static-2022"), "warning")


def test_a_pool_name_fits_into_what_iis_allows_however_long_the_domain() -> None:
    long = ".".join(("a" * 60, "b" * 60, "example", "com"))
    literals = read(_script(_render(_STATIC | {"domains": [long]}), "setup.ps1"))[1]
    section = literals.index("system.applicationHost/applicationPools")
    pool = literals[section + 2]
    assert pool.startswith("a" * 40)
    assert len(pool) <= 64
