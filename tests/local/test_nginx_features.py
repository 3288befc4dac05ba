"""What a real nginx makes of the optional keys: password, limits, CORS, client certificates, error pages, PROXY protocol."""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest
import trustme

from tests.local.nginx_application import application
from tests.local.nginx_server import HSTS, Answer, Bench, fill
from tests.nginx_variants import BALANCED, FEATURES, Raw

pytestmark = pytest.mark.local
PORTAL = "https://portal.example.com"
LOGIN = "Basic " + base64.b64encode(b"anna:open sesame").decode()
PREFLIGHT = {"Origin": PORTAL, "Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "range"}
INSTALL = (("HEAD", {}), ("GET", {}), ("GET", {"Range": "bytes=500-"}), ("GET", {"Range": "bytes=1000-1999"}))


def prepare(binary: str, folder: Path, raw: Raw) -> Bench:
    """Return a bench with content, passwords, a client's authority and error pages where its site says."""
    made = Bench(binary, folder, raw)
    for location in made.site.static:
        fill(Path(location.root or ""))
        (Path(location.root or "") / "icon.png").write_bytes(b"png" * 500)
    authority = trustme.CA()
    for path in (made.site.auth.htpasswd, made.site.client_certificates.ca):
        Path(path or "").parent.mkdir(parents=True, exist_ok=True)
    words = ["openssl", "passwd", "-apr1", "open sesame"]
    hashed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    Path(made.site.auth.htpasswd or "").write_text(f"anna:{hashed}")
    authority.cert_pem.write_to_path(made.site.client_certificates.ca or "")
    authority.issue_cert("anna@example.com").private_key_and_cert_chain_pem.write_to_path(str(folder / "anna.pem"))
    pages = Path(made.site.error_pages.folder or "")
    pages.mkdir(parents=True)
    for status in made.site.error_pages.statuses:
        (pages / f"{status}.html").write_text(f"<!doctype html>our own {status}")
    return made


@pytest.fixture(scope="module")
def bench(binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = prepare(binary, tmp_path_factory.mktemp("features"), {**FEATURES, "http3": False})
    with application(made.ports["app"]), made.running():
        yield made
        assert "[alert]" not in made.errors()


def wanted(answer: Answer, status: int) -> Answer:
    """Hold what every answer of the site has, whatever its status."""
    assert answer.status == status, answer
    assert answer.one("strict-transport-security") == HSTS
    assert answer.one("x-content-type-options") == "nosniff"
    assert answer.one("vary") == "Origin"
    return answer


@pytest.mark.parametrize("path", ["/", "/index.html", "/style.css", "/sub/"])
def test_a_page_asks_for_the_password(bench: Bench, path: str) -> None:
    refused = wanted(bench.ask(path), 401)
    assert refused.one("www-authenticate") == 'Basic realm="Builds of our team"'
    assert refused.one("cache-control") == "no-store"
    assert refused.body == b"<!doctype html>our own 401"
    assert refused.one("content-type") == "text/html"
    wanted(bench.ask(path, Authorization="Basic " + base64.b64encode(b"anna:wrong").decode()), 401)
    assert wanted(bench.ask(path, Authorization=LOGIN), 200).one("cache-control") == "no-cache"


@pytest.mark.parametrize("name", ["app.plist", "app.ipa", "app.mobileconfig", "app.crt", "icon.png", "a%20b+c.ipa"])
def test_what_the_installer_fetches_needs_no_password(bench: Bench, name: str) -> None:
    for method, headers in INSTALL:
        assert wanted(bench.ask(f"/{name}", method, **headers), 206 if headers else 200).all("www-authenticate") == []


def test_a_missing_manifest_is_404_with_our_page_and_never_200(bench: Bench) -> None:
    for name in ("missing.plist", "missing.ipa"):
        answer = wanted(bench.ask(f"/{name}"), 404)
        assert (answer.body, answer.one("cache-control")) == (b"<!doctype html>our own 404", "no-store")
        assert wanted(bench.ask(f"/{name}", "HEAD"), 404).body == b""
        assert wanted(bench.ask(f"/{name}", Range="bytes=0-3"), 404).body == answer.body


def test_error_pages_cannot_be_asked_for(bench: Bench) -> None:
    assert bench.ask(f"/ota-proxy-errors-ota_example_com_{bench.ports['https']}/404.html").status == 404


def test_an_application_that_does_not_answer_gets_our_page_for_every_method(bench: Bench, binary: str, tmp_path: Path) -> None:
    made = prepare(binary, tmp_path, {**FEATURES, "http3": False})
    with made.running():
        for method in ("GET", "POST"):
            answer = made.ask("/app/anything", method)
            assert (answer.status, answer.body) == (502, b"<!doctype html>our own 502")
    assert bench.ask("/app/anything").status == 200


def test_a_flood_of_pages_is_429_and_thirty_installs_beside_it_pass(bench: Bench) -> None:
    def page(_: int) -> Answer:
        return bench.ask("/", Authorization=LOGIN)

    def install(_: int) -> list[int]:
        return [
            bench.ask(path, method, **headers).status
            for path in ("/app.plist", "/app.ipa", "/icon.png")
            for method, headers in INSTALL
        ]

    with ThreadPoolExecutor(16) as pool:
        pages, installs = pool.map(page, range(200)), pool.map(install, range(30))
        seen = list(pages)
        assert [one for one in installs if one != [200, 200, 206, 206] * 3] == []
    assert {one.status for one in seen} == {200, 429}
    refused = next(one for one in seen if one.status == 429)
    assert (refused.body, refused.one("cache-control")) == (b"<!doctype html>our own 429", "no-store")


def test_an_origin_of_the_list_may_read_files_and_errors(bench: Bench) -> None:
    for path, status in (("/app.plist", 200), ("/missing.plist", 404), ("/", 401)):
        answer = wanted(bench.ask(path, Origin=PORTAL), status)
        assert answer.one("access-control-allow-origin") == PORTAL
        assert answer.one("access-control-expose-headers") == "Accept-Ranges, Content-Range, ETag"
        assert answer.all("access-control-allow-credentials") == []
        assert answer.all("access-control-allow-methods") == []


@pytest.mark.parametrize(
    "origin", ["https://portal.example.com.evil.example", "http://portal.example.com", "https://portal.example.com:8443", "null", "HTTPS://PORTAL.EXAMPLE.COM", ""]
)
def test_no_other_origin_may(bench: Bench, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = bench.ask("/app.plist", method, **{**PREFLIGHT, "Origin": origin})
        assert [name for name, _ in answer.headers if name.startswith("access-control-")] == []
        assert answer.status == (200 if method == "GET" else 405)


@pytest.mark.parametrize("path", ["/app.plist", "/app.ipa", "/", "/icon.png", "/staff/app.plist"])
def test_a_preflight_is_answered_without_password_or_certificate(bench: Bench, path: str) -> None:
    answer = wanted(bench.ask(path, "OPTIONS", **PREFLIGHT), 204)
    assert answer.one("access-control-allow-origin") == PORTAL
    assert answer.one("access-control-allow-methods") == "GET, HEAD"
    assert "Range" in answer.one("access-control-allow-headers")
    assert answer.one("access-control-max-age") == "600"
    assert answer.one("cache-control") == "no-store"
    assert answer.body == b""


def test_options_without_a_preflights_header_and_other_methods_stay_405(bench: Bench) -> None:
    for method, headers in (("OPTIONS", {}), ("OPTIONS", {"Origin": PORTAL}), ("POST", PREFLIGHT), ("DELETE", {})):
        answer = wanted(bench.ask("/app.plist", method, **headers), 405)
        assert answer.one("allow") == "GET, HEAD"


@pytest.mark.parametrize("path", ["/staff/app.plist", "/staff/app.ipa", "/staff/", "/staff/icon.png", "//staff/app.ipa", "/x/../staff/app.ipa"])
def test_a_guarded_location_answers_holders_of_a_certificate_only(bench: Bench, path: str) -> None:
    refused = wanted(bench.ask(path, Authorization=LOGIN), 403)
    assert refused.body == b"<!doctype html>our own 403"
    wanted(bench.ask(path, Authorization=LOGIN, certificate=str(bench.folder / "anna.pem")), 200)


def test_the_other_locations_ask_for_no_certificate(bench: Bench) -> None:
    assert bench.ask("/app.ipa").status == 200
    assert bench.ask("/app/anything").status == 200


def version_one(source: str = "198.51.100.7") -> bytes:
    return f"PROXY TCP4 {source} 192.0.2.1 40000 443\r\n".encode()


def version_two(source: str = "198.51.100.7") -> bytes:
    addresses = socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 40000, 443)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes((0x21, 0x11)) + struct.pack("!H", len(addresses)) + addresses


@pytest.fixture(scope="module")
def balanced(binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = prepare(binary, tmp_path_factory.mktemp("balanced"), BALANCED)
    with application(made.ports["app"]), made.running():
        yield made


@pytest.mark.parametrize("header", [version_one, version_two])
def test_the_log_and_the_application_get_the_address_of_the_proxy_header(balanced: Bench, header: object) -> None:
    before = header()  # type: ignore[operator]
    assert balanced.ask("/app.plist", before=before).status == 200
    assert balanced.ask("/", plain=True, before=before).status == 308
    assert b"198.51.100.7" in balanced.ask("/app/headers", before=before).body
    lines = (balanced.folder / "logs" / "access.log").read_text().splitlines()[-3:]
    assert [line.split()[0] for line in lines] == ["198.51.100.7"] * 3


def test_a_connection_without_a_proxy_header_is_ended(balanced: Bench) -> None:
    with pytest.raises((OSError, HTTPException)):
        balanced.ask("/app.plist")
    with pytest.raises((OSError, HTTPException)):
        balanced.ask("/", plain=True)


def test_a_stranger_is_refused_whatever_his_proxy_header_claims(balanced: Bench) -> None:
    for plain in (False, True):
        answer = balanced.ask("/app.plist", plain=plain, before=version_one("127.0.0.1"), source="127.0.0.9")
        assert answer.status == 403
    assert (balanced.folder / "logs" / "access.log").read_text().splitlines()[-1].startswith("127.0.0.9 ")
