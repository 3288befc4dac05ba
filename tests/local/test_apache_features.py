"""What a real Apache makes of the optional keys: password, CORS, client certificates, error pages, PROXY protocol."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.site import Site
from tests.support import apache_host
from tests.support.apache_host import HSTS, Host, Reply
from tests.support.apache_sites import fill
from tests.support.feature_files import LOGIN, WRONG, supply, version_one, version_two

pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(bool(apache_host.MISSING), reason=apache_host.MISSING),
]
PORTAL = "https://portal.example.com"
PASSWORD = f"Authorization: {LOGIN}"
INSTALL = (("HEAD", ()), ("GET", ()), ("GET", ("Range: bytes=500-",)), ("GET", ("Range: bytes=1000-1999",)))
PREFLIGHT = (f"Origin: {PORTAL}", "Access-Control-Request-Method: GET")


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with ExitStack() as stack:
        port = stack.enter_context(apache_host.application())

        def change(raw: dict[str, Any], place: Path) -> None:
            fill(place / "www")
            (place / "www" / "icon.png").write_bytes(b"png" * 500)
            (place / "staff").mkdir()
            fill(place / "staff")
            raw["locations"] = [
                {"path": "/", "root": str(place / "www")},
                {"path": "/staff/", "root": str(place / "staff")},
                {"path": "/staff/app/", "upstream": f"http://127.0.0.1:{port}"},
                {"path": "/app/", "upstream": f"http://127.0.0.1:{port}"},
                {"path": "/crew/", "upstream": f"http://127.0.0.1:{port}"},
                {"path": "/dead/", "upstream": f"http://127.0.0.1:{apache_host.free_port()}"},
            ]
            raw["auth"] = {"htpasswd": str(place / "etc" / "htpasswd"), "realm": "Builds of our team"}
            raw["cors"] = {"origins": [PORTAL, "http://127.0.0.1:3000"]}
            raw["client_certificates"] = {"ca": str(place / "etc" / "ca.pem"), "locations": ["/staff/", "/crew/"]}
            raw["error_pages"] = {"folder": str(place / "error pages"), "statuses": [401, 403, 404, 405, 503]}
            supply(Site.model_validate(raw), place)

        yield stack.enter_context(apache_host.running(change))


def wanted(reply: Reply, status: int) -> Reply:
    """Hold what every answer of a folder has, whatever its status."""
    assert reply.status == status, reply
    assert reply.one(HSTS) == "max-age=63072000"
    assert reply.one("X-Content-Type-Options") == "nosniff"
    assert reply.one("Vary") == "Origin"
    assert len(reply.all("Cache-Control")) == 1, reply
    return reply


def test_a_page_asks_for_the_password(host: Host) -> None:
    for path in ("/", "/index.html", "/sub/", "/nothing"):
        refused = wanted(host.get(path), 401)
        assert refused.one("WWW-Authenticate") == 'Basic realm="Builds of our team"'
        assert (refused.body, refused.one("Cache-Control")) == (b"<!doctype html>our own 401", "no-store")
        wanted(host.get(path, f"Authorization: {WRONG}"), 401)
    for path in ("/", "/index.html", "/sub/"):
        assert wanted(host.get(path, PASSWORD), 200).one("Cache-Control") == "no-cache"


def test_what_the_installer_fetches_needs_no_password(host: Host) -> None:
    for name in ("manifest.plist", "App.ipa", "UPPER.IPA", "profile.mobileconfig", "icon.png", "a%20b+c%252F.ipa"):
        for method, headers in INSTALL[: 4 if name.lower().endswith("ipa") else 2]:
            assert (
                wanted(host.get(f"/{name}", *headers, method=method), 206 if headers else 200).all("WWW-Authenticate")
                == []
            )


def test_a_missing_manifest_is_404_with_our_page_and_never_200(host: Host) -> None:
    for name in ("missing.plist", "missing.ipa"):
        answer = wanted(host.get(f"/{name}"), 404)
        assert (answer.body, answer.one("Cache-Control")) == (b"<!doctype html>our own 404", "no-store")
        assert answer.one("Content-Type") == "text/html"
        assert wanted(host.get(f"/{name}", "Range: bytes=0-3"), 404).body == answer.body
        assert wanted(host.get(f"/{name}", method="HEAD"), 404).body == b""


def test_error_pages_cannot_be_asked_for(host: Host) -> None:
    for target in ("/ota-proxy-errors/404.html", "/ota-proxy-errors/", "//ota-proxy-errors/404.html"):
        assert host.get(target, PASSWORD).status == 403


def test_a_method_that_is_not_for_files_gets_405_with_one_allow(host: Host) -> None:
    for method, headers in (
        ("POST", ()),
        ("DELETE", ()),
        ("OPTIONS", ()),
        ("OPTIONS", PREFLIGHT[:1]),
        ("POST", PREFLIGHT),
    ):
        assert wanted(host.get("/App.ipa", *headers, method=method), 405).one("Allow") == "GET, HEAD"


def test_an_application_that_does_not_answer_gets_our_page_for_every_method(host: Host) -> None:
    for method in ("GET", "POST"):
        answer = host.get("/dead/x", method=method)
        assert (answer.status, answer.body) == (503, b"<!doctype html>our own 503")
        assert answer.one(HSTS) == "max-age=63072000"
    assert host.get("/app/x?status=404").body.startswith(b"GET /app/x")


def test_an_origin_of_the_list_may_read_files_and_errors(host: Host) -> None:
    for path, status in (("/manifest.plist", 200), ("/missing.plist", 404), ("/", 401)):
        answer = wanted(host.get(path, f"Origin: {PORTAL}"), status)
        assert answer.one("Access-Control-Allow-Origin") == PORTAL
        assert answer.all("Access-Control-Allow-Credentials") == answer.all("Access-Control-Allow-Methods") == []


@pytest.mark.parametrize(
    "origin",
    [
        f"{PORTAL}.evil.example",
        "http://portal.example.com",
        f"{PORTAL}:8443",
        "null",
        PORTAL.upper(),
        "",
        f"{PORTAL}, {PORTAL}",
    ],
)
def test_no_other_origin_may(host: Host, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = host.get("/manifest.plist", f"Origin: {origin}", PREFLIGHT[1], method=method)
        assert [name for name, _ in answer.headers if name.lower().startswith("access-control-")] == []
        assert answer.status == (200 if method == "GET" else 405)


def test_a_preflight_is_answered_without_password_or_certificate(host: Host) -> None:
    for path in ("/manifest.plist", "/App.ipa", "/", "/staff/manifest.plist"):
        answer = wanted(host.get(path, *PREFLIGHT, method="OPTIONS"), 200)
        assert answer.one("Access-Control-Allow-Origin") == PORTAL
        assert answer.one("Access-Control-Allow-Methods") == "GET, HEAD"
        assert "Range" in answer.one("Access-Control-Allow-Headers")
        assert answer.one("Access-Control-Max-Age") == "600"
        assert answer.all("Allow") == []
        assert answer.body == b""


def test_a_guarded_location_answers_holders_of_a_certificate_only(host: Host) -> None:
    for path in (
        "/staff/manifest.plist",
        "/staff/App.ipa",
        "/staff/",
        "//staff/App.ipa",
        "/x/../staff/App.ipa",
        "/%73taff/App.ipa",
    ):
        assert wanted(host.get(path, PASSWORD), 403).body == b"<!doctype html>our own 403"
        wanted(host.get(path, PASSWORD, certificate=str(host.folder / "anna.pem")), 200)


def test_a_guarded_application_hears_of_holders_of_a_certificate_only(host: Host) -> None:
    for target in ("/crew/x.plist", "/crew/x"):
        for method in ("GET", "POST"):
            assert host.get(target, method=method).status == 403
            assert host.get(target, method=method, certificate=str(host.folder / "anna.pem")).status == 200


def test_other_locations_ask_for_no_certificate_even_inside_the_guarded_one(host: Host) -> None:
    for path in ("/App.ipa", "/app/x", "/staff/app/x"):
        assert host.get(path).status == 200


@pytest.fixture(scope="module")
def balanced() -> Iterator[Host]:
    with ExitStack() as stack:
        port = stack.enter_context(apache_host.application())

        def change(raw: dict[str, Any], place: Path) -> None:
            fill(place / "www")
            raw["locations"] += [{"path": "/app/", "upstream": f"http://127.0.0.1:{port}"}]
            raw["listen"]["proxy_protocol"] = True
            raw["trusted_proxies"] = ["127.0.0.1", "10.0.0.0/8"]
            raw["log"] = {"access": str(place / "log" / "site.log")}

        yield stack.enter_context(apache_host.running(change))


def logged(host: Host, count: int) -> list[str]:
    """Return the address of every line of the access log, as soon as there are `count`: a line is written after its answer."""
    path = host.folder / "log" / "site.log"
    for _ in range(500):
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= count:
            break
        time.sleep(0.01)
    return [line.split()[0] for line in lines]


@pytest.mark.parametrize("before", [version_one(), version_two()], ids=["v1", "v2"])
def test_the_log_and_the_application_get_the_address_of_the_proxy_header(balanced: Host, before: bytes) -> None:
    known = len(logged(balanced, 0))
    assert balanced.get("/ota/manifest.plist", before=before).status == 200
    assert balanced.get("/", tls=False, before=before).status == 308
    assert b"X-Forwarded-For: 198.51.100.7\n" in balanced.get("/app/x", before=before).body
    assert logged(balanced, known + 3)[-3:] == ["198.51.100.7"] * 3


def test_a_connection_without_a_proxy_header_is_ended(balanced: Host) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - a reset or an end in the middle of a handshake
        balanced.get("/ota/manifest.plist")


def test_a_client_that_is_not_trusted_is_refused_whatever_its_proxy_header_claims(balanced: Host) -> None:
    for tls in (True, False):
        for target in ("/ota/manifest.plist", "/app/x", "/"):
            answer = balanced.get(target, tls=tls, before=version_one("127.0.0.1"), source="127.0.0.9")
            assert answer.status == 403, (tls, target)
