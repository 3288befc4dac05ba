"""The optional keys: what goes together, what a value may be, which server refuses which key by name, and known advisories."""

from __future__ import annotations

from typing import Any

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import advisories, resolve
from ota_proxy.servers.base import server_named
from ota_proxy.servers.rendered import Scope
from tests.support.nginx_variants import BALANCED, FEATURES
from tests.support.sites import refusal, site

OFFLOADED: dict[str, Any] = {"tls": {"offloaded": True}, "certificates": [], "trusted_proxies": ["10.0.0.1"]}
CLIENT = {"ca": "/etc/ota/ca.pem", "locations": ["/staff/"]}
TWO = [{"path": "/", "root": "/srv/ota"}, {"path": "/staff/", "root": "/srv/staff"}]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"listen": {"proxy_protocol": True}}, "needs trusted_proxies"),
        ({"http3": True, **OFFLOADED}, "http3 and tls.offloaded exclude each other"),
        (
            {"http3": True, "listen": {"proxy_protocol": True}, "trusted_proxies": ["10.0.0.1"]},
            "http3 and listen.proxy_protocol exclude each other",
        ),
        ({"auth": {"realm": "Others"}}, "auth.realm without auth.htpasswd"),
        ({"auth": {"htpasswd": "/srv/ota/.htpasswd"}}, "from where anybody could fetch it"),
        ({"auth": {"htpasswd": "/srv/ota"}}, "from where anybody could fetch it"),
        (
            {"auth": {"htpasswd": "/etc/x"}, "locations": [{"path": "/", "upstream": "http://127.0.0.1:1"}]},
            "every location here is an application",
        ),
        ({"limits": {"burst": 7}}, "limits.burst without limits.requests_per_second"),
        ({"cors": {"max_age": 7}}, "cors.max_age without cors.origins"),
        ({"cors": {"origins": ["https://a.example", "https://A.example:443/"]}}, "has https://a.example twice"),
        ({"client_certificates": {"ca": "/etc/ca.pem"}}, "client_certificates.ca needs client_certificates.locations"),
        ({"client_certificates": {"locations": ["/"]}}, "client_certificates.locations needs client_certificates.ca"),
        ({"client_certificates": CLIENT}, "the locations are /"),
        ({"client_certificates": {**CLIENT, "locations": ["/staf/"]}, "locations": TWO}, "did you mean '/staff/'?"),
        ({"client_certificates": {**CLIENT, "locations": ["/"]}, **OFFLOADED}, "exclude each other"),
        (
            {"client_certificates": {**CLIENT, "locations": ["/staff/", "/staff/"]}, "locations": TWO},
            "has /staff/ twice",
        ),
        ({"error_pages": {"statuses": [403]}}, "without error_pages.folder"),
        ({"error_pages": {"folder": "/srv/e", "statuses": [404, 404]}}, "has 404 twice"),
        ({"error_pages": {"folder": "/srv/e", "statuses": [200]}}, "Input should be 401"),
        ({"error_pages": {"folder": "/srv/ota"}}, "put the pages into a folder of their own"),
        ({"error_pages": {"folder": "/srv"}}, "has the folder /srv/ota of the location / in it"),
        ({"error_pages": {"folder": "/"}}, "has the folder /srv/ota of the location / in it"),
        (
            {"cors": {"origins": ["https://a.example"]}, "headers": {"access-Control-allow-origin": "*"}},
            "headers has access-Control-allow-origin, which cors writes",
        ),
        ({"http3": True, "headers": {"Alt-Svc": "clear"}}, "headers has Alt-Svc, which http3 writes"),
    ],
)
def test_keys_that_cannot_be_true_together_are_refused(changes: dict[str, Any], said: str) -> None:
    assert said in refusal(**changes)


@pytest.mark.parametrize(
    ("folder", "url"),
    [("/srv/ota", "/"), ("/srv/ota/private", "/private/"), ("/srv/ota/staff2", "/staff2/")],
)
def test_a_guarded_folder_that_is_served_elsewhere_too_is_refused(folder: str, url: str) -> None:
    places = [{"path": "/", "root": "/srv/ota"}, {"path": "/staff/", "root": folder}]
    assert f"without a certificate, as {url};" in refusal(client_certificates=CLIENT, locations=places)


@pytest.mark.parametrize("folder", ["/srv/ota/staff", "/srv/ota/staff/inner", "/srv/otaku", "/srv"])
def test_a_guarded_folder_with_no_other_way_in_is_taken(folder: str) -> None:
    places = [{"path": "/", "root": "/srv/ota"}, {"path": "/staff/", "root": folder}]
    assert site(client_certificates=CLIENT, locations=places).client_certificates.locations == ("/staff/",)


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "https://*.example.com", "portal.example.com", "ftp://a.example", "https://a.example/x"),
        "https://u@a.example",
        "https://a.example?",
        "https://a.example#",
        "https://a.example:0",
        "https://[bad",
        "https://",
        "https://a.example:99999",
        'https://a"b.example',
        "https://a.example;",
        "https://$a.example",
        "https://a.example\n",
    ],
)
def test_what_is_not_one_origin_is_refused(origin: str) -> None:
    assert "the origin" in refusal(cors={"origins": [origin]})


def test_an_origin_is_kept_as_browsers_write_it() -> None:
    given = [
        "HTTPS://Portal.Example.com:443/",
        "http://b.example:80",
        "https://bücher.example",
        "http://[2001:DB8::1]:8080",
    ]
    assert site(cors={"origins": given}).cors.origins == (
        "https://portal.example.com",
        "http://b.example",
        "https://xn--bcher-kva.example",
        "http://[2001:db8::1]:8080",
    )


@pytest.mark.parametrize("realm", ["off", "", 'a"b', "a\\b", "$a", "%{x}", "a\nb", " a", "é", "${x}", "x" * 81])
def test_a_realm_that_means_something_to_a_server_is_refused(realm: str) -> None:
    assert "realm" in refusal(auth={"htpasswd": "/etc/x", "realm": realm})


@pytest.mark.parametrize(
    ("server", "keys"),
    [
        ("apache", ["http3", "limits.requests_per_second"]),
        (
            "iis",
            [
                "http3",
                "listen.proxy_protocol",
                "auth.htpasswd",
                "limits.requests_per_second",
                "cors.origins",
                "client_certificates.ca",
                "error_pages.folder",
            ],
        ),
        ("nginx", []),
    ],
)
@pytest.mark.parametrize("scope", ["snippet", "site", "full"])
def test_a_server_that_cannot_do_it_refuses_the_key_by_name_and_says_the_way_out(
    server: str, keys: list[str], scope: Scope
) -> None:
    refused = {key: error for key, raw in ALONE.items() if (error := refusal_of(server, scope, raw))}
    assert list(refused) == keys
    for key, error in refused.items():
        assert error.place == key
        assert error.hint


ALONE: dict[str, dict[str, Any]] = {
    "http3": {"http3": True},
    "listen.proxy_protocol": {"listen": {"proxy_protocol": True}, "trusted_proxies": ["10.0.0.1"]},
    "auth.htpasswd": {"auth": {"htpasswd": "/etc/ota/htpasswd"}},
    "limits.requests_per_second": {"limits": {"requests_per_second": 5}},
    "cors.origins": {"cors": {"origins": ["https://a.example"]}},
    "client_certificates.ca": {"client_certificates": CLIENT, "locations": TWO},
    "error_pages.folder": {"error_pages": {"folder": "/srv/errors"}},
}
"""Each optional key with what it needs and nothing else."""


def refusal_of(server: str, scope: Scope, raw: dict[str, Any]) -> UsageError | None:
    """Return what the renderer says against a site, or None where it renders it."""
    try:
        server_named(server).render(site(**raw), resolve(server, "latest"), scope, "test")
    except UsageError as error:
        return error
    return None


@pytest.mark.parametrize("version", ["portable", "debian12", "1.24.0"])
def test_an_nginx_without_http3_refuses_it_by_name(version: str) -> None:
    with pytest.raises(UsageError, match=r"has no HTTP/3, which came with 1\.25\.0") as caught:
        server_named("nginx").render(site(http3=True), resolve("nginx", version), "site", "test")
    assert caught.value.place == "http3"
    assert "--server-version" in caught.value.hint


def test_no_optional_key_leaves_a_trace_when_it_is_not_given() -> None:
    words = ("quic", "auth_basic", "limit_req", "Access-Control", "ssl_verify_client", "error-pages", "proxy_protocol")
    apache = ("AuthType", "Access-Control", "SSLVerifyClient", "ota-proxy-errors", "RemoteIPProxyProtocol")
    for server, traces in (("nginx", words), ("apache", apache)):
        text = server_named(server).render(site(), resolve(server), "full", "test").files[0].text
        assert [word for word in traces if word in text] == []


def test_no_password_and_no_key_stands_in_a_rendered_file() -> None:
    for raw in (FEATURES, BALANCED):
        text = server_named("nginx").render(site(**raw), resolve("nginx", "latest"), "full", "test").files[0].text
        assert "auth_basic_user_file /etc/ota/htpasswd;" in text


@pytest.mark.parametrize(
    ("version", "count"),
    [
        ("1.24.0", 0),
        ("1.25.3", 3),
        ("1.25.4", 2),
        ("1.26.0", 2),
        ("1.26.1", 1),
        ("1.26.3", 1),
        ("1.27.0", 1),
        ("1.30.0", 1),
        ("1.30.1", 0),
        ("1.31.0", 1),
        ("1.31.1", 1),
        ("1.31.2", 0),
        ("1.31.3", 0),
    ],
)
def test_advisories_about_http3_are_known_by_version(version: str, count: int) -> None:
    assert len(advisories("nginx", "http3", version)) == count


@pytest.mark.parametrize(
    ("version", "known"), [("1.26.2", True), ("1.26.3", False), ("1.27.3", True), ("1.27.4", False)]
)
def test_the_advisory_about_client_certificates_is_known_by_version(version: str, known: bool) -> None:
    assert bool(advisories("nginx", "client_certificates", version)) == known


def test_a_vulnerable_version_and_a_location_without_installs_are_warned_of() -> None:
    said = server_named("nginx").render(site(**FEATURES), resolve("nginx", "1.26.0"), "site", "test").notes
    warnings = "\n".join(note.text for note in said if note.kind == "warning")
    assert "CVE-2024-34161" in warnings
    assert "CVE-2025-23419" in warnings
    assert "/staff/ and /crew/ ask for a client certificate, and the installer has none" in warnings
    every = site(client_certificates={"ca": "/etc/ca.pem", "locations": ["/"]})
    for server in ("nginx", "apache"):
        said = server_named(server).render(every, resolve(server), "site", "test").notes
        assert any("no app can be installed from this site (OTA225)" in note.text for note in said)
