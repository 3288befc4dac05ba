"""What a real nginx makes of the optional keys: password, limits, CORS, client certificates, error pages, PROXY protocol."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.local.nginx_application import application
from tests.local.nginx_server import HSTS, Answer, Bench, fill
from tests.support.feature_files import LOGIN, WRONG, supply, version_one, version_two
from tests.support.nginx_variants import BALANCED, FEATURES, Raw

pytestmark = pytest.mark.local
KEYS: Raw = {**FEATURES, "http3": False, "limits": {"requests_per_second": 10_000}}
"""Neither binary of this machine has HTTP/3; and no test but the one about limits may meet them."""
PORTAL = "https://portal.example.com"
INSTALL = (("HEAD", ""), ("GET", ""), ("GET", "bytes=500-"), ("GET", "bytes=1000-1999"))


def prepare(binary: str, folder: Path, raw: Raw) -> Bench:
    """Return a bench with content, passwords, a client's authority and error pages where its site says."""
    made = Bench(binary, folder, raw)
    for location in made.site.static:
        fill(Path(location.root or ""))
        (Path(location.root or "") / "icon.png").write_bytes(b"png" * 500)
    supply(made.site, folder)
    return made


@pytest.fixture(scope="module")
def bench(binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = prepare(binary, tmp_path_factory.mktemp("features"), KEYS)
    with application(made.ports["app"]), made.running():
        yield made
        assert "[alert]" not in made.errors()


def preflight(bench: Bench, path: str, method: str = "OPTIONS", origin: str = PORTAL, wish: str = "GET") -> Answer:
    """Ask as a browser does before a script's request."""
    return bench.ask(path, method, Origin=origin, Access_Control_Request_Method=wish)


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
    wanted(bench.ask(path, Authorization=WRONG), 401)
    assert wanted(bench.ask(path, Authorization=LOGIN), 200).one("cache-control") == "no-cache"


@pytest.mark.parametrize("name", ["app.plist", "app.ipa", "app.mobileconfig", "app.crt", "icon.png", "a%20b+c.ipa"])
def test_what_the_installer_fetches_needs_no_password(bench: Bench, name: str) -> None:
    for method, part in INSTALL:
        assert wanted(bench.ask(f"/{name}", method, Range=part), 206 if part else 200).all("www-authenticate") == []


def test_a_missing_manifest_is_404_with_our_page_and_never_200(bench: Bench) -> None:
    for name in ("missing.plist", "missing.ipa"):
        answer = wanted(bench.ask(f"/{name}"), 404)
        assert (answer.body, answer.one("cache-control")) == (b"<!doctype html>our own 404", "no-store")
        assert wanted(bench.ask(f"/{name}", "HEAD"), 404).body == b""
        assert wanted(bench.ask(f"/{name}", Range="bytes=0-3"), 404).body == answer.body


def test_error_pages_cannot_be_asked_for(bench: Bench) -> None:
    assert bench.ask(f"/ota-proxy-errors-ota_example_com_{bench.ports['https']}/404.html").status == 404


def test_an_application_that_does_not_answer_gets_our_page_for_every_method(
    bench: Bench, binary: str, tmp_path: Path
) -> None:
    made = prepare(binary, tmp_path, KEYS)
    with made.running():
        for method in ("GET", "POST"):
            answer = made.ask("/app/anything", method)
            assert (answer.status, answer.body) == (502, b"<!doctype html>our own 502")
    assert bench.ask("/app/anything").status == 200


def test_a_flood_of_pages_is_429_and_thirty_installs_beside_it_pass(binary: str, tmp_path: Path) -> None:
    """One request a second: however slow this machine is, 200 of them are too many."""
    made = prepare(binary, tmp_path, {**KEYS, "limits": {"requests_per_second": 1, "burst": 20}})

    def page(_: int) -> Answer:
        return made.ask("/", Authorization=LOGIN)

    def install(_: int) -> list[int]:
        return [
            made.ask(path, method, Range=part).status
            for path in ("/app.plist", "/app.ipa", "/icon.png")
            for method, part in INSTALL
        ]

    with made.running(), ThreadPoolExecutor(8) as pool:
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
    "origin",
    [
        "https://portal.example.com.evil.example",
        "http://portal.example.com",
        "https://portal.example.com:8443",
        "null",
        "HTTPS://PORTAL.EXAMPLE.COM",
        "",
    ],
)
def test_no_other_origin_may(bench: Bench, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = preflight(bench, "/app.plist", method, origin)
        assert [name for name, _ in answer.headers if name.startswith("access-control-")] == []
        assert answer.status == (200 if method == "GET" else 405)


@pytest.mark.parametrize("path", ["/app.plist", "/app.ipa", "/", "/icon.png", "/staff/app.plist"])
def test_a_preflight_is_answered_without_password_or_certificate(bench: Bench, path: str) -> None:
    answer = wanted(preflight(bench, path), 204)
    assert answer.one("access-control-allow-origin") == PORTAL
    assert answer.one("access-control-allow-methods") == "GET, HEAD"
    assert "Range" in answer.one("access-control-allow-headers")
    assert answer.one("access-control-max-age") == "600"
    assert answer.one("cache-control") == "no-store"
    assert answer.body == b""


def test_options_without_a_preflights_header_and_other_methods_stay_405(bench: Bench) -> None:
    for answer in (
        bench.ask("/app.plist", "OPTIONS"),
        preflight(bench, "/app.plist", wish=""),
        preflight(bench, "/app.plist", "POST"),
        bench.ask("/app.plist", "DELETE"),
    ):
        assert wanted(answer, 405).one("allow") == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    ["/staff/app.plist", "/staff/app.ipa", "/staff/", "/staff/icon.png", "//staff/app.ipa", "/x/../staff/app.ipa"],
)
def test_a_guarded_location_answers_holders_of_a_certificate_only(bench: Bench, path: str) -> None:
    refused = wanted(bench.ask(path, Authorization=LOGIN), 403)
    assert refused.body == b"<!doctype html>our own 403"
    wanted(bench.ask(path, Authorization=LOGIN, certificate=str(bench.folder / "anna.pem")), 200)


def test_a_guarded_application_hears_of_holders_of_a_certificate_only(bench: Bench) -> None:
    for path in ("/crew/x.plist", "/crew/x"):
        for method in ("GET", "POST"):
            assert bench.ask(path, method).status == 403
            assert bench.ask(path, method, certificate=str(bench.folder / "anna.pem")).status == 200


def test_the_other_locations_ask_for_no_certificate(bench: Bench) -> None:
    assert bench.ask("/app.ipa").status == 200
    assert bench.ask("/app/anything").status == 200


def logged(bench: Bench, count: int) -> list[str]:
    """Return the address of every line of the access log, as soon as there are `count`: a line is written after its answer."""
    path = bench.folder / "logs" / "access.log"
    for _ in range(500):
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= count:
            break
        time.sleep(0.01)
    return [line.split()[0] for line in lines]


@pytest.fixture(scope="module")
def balanced(binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = prepare(binary, tmp_path_factory.mktemp("balanced"), BALANCED)
    with application(made.ports["app"]), made.running():
        yield made


@pytest.mark.parametrize("before", [version_one(), version_two()], ids=["v1", "v2"])
def test_the_log_and_the_application_get_the_address_of_the_proxy_header(balanced: Bench, before: bytes) -> None:
    before_now = len(logged(balanced, 0))
    assert balanced.ask("/app.plist", before=before).status == 200
    assert balanced.ask("/", plain=True, before=before).status == 308
    assert b"198.51.100.7" in balanced.ask("/app/headers", before=before).body
    assert logged(balanced, before_now + 3)[-3:] == ["198.51.100.7"] * 3


def test_a_connection_without_a_proxy_header_is_ended(balanced: Bench) -> None:
    with pytest.raises((OSError, HTTPException)):
        balanced.ask("/app.plist")
    with pytest.raises((OSError, HTTPException)):
        balanced.ask("/", plain=True)


def test_a_client_that_is_not_trusted_is_refused_whatever_its_proxy_header_claims(balanced: Bench) -> None:
    before_now = len(logged(balanced, 0))
    for plain in (False, True):
        answer = balanced.ask("/app.plist", plain=plain, before=version_one("127.0.0.1"), source="127.0.0.9")
        assert answer.status == 403
    assert logged(balanced, before_now + 2)[-2:] == ["127.0.0.9"] * 2
