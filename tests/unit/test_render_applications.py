"""The keys of an application and of the proxies in front, as each server takes or refuses them, and what is said about them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.base import server_named
from ota_proxy.servers.rendered import Rendered, Scope
from tests.support.sites import site

Raw = dict[str, Any]
APP: Raw = {"path": "/app/", "upstream": "http://127.0.0.1:8080"}


def rendered(server: str, *apps: Raw, version: str = "latest", scope: Scope = "site", **more: Any) -> Rendered:  # noqa: ANN401 - raw keys
    return server_named(server).render(site(locations=list(apps), **more), resolve(server, version), scope, "test")


def said(of: Rendered) -> str:
    return "\n".join(f"{note.kind}: {note.text}" for note in of.notes)


@pytest.mark.parametrize("scope", ["snippet", "site", "full"])
@pytest.mark.parametrize("server", ["nginx", "apache", "iis"])
def test_what_an_application_may_do_without_the_keys_is_said(server: str, scope: Scope) -> None:
    notes = said(rendered(server, APP, scope=scope))
    assert "info: an upload to /app/ may have 1G, more is 413 (max_body)" in notes
    assert "WebSocket" in notes


def test_nginx_writes_each_key_and_streams_the_upload() -> None:
    text = rendered("nginx", {**APP, "max_body": "500M", "read_timeout": 90, "websocket": True}).files[0].text
    for line in ("client_max_body_size 500m;", "proxy_request_buffering off;", "proxy_read_timeout 90s;"):
        assert line in text
    assert "client_max_body_size 0;" in rendered("nginx", {**APP, "max_body": False}).files[0].text
    assert "proxy_read_timeout" not in rendered("nginx", APP).files[0].text


def test_apache_takes_a_websocket_from_the_version_that_can() -> None:
    asked = {**APP, "websocket": True}
    for version in ("2.4.46", "2.4.41"):
        with pytest.raises(UsageError, match="cannot pass a WebSocket on") as caught:
            rendered("apache", asked, version=version)
        assert caught.value.key == ("locations", 0, "websocket")
    for version in ("2.4.47", "ubuntu22.04", "portable"):
        assert "retry=0 upgrade=websocket\n" in rendered("apache", asked, version=version).files[0].text
    assert "needs-parent: Apache 2.4.47 or later, for websocket" in said(rendered("apache", asked, version="portable"))
    assert "upgrade=websocket" not in rendered("apache", APP).files[0].text


def test_apache_holds_an_inner_application_to_its_own_limit() -> None:
    inner = {"path": "/app/big/", "upstream": "http://127.0.0.1:9", "max_body": False}
    text = rendered("apache", {**APP, "max_body": "1K"}, inner).files[0].text
    assert re.findall(r"<If \"(.*)\">\n *Redirect (\d+)", text) == [
        ("%{HTTP:Content-Length} -gt 1024 && !(%{REQUEST_URI} =~ m#^/app/big/#)", "413"),
        ("-n %{HTTP:Transfer-Encoding} && !(%{REQUEST_URI} =~ m#^/app/big/#)", "411"),
    ]


@pytest.mark.parametrize(
    ("apps", "key", "words"),
    [
        ([{**APP, "max_body": False}], ("locations", 0, "max_body"), "IIS always has a limit"),
        ([{**APP, "max_body": "4G"}], ("locations", 0, "max_body"), "none above 4294967295 bytes"),
        (
            [{**APP, "read_timeout": 5}, {**APP, "path": "/b/", "read_timeout": 6}],
            ("locations", 1, "read_timeout"),
            "IIS has one timeout for all applications, and /app/ wants 5 seconds",
        ),
    ],
)
def test_iis_refuses_what_it_cannot_by_key(apps: list[Raw], key: tuple[object, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        rendered("iis", *apps)
    assert caught.value.key == key
    assert caught.value.hint


def test_iis_writes_each_key() -> None:
    made = rendered("iis", {**APP, "max_body": "500M", "read_timeout": 90_000 // 2, "websocket": True})
    limits = ET.fromstring(made.files[0].text).iter("requestLimits")  # noqa: S314 - our own text
    assert [one.get("maxAllowedContentLength") for one in limits] == [str(500 << 20)]
    assert "'timeout' = '12:30:00'" in made.files[1].text
    assert (
        "Assert-OtaModule -Name 'WebSocketModule' -Remedy 'run Install-WindowsFeature Web-WebSockets'"
        in made.files[1].text
    )
    assert "'timeout' = '1.00:00:00'" in rendered("iis", {**APP, "read_timeout": 86_400}).files[1].text
    assert "WebSocketModule" not in rendered("iis", APP).files[1].text


def test_iis_redirects_by_the_first_word_of_a_trusted_proxy() -> None:
    files = {"path": "/", "root": "/srv/ota"}
    text = rendered("iis", files, trusted_proxies=["10.0.0.1"]).files[0].text
    rules = {rule.get("name"): rule for rule in ET.fromstring(text).iter("rule")}  # noqa: S314 - our own text

    def conditions(name: str) -> list[tuple[str | None, str | None]]:
        return [(one.get("input"), one.get("negate")) for one in rules[name].iter("add")]

    assert conditions("ota-proxy https") == [("{HTTPS}", None), ("{REMOTE_ADDR}", "true")]
    assert conditions("ota-proxy https of the proxy") == [
        ("{HTTPS}", None),
        ("{REMOTE_ADDR}", None),
        ("{HTTP_X_FORWARDED_PROTO}", "true"),
    ]
    assert conditions("ota-proxy http of the proxy") == [("{REMOTE_ADDR}", None), ("{HTTP_X_FORWARDED_PROTO}", None)]
    pattern = next(
        one.get("pattern", "")
        for one in rules["ota-proxy https of the proxy"].iter("add")
        if one.get("input") == "{HTTP_X_FORWARDED_PROTO}"
    )
    for value in ("https", "https, http", " ,https ,http", "wss"):
        assert re.search(pattern, value)
    for value in ("http", "http, https", "httpsx", "", "xhttps"):
        assert not re.search(pattern, value)


@pytest.mark.parametrize("server", ["nginx", "apache", "iis"])
def test_a_proxy_header_in_front_of_our_own_tls_makes_nobody_s_forwarded_scheme_believed(server: str) -> None:
    files = {"path": "/", "root": "/srv/ota"}
    more: Raw = {"trusted_proxies": ["10.0.0.1"], "listen": {"proxy_protocol": True}}
    if server == "iis":
        with pytest.raises(UsageError):
            rendered(server, files, **more)
        return
    text = rendered(server, files, **more).files[0].text
    assert "forwarded_proto" not in text.lower()
    assert "X-Forwarded-Proto" not in text
