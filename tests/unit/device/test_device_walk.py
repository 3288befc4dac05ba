"""A whole walk against a small server of our own, healthy and not."""

from __future__ import annotations

import asyncio
import gzip
import plistlib
from pathlib import Path

import pytest

from ota_proxy.device.walk import MISSING, WalkOptions, walk
from ota_proxy.errors import UsageError
from ota_proxy.facts.install import InstallFacts
from tests.support.device_servers import HOST, server_context, serving
from tests.support.walked_site import BASE, FULL, LINK, PACKAGE, Site, _date, manifest, walked


def test_a_healthy_install_is_walked_from_page_to_package_in_order(tmp_path: Path) -> None:
    site = Site()
    facts = walked(tmp_path, site, f"{BASE}/", options={"probe_tls": True})
    assert (facts.start, facts.host, facts.port) == ("page", HOST, 443)
    assert facts.tls is not None
    assert facts.tls.trust == "trusted"
    assert facts.page is not None
    assert facts.link is facts.page.links[0]
    assert facts.link.manifest_url == f"{BASE}/ota/manifest.plist"
    assert facts.manifest is not None
    assert facts.manifest.metadata["title"] == "An App"
    package = facts.packages[0]
    visits = (package.head, package.get, package.ranged, package.tail, package.resumed, package.conditional)
    assert [visit.status if visit else 0 for visit in visits] == [200, 200, 206, 206, 206, 304]
    assert package.size == len(PACKAGE)
    first, last = package.range_asked
    assert package.reference == PACKAGE[first : last + 1]
    assert package.ranged.response is not None
    assert package.ranged.response.body == package.reference
    assert package.tail.response is not None
    assert package.tail.response.body.endswith(PACKAGE[-22:])
    assert facts.images[0].visit.ok
    assert facts.missing is not None
    assert facts.missing.status == 404
    numbers = [exchange.id for exchange in facts.exchanges()]
    assert numbers == list(range(1, len(numbers) + 1))
    asked = [(method, path) for method, path, _ in site.requests]
    assert asked == [(e.method, e.url.removeprefix(BASE)) for e in facts.exchanges()]
    assert asked.index(("GET", "/ota/manifest.plist")) < asked.index(("HEAD", "/ota/app.ipa"))
    assert asked.index(("HEAD", "/ota/app.ipa")) < asked.index(("GET", "/ota/app.ipa"))


def test_no_request_carries_cookies_or_a_referer_and_each_part_has_its_own_agent(tmp_path: Path) -> None:
    site = Site(hook=lambda *_: None)
    facts = walked(tmp_path, site, f"{BASE}/")
    assert not [h for _, _, h in site.requests if "cookie" in h or "referer" in h or "authorization" in h]
    agents = {exchange.agent: dict(exchange.request_headers)["User-Agent"] for exchange in facts.exchanges()}
    assert len(set(agents.values())) == 4
    assert "Safari" in agents["browser"]
    assert not any("Mozilla" in agents[name] for name in ("manifest", "package", "mdm"))


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (LINK, "link"),
        (f"{BASE}/ota/manifest.plist", "manifest"),
        (f"{BASE}/ota/manifest.PLIST?x=1", "manifest"),
        (f"{BASE}/ota/app.ipa", "package"),
        (f"{BASE}/", "page"),
        (f"{BASE}/manifest/7", "manifest"),
        (f"{BASE}/download/7", "package"),
    ],
)
def test_what_the_walk_starts_from_is_seen_by_name_or_by_content(tmp_path: Path, start: str, kind: str) -> None:
    site = Site()
    site.files |= {"/manifest/7": manifest(), "/download/7": PACKAGE, "/ota/manifest.PLIST": manifest()}
    facts = walked(tmp_path, site, start)
    assert facts.start == kind
    assert [package.get.status for package in facts.packages] == [200]


@pytest.mark.parametrize("start", ["ota.example.com/x", "ftp://ota.example.com/", "https://", "", "https://[::1"])
def test_a_start_that_no_device_can_open_is_a_usage_error(tmp_path: Path, start: str) -> None:
    with pytest.raises(UsageError) as caught:
        walked(tmp_path, Site(), start)
    assert caught.value.hint


def test_a_redirect_to_the_scheme_is_a_link(tmp_path: Path) -> None:
    raw = f"HTTP/1.1 302 Found\r\nLocation: {LINK}\r\nContent-Length: 0\r\n\r\n".encode()
    facts = walked(tmp_path, Site(hook=lambda _m, path, _h: raw if path == "/go" else None), f"{BASE}/go")
    assert facts.link is not None
    assert facts.link.context == "redirect"
    assert facts.manifest is not None
    assert facts.manifest.data is not None


def test_the_plain_probe_asks_for_the_same_path_and_records_the_redirect(tmp_path: Path) -> None:
    plain = Site(
        hook=lambda _m, path, _h: f"HTTP/1.1 308 P\r\nLocation: {BASE}{path}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    facts = walked(tmp_path, Site(), f"{BASE}/ota/manifest.plist", plain=plain)
    assert facts.plain is not None
    assert facts.plain.open
    assert [path for _, path, _ in plain.requests] == ["/ota/manifest.plist?ota-proxy=probe%2Fx"]
    assert facts.plain.probe.status == 308


def test_the_plain_port_of_another_server_is_not_asked(tmp_path: Path) -> None:
    assert walked(tmp_path, Site(), f"{BASE}/ota/manifest.plist").plain is None


def test_a_manifest_over_http_is_not_asked_for_as_a_device_would_not(tmp_path: Path) -> None:
    plain = Site()
    facts = walked(tmp_path, Site(), f"http://{HOST}/ota/manifest.plist", plain=plain)
    assert facts.manifest is not None
    assert facts.manifest.visit.error is not None
    assert [path for _, path, _ in plain.requests] == ["/ota/manifest.plist?ota-proxy=probe%2Fx"]


def test_an_installer_never_follows_from_https_to_http(tmp_path: Path) -> None:
    plain = Site()
    raw = f"HTTP/1.1 302 F\r\nLocation: http://{HOST}/ota/app.ipa\r\nContent-Length: 0\r\n\r\n".encode()
    site = Site(hook=lambda _m, path, _h: raw if path == "/ota/app.ipa" else None)
    facts = walked(tmp_path, site, f"{BASE}/ota/manifest.plist", plain=plain)
    assert facts.packages[0].get.stopped == "left-https"
    assert not [path for _, path, _ in plain.requests if path.endswith(".ipa")]


def test_a_server_that_ignores_ranges_and_conditions_is_recorded_as_it_is(tmp_path: Path) -> None:
    def ignorant(_method: str, _path: str, headers: dict[str, str]) -> None:
        headers.pop("range", None)
        headers.pop("if-none-match", None)

    package = walked(tmp_path, Site(hook=ignorant), f"{BASE}/ota/app.ipa").packages[0]
    assert (package.ranged.status, package.tail.status) == (200, 200)
    assert package.resumed is not None
    assert package.resumed.status == 200
    assert package.conditional is not None
    assert package.conditional.status == 200


def test_without_a_length_the_size_is_counted_and_the_range_still_compared(tmp_path: Path) -> None:
    def chunked(method: str, path: str, headers: dict[str, str]) -> bytes | None:
        if path != "/ota/app.ipa" or "range" in headers:
            return None
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head if method == "HEAD" else head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(PACKAGE), PACKAGE)

    package = walked(tmp_path, Site(hook=chunked), f"{BASE}/ota/app.ipa").packages[0]
    assert package.size == len(PACKAGE)
    assert package.resumed is None
    assert package.conditional is None
    first, last = package.range_asked
    assert package.reference == PACKAGE[first : last + 1]
    assert len(package.reference) > 1000


@pytest.mark.parametrize("told", [0, 10, 4 * len(PACKAGE)])
def test_where_head_lies_about_the_size_the_range_is_still_inside_the_package(tmp_path: Path, told: int) -> None:
    lie = f"HTTP/1.1 200 OK\r\nContent-Length: {told}\r\n\r\n".encode()
    site = Site(hook=lambda method, path, _: lie if method == "HEAD" and path.endswith(".ipa") else None)
    package = walked(tmp_path, site, f"{BASE}/ota/app.ipa").packages[0]
    assert package.size == len(PACKAGE)
    assert package.ranged.status == 206
    assert package.ranged.response is not None
    first, last = package.range_asked
    assert package.ranged.response.body == PACKAGE[first : last + 1]
    assert package.reference == PACKAGE[first : first + len(package.reference)]


def test_of_a_package_over_the_limit_only_the_part_to_compare_is_read(tmp_path: Path) -> None:
    site = Site()
    site.files["/ota/app.ipa"] = b"PK\x03\x04" + bytes(3_000_000)
    package = walked(tmp_path, site, f"{BASE}/ota/app.ipa", options={"package_limit": 1_000_000}).packages[0]
    assert package.get.response is not None
    assert package.get.response.truncated
    assert package.get.response.received < 600_000
    assert package.size == 3_000_004
    assert len(package.reference) == package.range_asked[1] - package.range_asked[0] + 1


@pytest.mark.parametrize(
    ("etag", "validator"),
    [('"strong"', '"strong"'), ('W/"weak"', None), ("", _date(-3600))],
    ids=["strong", "weak", "date"],
)
def test_a_resume_uses_only_a_validator_that_is_strong(tmp_path: Path, etag: str, validator: str | None) -> None:
    def plain_dates(_method: str, path: str, headers: dict[str, str]) -> bytes | None:
        if etag or path != "/ota/app.ipa" or "range" in headers:
            return None
        head = f"HTTP/1.1 200 OK\r\nLast-Modified: {_date(-3600)}\r\nDate: {_date(0)}\r\nContent-Length: {len(PACKAGE)}"
        return head.encode() + b"\r\n\r\n" + PACKAGE

    package = walked(tmp_path, Site(hook=plain_dates, etag=etag), f"{BASE}/ota/app.ipa").packages[0]
    asked = dict(package.resumed.first.request_headers).get("If-Range") if package.resumed else None
    assert asked == validator


def test_a_young_last_modified_is_no_validator(tmp_path: Path) -> None:
    def young(_method: str, path: str, _headers: dict[str, str]) -> bytes | None:
        head = f"HTTP/1.1 200 OK\r\nLast-Modified: {_date(-59)}\r\nDate: {_date(0)}\r\nContent-Length: {len(PACKAGE)}"
        return head.encode() + b"\r\n\r\n" + PACKAGE if path == "/ota/app.ipa" else None

    package = walked(tmp_path, Site(hook=young), f"{BASE}/ota/app.ipa").packages[0]
    assert package.resumed is None
    assert package.conditional is not None


def test_a_manifest_bomb_is_unsafe_and_does_not_stop_the_walk(tmp_path: Path) -> None:
    packed = gzip.compress(b"<plist>" + b" " * 50_000_000)
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    site = Site(hook=lambda _m, path, _h: raw if path.endswith("manifest.plist") else None)
    facts = walked(tmp_path, site, f"{BASE}/ota/manifest.plist")
    assert facts.manifest is not None
    assert "unpacks to more" in facts.manifest.unsafe
    assert facts.manifest.data is None
    assert facts.missing is not None
    assert facts.missing.first.url == f"{BASE}/ota/{MISSING}"


def test_a_compressed_manifest_is_read(tmp_path: Path) -> None:
    packed = gzip.compress(manifest())
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    site = Site(hook=lambda _m, path, _h: raw if path.endswith("manifest.plist") else None)
    facts = walked(tmp_path, site, f"{BASE}/ota/manifest.plist")
    assert facts.manifest is not None
    assert facts.manifest.data is not None
    assert facts.manifest.visit.response is not None
    assert facts.manifest.visit.response.body == packed


def test_only_assets_that_can_be_asked_for_are_asked_for(tmp_path: Path) -> None:
    site = Site()
    site.files["/ota/manifest.plist"] = plistlib.dumps(
        {
            "items": [
                {
                    "assets": [
                        {"kind": "software-package", "url": url}
                        for url in ("app.ipa", f"http://{HOST}/a.ipa", f"{BASE}/ota/app.ipa")
                    ],
                    "metadata": {},
                }
            ]
        }
    )
    facts = walked(tmp_path, site, f"{BASE}/ota/manifest.plist")
    assert [package.url for package in facts.packages] == [f"{BASE}/ota/app.ipa"]


def test_an_origin_that_cannot_be_reached_is_asked_once(tmp_path: Path) -> None:
    site = Site()
    site.files["/ota/manifest.plist"] = manifest(software_package="https://gone.invalid/app.ipa")
    told: list[str] = []
    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper)

    async def scene() -> InstallFacts:
        async with serving(site.handle, context) as port:
            route = {(HOST, 443): ("127.0.0.1", port), ("gone.invalid", 443): ("127.0.0.1", 1)}
            options = WalkOptions(ca_pem=FULL.root.pem, resolve=route, probe_tls=False)
            return await walk(f"{BASE}/ota/manifest.plist", options, lambda _step, text: told.append(text))

    package = asyncio.run(scene()).packages[0]
    assert package.get.error is not None
    assert package.get.error.kind == "refused"
    assert package.ranged.error == package.get.error
    assert len([text for text in told if "gone.invalid" in text]) == 1


def test_a_server_that_sends_a_byte_now_and_then_is_given_up_at_the_step_where_it_happens(tmp_path: Path) -> None:
    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.1)

    async def scene() -> InstallFacts:
        async with serving(slow, context) as port:
            route = {(HOST, 443): ("127.0.0.1", port)}
            options = WalkOptions(ca_pem=FULL.root.pem, resolve=route, probe_tls=False, scale=0.03)
            return await asyncio.wait_for(walk(f"{BASE}/ota/manifest.plist", options), 10)

    facts = asyncio.run(scene())
    assert facts.manifest is not None
    assert facts.manifest.visit.error is not None
    assert facts.manifest.visit.error.kind == "timeout"
    assert facts.manifest.visit.step == "manifest"


def test_an_untrusted_server_is_still_looked_at(tmp_path: Path) -> None:
    facts = walked(tmp_path, Site(), f"{BASE}/ota/manifest.plist", options={"ca_pem": None, "probe_tls": True})
    assert facts.tls is not None
    assert facts.tls.trust == "unknown-root"
    assert facts.manifest is not None
    assert facts.manifest.visit.error is not None
    assert facts.manifest.visit.error.kind == "tls"
