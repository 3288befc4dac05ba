"""Applications behind the Apache of this machine, and Apache behind a proxy that speaks TLS."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.harness.authority import Authority
from ota_proxy.policy.server_values import claims
from tests.support import apache_host
from tests.support.apache_host import DOMAIN, HSTS, Host

pytestmark = [pytest.mark.local, pytest.mark.skipif(bool(apache_host.MISSING), reason=apache_host.MISSING)]
TRUSTED_PROXY = ("X-Forwarded-Proto: https", "X-Forwarded-For: 198.51.100.7")


def test_trace_is_refused_everywhere_and_other_methods_reach_the_application(busy_apache: Host) -> None:
    for target in ("/app/x", "/sock/x", "/ota/App.ipa", "/none"):
        assert busy_apache.get(target, method="TRACE").status == 405
    assert busy_apache.get("/ota/", method="TRACE", tls=False).status == 405
    for method in ("POST", "PUT", "DELETE"):
        assert busy_apache.get("/app/x", "Content-Length: 0", method=method).body.startswith(method.encode())


def test_the_application_gets_the_path_as_it_was_sent(busy_apache: Host) -> None:
    for prefix in ("/app/", "/sock/", "/sock2/"):
        for rest in (
            "x",
            "x%2Fy%20z?a=%2F&b",
            "%C3%A4%c3%a4/é".replace("é", "%c3%a9"),
            "a//b",
            "a;b=c",
            "%3F",
            "%25",
            "x?%",
            "",
        ):
            reply = busy_apache.get(prefix + rest)
            assert reply.body.decode().splitlines()[0] == f"GET {prefix}{rest} HTTP/1.1"


def test_the_application_learns_the_public_address_and_the_device_and_nothing_made_up(busy_apache: Host) -> None:
    spoofed = (
        "X-Forwarded-For: 9.9.9.9",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: evil",
        "X-Forwarded-Port: 1",
        *(f"{name}: 9.9.9.9" for name in claims()),
    )
    lines = busy_apache.get("/app/x", *spoofed).body.decode().splitlines()
    assert sorted(line for line in lines if line.startswith(("X-", "Forwarded", "Proxy", "Host"))) == [
        f"Host: {DOMAIN}:8443",
        "X-Forwarded-For: 127.0.0.1",
        f"X-Forwarded-Host: {DOMAIN}:8443",
        "X-Forwarded-Port: 8443",
        "X-Forwarded-Proto: https",
    ]


def test_a_proxied_manifest_keeps_its_cache_rule_and_silence_becomes_no_store(busy_apache: Host) -> None:
    assert busy_apache.get("/app/m.plist?Cache-Control=private").one("Cache-Control") == "private"
    assert busy_apache.get("/app/m.PLIST").one("Cache-Control") == "no-store"
    assert busy_apache.get("/app/m.plist", "Accept-Encoding: gzip").all("Content-Encoding") == []
    assert "Accept-Encoding" not in busy_apache.get("/app/App.ipa", "Accept-Encoding: gzip").body.decode()
    assert "Accept-Encoding: gzip" in busy_apache.get("/app/page", "Accept-Encoding: gzip").body.decode()
    assert busy_apache.get("/app/files/manifest.plist").one("Cache-Control") == "no-store"


def test_the_applications_own_redirect_leads_to_the_public_address(busy_apache: Host) -> None:
    port = next(
        location.target.port for location in busy_apache.site.proxied if location.target and location.target.port
    )
    reply = busy_apache.get(f"/app/x?status=302&Location=http://127.0.0.1:{port}/app/y")
    assert reply.one("Location") == f"{busy_apache.site.base_url}/app/y"


def test_behind_a_tls_proxy_a_trusted_https_request_is_served_and_nothing_loops(apache_behind: Host) -> None:
    assert apache_behind.get("/ota/App.ipa", *TRUSTED_PROXY).status == 200
    assert apache_behind.get("/x%2Fy", *TRUSTED_PROXY).body.decode().splitlines()[0] == "GET /x%2Fy HTTP/1.1"
    assert apache_behind.get("/ota/sub", *TRUSTED_PROXY).one("Location") == f"{apache_behind.site.base_url}/ota/sub/"


@pytest.mark.parametrize(
    "headers", [(), ("X-Forwarded-Proto: http",), ("X-Forwarded-Proto: http, https",), ("X-Forwarded-Proto: xhttps",)]
)
def test_behind_a_tls_proxy_everything_else_is_redirected(apache_behind: Host, headers: tuple[str, ...]) -> None:
    reply = apache_behind.get("/ota/a%2Fb?c=%2F", *headers)
    assert (reply.status, reply.one("Location")) == (308, f"{apache_behind.site.base_url}/ota/a%2Fb?c=%2F")


def test_behind_a_tls_proxy_no_hsts_is_sent_and_the_devices_address_is_believed(apache_behind: Host) -> None:
    assert apache_behind.get("/ota/App.ipa", *TRUSTED_PROXY).all(HSTS) == []
    assert apache_behind.get("/x?Strict-Transport-Security=max-age%3D1", *TRUSTED_PROXY).all(HSTS) == []
    assert "X-Forwarded-For: 198.51.100.7" in apache_behind.get("/x", *TRUSTED_PROXY).body.decode()
    refused = ("X-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.9")
    assert apache_behind.get("/ota/App.ipa", *refused).status == apache_behind.get("/x", *refused).status == 403
    assert apache_behind.get("/.well-known/acme-challenge/token", "X-Forwarded-For: 203.0.113.9").body == b"proof"
    assert apache_behind.get("/ota/App.ipa", *TRUSTED_PROXY, host="other.example").status == 421
    assert apache_behind.log.count(":warn]") == 0


def test_a_spoofed_tls_proxy_is_redirected() -> None:
    def change(raw: dict[str, Any], place: Path) -> None:
        (place / "www" / "App.ipa").write_bytes(b"PK")
        raw |= {"certificates": [], "tls": {"offloaded": True}, "trusted_proxies": ["192.0.2.1"]}
        del raw["listen"]["https"]

    with apache_host.running(change) as other:
        assert other.get("/ota/App.ipa", *TRUSTED_PROXY).status == 308


def test_access_lists_are_kept_on_files_and_applications_but_not_on_the_redirect() -> None:
    with apache_host.application() as port:

        def change(raw: dict[str, Any], place: Path) -> None:
            (place / "www" / "App.ipa").write_bytes(b"PK")
            raw["locations"].append({"path": "/app/", "upstream": f"http://127.0.0.1:{port}"})
            raw["access"] = {"allow": ["192.0.2.0/24"]}

        with apache_host.running(change) as closed:
            assert closed.get("/ota/App.ipa").status == closed.get("/app/x").status == closed.get("/ota/").status == 403
            assert closed.get("/ota/App.ipa", tls=False).status == 308


@pytest.mark.parametrize(("name", "status"), [("localhost", 200), ("other.example", 500)])
def test_an_https_application_is_verified_by_chain_and_name(name: str, status: int) -> None:
    authority = Authority()
    with apache_host.folder() as place, contextlib.ExitStack() as stack:
        issued = authority.issue([name])
        pem = place / "tls" / "app.pem"
        pem.write_bytes(issued.cert_chain_pem + issued.key_pem)
        (place / "tls" / "ca.pem").write_bytes(authority.ca_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        port = stack.enter_context(apache_host.application(context=context))

        def change(raw: dict[str, Any], _: Path) -> None:
            raw["locations"] = [
                {"path": "/", "upstream": f"https://localhost:{port}", "upstream_ca": str(place / "tls" / "ca.pem")}
            ]

        verified = stack.enter_context(apache_host.running(change))
        reply = verified.get("/x%2Fy")
        assert reply.status == status
        assert reply.one(HSTS) == verified.site.hsts.value
        if status == 200:
            assert f"X-Forwarded-Host: {DOMAIN}" in reply.body.decode()


def test_a_name_apache_cannot_check_is_refused() -> None:
    def change(raw: dict[str, Any], _: Path) -> None:
        raw["locations"] = [{"path": "/", "upstream": "https://127.0.0.1:1", "upstream_name": "app.example.net"}]

    with pytest.raises(UsageError, match=r"app\.example\.net"), apache_host.running(change):
        pass


def test_behind_a_tls_proxy_an_https_application_starts_without_a_warning() -> None:
    def change(raw: dict[str, Any], place: Path) -> None:
        (place / "tls" / "ca.pem").write_bytes(Authority().ca_pem)
        upstream = {"upstream": "https://localhost:9", "upstream_ca": str(place / "tls" / "ca.pem")}
        raw["locations"].append({"path": "/app/", **upstream})
        raw |= {"certificates": [], "tls": {"offloaded": True}, "trusted_proxies": ["127.0.0.1"]}
        del raw["listen"]["https"]

    with apache_host.running(change) as quiet:
        assert quiet.get("/ota/none", *TRUSTED_PROXY).status == 404
        assert quiet.log == ""
