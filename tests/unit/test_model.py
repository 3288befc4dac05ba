from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ota_proxy.policy.guideline import HSTS_MINIMUM_AGE
from ota_proxy.site import Site
from ota_proxy.site.site import DEFAULT_HEADERS
from tests.support.sites import CERT, refusal, site


def test_a_minimal_site_has_every_default() -> None:
    seen = site()
    assert (seen.domain, seen.base_url, seen.public_host) == (
        "ota.example.com",
        "https://ota.example.com",
        "ota.example.com",
    )
    assert (seen.public_port, seen.https_port, seen.listen.http, seen.listen.hosts) == (443, 443, 80, ())
    assert (seen.redirect.status, seen.hsts.value, seen.tls.profile) == (
        308,
        f"max-age={HSTS_MINIMUM_AGE}",
        "intermediate",
    )
    assert seen.headers == DEFAULT_HEADERS
    assert (len(seen.static), len(seen.proxied)) == (1, 0)


def test_a_site_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        site().http2 = False  # type: ignore[misc]  # the point of the test


def test_a_site_reads_back_what_it_writes() -> None:
    whole = site(
        domains=["ota.example.com", "*.example.com", "bücher.example"],
        public_url="https://ota.example.com:8443",
        locations=[
            {"path": "/", "root": "/srv/my ota"},
            {
                "path": "/app/",
                "upstream": "https://[2001:db8::1]:8443",
                "upstream_ca": "/ca.pem",
                "upstream_name": "app.example",
            },
            {"path": "/sock/", "upstream": "unix:/run/app.sock"},
        ],
        access={"allow": ["10.0.0.0/8"]},
        media_types={"IPA": "application/x-itunes-ipa"},
    )
    assert Site.model_validate(whole.model_dump()) == whole
    assert Site.model_validate_json(whole.model_dump_json()) == whole


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"domains": ["ota.example.com", "OTA.example.com."]}, "domains has ota.example.com twice"),
        (
            {"locations": [{"path": "/a/", "root": "/a"}, {"path": "/a/", "upstream": "http://a:1"}]},
            "locations has /a/ twice",
        ),
        ({"certificates": [CERT, {**CERT, "key": "/other.key"}]}, "certificates has /etc/ssl/ota/fullchain.pem twice"),
        ({"certificates": [CERT, {**CERT, "cert": "/other.pem"}]}, "certificates has /etc/ssl/ota/privkey.pem twice"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "headers has x-a twice"),
        ({"listen": {"addresses": ["::1", "0:0::1"]}}, "listen.addresses has ::1/128 twice"),
        ({"trusted_proxies": ["10.0.0.1", "10.0.0.1/32"]}, "trusted_proxies has 10.0.0.1/32 twice"),
        ({"access": {"allow": ["10.0.0.1", "10.0.0.1"]}}, "access.allow has 10.0.0.1/32 twice"),
        ({"access": {"deny": ["10.0.0.1", "10.0.0.1"]}}, "access.deny has 10.0.0.1/32 twice"),
    ],
)
def test_what_stands_twice_is_refused(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**changes)


@pytest.mark.parametrize("field", ["domains", "locations"])
def test_a_site_has_at_least_one_name_and_one_location(field: str) -> None:
    assert refusal(**{field: []})


def test_there_are_at_most_two_certificates() -> None:
    assert refusal(certificates=[{"cert": f"/{n}.pem", "key": f"/{n}.key"} for n in range(3)])


@pytest.mark.parametrize(
    "hsts",
    [
        {"preload": True},
        {"preload": True, "include_subdomains": True, "max_age": 31_535_999},
        {"preload": True, "include_subdomains": True, "enabled": False},
    ],
)
def test_preload_has_terms(hsts: dict[str, Any]) -> None:
    assert "hsts.preload needs HSTS enabled, include_subdomains = true and a max_age" in refusal(hsts=hsts)


def test_the_hsts_value_has_what_was_asked_for_in_the_order_of_rfc_6797() -> None:
    asked = {"preload": True, "include_subdomains": True, "max_age": 31_536_000}
    assert site(hsts=asked).hsts.value == "max-age=31536000; includeSubDomains; preload"
    assert site(hsts={"max_age": 0}).hsts.value == "max-age=0"


@pytest.mark.parametrize("age", [-1, 1.5, "63072000", True])
def test_an_age_is_a_whole_number_of_seconds(age: object) -> None:
    assert refusal(hsts={"max_age": age})


OFFLOADED = {"tls": {"offloaded": True}, "certificates": [], "trusted_proxies": ["10.0.0.1"]}


def test_tls_may_end_at_a_trusted_proxy_in_front() -> None:
    seen = site(**OFFLOADED, listen={"http": 8080})
    assert (seen.tls.offloaded, seen.listen.http, seen.base_url) == (True, 8080, "https://ota.example.com")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"trusted_proxies": []}, "tls.offloaded needs trusted_proxies"),
        ({"certificates": [CERT]}, "tls.offloaded and certificates exclude each other"),
        ({"listen": {"http": False}}, "tls.offloaded has one plain listener"),
        ({"listen": {"https": 8443}}, "tls.offloaded has one plain listener"),
    ],
)
def test_offloaded_tls_leaves_one_plain_listener_for_the_proxies(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**{**OFFLOADED, **changes})


def test_without_offloaded_tls_there_is_a_certificate() -> None:
    assert "certificates is empty" in refusal(certificates=[])


@pytest.mark.parametrize("name", ["Content-Type", "cache-control", "Strict-Transport-Security"])
def test_a_header_that_ota_proxy_writes_has_its_own_key(name: str) -> None:
    assert f"the header {name} is written by ota-proxy" in refusal(headers={name: "x"})


@pytest.mark.parametrize(
    "name",
    [
        *("Content-Length", "Transfer-Encoding", "content-encoding", "Connection", "ETag", "Location"),
        *("Server", "allow", "Age", "Expires", "Retry-After", "WWW-Authenticate"),
    ],
)
def test_a_header_that_frames_an_answer_has_no_one_value(name: str) -> None:
    assert f"the header {name} is set by the server for each file" in refusal(headers={name: "x"})


@pytest.mark.parametrize("name", ["", "X A", "X:A", "-X", "X_A", "Ü", 'X"'])
def test_what_is_no_header_name_is_refused(name: str) -> None:
    assert f"'{name}' is not a header name" in refusal(headers={name: "x"})


@pytest.mark.parametrize("value", ["", " a", "a ", "ü"])
def test_a_header_value_is_printable_ascii_without_blanks_at_its_ends(value: str) -> None:
    assert "a header value is printable ASCII" in refusal(headers={"X-A": value})


def test_the_owners_headers_replace_the_default_set() -> None:
    assert site(headers={}).headers == {}
    assert site(headers={"X-A": "a; \"b\" 'c' $d %e"}).headers == {"X-A": "a; \"b\" 'c' $d %e"}


@pytest.mark.parametrize(
    "value", ["", "text", "text/", "/xml", "text/xml;charset", "text/xml; q=1", "a b/c", 'text/"x"']
)
def test_what_is_no_media_type_is_refused(value: str) -> None:
    assert f"'{value}' is not a media type" in refusal(media_types={".x": value})


@pytest.mark.parametrize("value", ["", ".", "..x", ".a.b", "a/b", ".ü", "*.ipa"])
def test_what_is_no_extension_is_refused(value: str) -> None:
    assert f"'{value}' is not a file extension" in refusal(media_types={value: "a/b"})


def test_an_extension_is_kept_with_its_dot_in_lower_case() -> None:
    assert site(media_types={"IPA": "a/b"}).media_types == {".ipa": "a/b"}


@pytest.mark.parametrize("part", ["", "listen", "tls", "redirect", "hsts", "cache", "access", "log"])
def test_an_unknown_key_is_refused_on_every_level(part: str) -> None:
    extra = {"no_such_key": 1}
    assert "Extra inputs are not permitted" in refusal(**({part: extra} if part else extra))


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect": {"status": 302}},
        {"tls": {"profile": "old"}},
        {"cache": {"packages": "forever"}},
        {"cache": {"max_age": 0}},
        {"unknown_hosts": "serve"},
        {"log": {"level": "debug"}},
        {"expected_devices": 0},
        {"expected_devices": 30_001},
        {"log": {"access": True}},
    ],
)
def test_a_value_outside_its_choices_is_refused(changes: dict[str, Any]) -> None:
    assert refusal(**changes)
