"""The URL Rewrite rules of an IIS rendering, walked as they are documented: redirect, hosts, locations, caches."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.servers.rendered import Rendered
from tests.support import iis_sites as iis
from tests.support.powershell import read


@pytest.mark.parametrize("target", ["/App-1.2+45.plist?a=1&b=%2F", "/a%2Fb/x%20y.ipa", "/?", "/"])
def test_http_is_redirected_to_the_public_url_with_path_and_query_as_sent(target: str) -> None:
    action = iis.decide(iis.variant("static-2022"), target, "x", HTTPS="off", HTTP_HOST="ota.example.com:80")
    assert action["type"] == "Redirect"
    assert action["url"] == f"https://ota.example.com{target}"
    assert action["appendQueryString"] == "false"
    assert action["redirectType"] == "Permanent"


def test_the_redirect_names_the_public_port_and_never_that_of_the_request() -> None:
    action = iis.decide(iis.variant("several-2025"), "/x", "x", HTTPS="off", HTTP_HOST="a.builds.example.com:80")
    assert action["url"] == "https://ota.example.com:8443/x"


def test_an_acme_challenge_stays_on_http_and_reaches_no_application() -> None:
    path = ".well-known/acme-challenge/Ab_9-z"
    for name in ("static-2022", "proxied-2022"):
        action = iis.decide(iis.variant(name), f"/{path}", path, HTTPS="off")
        assert action["type"] == "None"
        assert "/.well-known/acme-challenge" in read(iis.script(iis.variant(name), "setup.ps1"))[1]
    more = iis.decide(iis.variant("static-2022"), f"/{path}/../x", f"{path}/x", HTTPS="off")
    assert more["type"] == "Redirect"


def test_a_request_line_with_a_whole_url_goes_nowhere() -> None:
    action = iis.decide(iis.variant("proxied-2022"), "http://evil.example/x", "x")
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
    action = iis.decide(iis.variant("several-2025"), "/x", "x", HTTP_HOST=host)
    assert (action.get("statusCode") == "421") != served


def test_unknown_hosts_ignore_leaves_unknown_hosts_to_the_bindings() -> None:
    rendered = iis.made(iis.STATIC, unknown_hosts="ignore")
    assert iis.decide(rendered, "/x", "x", HTTP_HOST="evil.example")["type"] == "None"


def test_the_longest_prefix_decides_between_files_and_applications() -> None:
    rendered = iis.variant("several-2025")
    proxied = iis.decide(rendered, "/api/a%2Fb?x=1", "api/a/b")
    assert proxied["type"] == "Rewrite"
    assert proxied["url"] == "https://app.example.net:443/api/a%2Fb?x=1"
    assert iis.decide(rendered, "/api/files/x.ipa", "api/files/x.ipa")["type"] == "None"
    assert iis.decide(rendered, "/apiary", "apiary")["type"] == "None"


def test_applications_learn_scheme_host_and_port_as_the_device_sees_them() -> None:
    rendered = iis.variant("several-2025")
    values = {entry.get("name"): entry.get("value") for entry in iis.xml(rendered).iter("set")}
    assert values == {
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "ota.example.com:8443",
        "HTTP_X_FORWARDED_PORT": "8443",
    }
    literals = read(iis.script(rendered, "setup.ps1"))[1]
    assert set(values) <= set(literals), "the server has to allow them"


def test_a_dot_file_is_not_published_but_well_known_is() -> None:
    rendered = iis.variant("static-2022")
    for path in (".git/config.json", "a/.hidden.plist", ".env"):
        assert iis.decide(rendered, f"/{path}", path)["statusCode"] == "404"
    for path in (".well-known/apple-app-site-association", "a.b/c.ipa"):
        assert iis.decide(rendered, f"/{path}", path)["type"] == "None"


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
    action = iis.decide(
        iis.variant("offloaded-2022"), "/x?y", "x", HTTPS="off", REMOTE_ADDR=address, HTTP_X_FORWARDED_PROTO=scheme
    )
    assert (action["type"] == "None") == served
    assert served or action["url"] == "https://ota.example.com/x?y"


def test_behind_a_tls_proxy_there_is_one_plain_binding_and_no_certificate() -> None:
    script = iis.script(iis.variant("offloaded-2022"), "setup.ps1")
    assert "*:8080:ota.example.com" in read(script)[1]
    assert "Add-OtaTlsBinding -Site" not in script
    assert "belongs to the proxy in front" in iis.texts(iis.variant("offloaded-2022"), "info")


def test_methods_are_limited_on_files_and_only_trace_is_refused_for_applications() -> None:
    root = iis.xml(iis.variant("proxied-2022"))
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
        for rule in iis.xml(rendered).iter("rule")
        if "RESPONSE_Cache_Control" in {match.get("serverVariable") for match in rule.iter("match")}
    }


def test_manifests_are_never_stored_and_packages_are_kept_only_when_their_names_are_unique() -> None:
    base = iis.xml(iis.variant("static-2022")).find(".//clientCache")
    assert base is not None
    assert base.get("cacheControlMode") == "DisableCache"
    assert _cached(iis.variant("static-2022")) == {"ota-proxy manifests /": "no-store"}
    kept = _cached(iis.made(iis.STATIC, cache={"packages": "immutable", "max_age": 77}))
    assert kept["ota-proxy packages /"] == "public, max-age=77, immutable"


def test_an_error_page_is_not_kept_in_the_place_of_a_package() -> None:
    rendered = iis.made(iis.STATIC, cache={"packages": "immutable"})
    tests = iis.xml(rendered).findall(".//preCondition[@name='ota-proxy packages /']/add")
    pattern = next(test.get("pattern", "") for test in tests if test.get("input") == "{RESPONSE_STATUS}")
    assert {code for code in range(100, 600) if re.search(pattern, str(code))} == {200, 206, 304}


def test_several_folders_share_one_set_of_rules() -> None:
    several = [{"path": "/", "root": "/srv/ota"}, {"path": "/b/", "root": "/srv/b"}]
    one, two = iis.made(iis.STATIC), iis.made(iis.STATIC | {"locations": several})
    assert [rule.attrib for rule in iis.xml(one).iter("rule")] == [rule.attrib for rule in iis.xml(two).iter("rule")]


def test_only_a_silent_application_gets_a_cache_rule_for_its_manifests() -> None:
    rule = iis.xml(iis.variant("proxied-2022")).find(".//rule[@name='ota-proxy manifests /']/match")
    assert rule is not None
    assert rule.get("pattern") == "^$"


def test_without_url_rewrite_nothing_needs_it_and_everything_is_no_store() -> None:
    rendered = iis.variant("static-2019-no-rewrite")
    assert iis.xml(rendered).find(".//rewrite") is None
    cache_rule = iis.xml(rendered).find(".//clientCache")
    assert cache_rule is not None
    assert cache_rule.get("cacheControlCustom") == "no-store"
    literals = read(iis.script(rendered, "setup.ps1"))[1]
    assert "RewriteModule" not in literals
    assert "https://ota.example.com$S$Q" in literals
    assert "PermRedirect" in literals


@pytest.mark.parametrize("raw", [iis.PROXIED, iis.OFFLOADED])
def test_what_needs_url_rewrite_is_refused_without_it(raw: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="needs URL Rewrite"):
        iis.made(raw, rewrite=False)


def test_a_308_that_url_rewrite_does_not_know_is_said() -> None:
    assert "308" in iis.texts(iis.variant("static-2022"), "cannot-enforce")
    assert "308" not in iis.texts(iis.made(iis.STATIC, redirect={"status": 301}), "cannot-enforce")
    assert "308" not in iis.texts(iis.variant("static-2019-no-rewrite"), "cannot-enforce")


def test_the_server_header_goes_where_windows_can_drop_it() -> None:
    assert "removeServerHeader" not in iis.variant("static-2016").files[0].text.split("-->", 1)[1]
    assert "removeServerHeader" in iis.texts(iis.variant("static-2016"), "cannot-enforce")
    assert 'removeServerHeader="true"' in iis.variant("static-2022").files[0].text
