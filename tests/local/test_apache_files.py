"""Files on the Apache of this machine: types, caching, headers, methods, ranges, and a start without a warning."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.support import apache_host
from tests.support.apache_host import HSTS, Host, Reply
from tests.support.apache_sites import ODD_HEADER

pytestmark = [pytest.mark.local, pytest.mark.skipif(bool(apache_host.MISSING), reason=apache_host.MISSING)]


def test_the_configuration_test_and_the_start_are_free_of_warnings() -> None:
    def change(_: dict[str, Any], place: Path) -> None:
        (place / "www" / "App.ipa").write_bytes(b"PK")
        (place / "acme" / ".well-known" / "acme-challenge").mkdir(parents=True)

    for profile in ("intermediate", "modern"):

        def profiled(raw: dict[str, Any], place: Path, profile: str = profile) -> None:
            change(raw, place)
            raw["tls"] = {"profile": profile}

        with apache_host.running(profiled) as clean:
            assert clean.offered.strip() == "Syntax OK"
            assert clean.get("/ota/App.ipa").body == b"PK"
            assert clean.log == ""


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("App.ipa", "application/octet-stream"),
        ("UPPER.IPA", "application/octet-stream"),
        ("App.fr.ipa", "application/octet-stream"),
        ("App.tgz.ipa", "application/octet-stream"),
        ("App.var.ipa", "application/octet-stream"),
        ("manifest.plist", "text/xml"),
        ("profile.mobileconfig", "application/x-apple-aspen-config"),
        ("index.html", "text/html"),
    ],
)
@pytest.mark.parametrize("prefix", ["/ota/", "/odd+a.b/", "/app/files/"])
def test_every_file_has_its_media_type_and_no_language_or_encoding(
    busy_apache: Host, prefix: str, name: str, media_type: str
) -> None:
    for method in ("GET", "HEAD"):
        reply = busy_apache.get(
            prefix + name, "Accept-Encoding: gzip, br" if "html" not in name else "X-A: b", method=method
        )
        assert (reply.status, reply.one("Content-Type")) == (200, media_type)
        assert reply.all("Content-Encoding") == reply.all("Content-Language") == []
        assert len(reply.all("Content-Length")) == 1


def test_names_with_spaces_plus_and_unicode_are_found(busy_apache: Host) -> None:
    for name in ("a%20b+c%252F.ipa", "%C3%A9.ipa"):
        assert busy_apache.get("/odd+a.b/" + name).status == 200


def test_the_parents_filters_still_work_on_pages(busy_apache: Host) -> None:
    reply = busy_apache.get("/ota/index.html", "Accept-Encoding: gzip")
    assert reply.one("Content-Encoding") == "gzip"
    assert gzip.decompress(reply.body).startswith(b"<!doctype html>")


def test_cache_rules_hold_against_the_parents_expires(busy_apache: Host) -> None:
    manifest, package = busy_apache.get("/ota/manifest.plist"), busy_apache.get("/ota/App.ipa")
    assert (manifest.one("Cache-Control"), manifest.all("Expires")) == ("no-store", [])
    assert (package.one("Cache-Control"), package.all("Expires")) == ("no-cache", [])
    assert busy_apache.get("/ota/index.html").one("Cache-Control") == "no-cache"
    for missing in ("/ota/none.plist", "/ota/none.ipa", "/ota/none.html"):
        assert busy_apache.get(missing).one("Cache-Control") == "no-store"


@pytest.mark.parametrize(
    ("target", "headers", "status", "kept"),
    [
        ("/ota/App.ipa", ("Range: bytes=0-9",), 206, "no-cache"),
        ("/ota/App.ipa", ("Range: bytes=999999999-",), 416, "no-store"),
        ("/ota/App.ipa", ("If-None-Match: *",), 304, "no-cache"),
        ("/ota/App.ipa", ("If-Match: x",), 412, "no-store"),
        ("/ota/manifest.plist", ("If-None-Match: *",), 304, "no-store"),
        ("/ota/index.html", ("If-None-Match: *",), 304, "no-cache"),
        ("/ota/sub", (), 301, "no-cache"),
        ("/ota/.env", (), 403, "no-store"),
    ],
)
def test_cache_rules_stand_once_on_every_status(
    busy_apache: Host, target: str, headers: tuple[str, ...], status: int, kept: str
) -> None:
    reply = busy_apache.get(target, *headers)
    assert (reply.status, reply.all("Cache-Control"), reply.all("Expires")) == (status, [kept], [])


@pytest.mark.parametrize("name", ["App.ipa.tgz", "App.ipa.fr", "manifest.plist.x"])
def test_a_name_with_another_extension_at_its_end_is_no_package_and_no_manifest(busy_apache: Host, name: str) -> None:
    reply = busy_apache.get(f"/ota/{name}")
    assert (reply.status, reply.one("Cache-Control")) == (200, "no-cache")
    assert reply.all("Content-Type") not in (["application/octet-stream"], ["text/xml"])


def test_an_inherited_error_page_is_not_redirected_over_http(busy_apache: Host) -> None:
    for target, name, status in (("/x", "other.example", 421), ("/.well-known/acme-challenge/none", "", 404)):
        reply = busy_apache.get(target, tls=False, host=name or None)
        assert (reply.status, reply.all("Location")) == (status, [])


@pytest.mark.parametrize(
    "target",
    [
        "/ota/App.ipa",
        "/ota/none",
        "/none",
        "/ota",
        "/ota/sub",
        "/ota/.env",
        "/app/x?status=404",
        "/app/x",
        "/app/x?Strict-Transport-Security=max-age%3D0",
    ],
)
def test_hsts_stands_exactly_once_on_every_https_answer(busy_apache: Host, target: str) -> None:
    assert busy_apache.get(target).one(HSTS) == busy_apache.site.hsts.value


def test_hsts_stands_once_on_refusals_too(busy_apache: Host) -> None:
    for reply in (
        busy_apache.get("/ota/App.ipa", method="POST"),
        busy_apache.get("/ota/", host="other.example"),
        busy_apache.get("/ota/", method="TRACE"),
    ):
        assert reply.one(HSTS) == busy_apache.site.hsts.value


def test_http_on_the_tls_port_gets_no_hsts_either(busy_apache: Host) -> None:
    reply = busy_apache.plain_on_tls_port("/ota/App.ipa")
    assert (reply.status, reply.all(HSTS)) == (400, [])


def test_no_answer_offers_to_switch_to_http2(busy_apache: Host) -> None:
    for target in ("/ota/App.ipa", "/ota/index.html", "/app/x"):
        reply = busy_apache.get(target)
        assert reply.all("Upgrade") == []
        assert "upgrade" not in reply.one("Connection").lower()


def test_hsts_is_never_sent_over_http(busy_apache: Host) -> None:
    for target in ("/ota/App.ipa", "/.well-known/acme-challenge/token", "/.well-known/acme-challenge/none"):
        assert busy_apache.get(target, tls=False).all(HSTS) == []


def test_security_headers_are_byte_exact_and_single_on_files_and_their_errors(busy_apache: Host) -> None:
    for target in ("/ota/App.ipa", "/ota/none", "/ota/.env", "/ota/index.html"):
        reply = busy_apache.get(target)
        assert (reply.one("X-Frame-Options"), reply.one("X-Odd")) == ("DENY", ODD_HEADER)
    assert busy_apache.get("/app/x").one("X-Odd") == ODD_HEADER


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"])
def test_files_answer_get_and_head_only(busy_apache: Host, method: str) -> None:
    reply = busy_apache.get("/ota/App.ipa", method=method)
    assert reply.status == 405
    if method != "TRACE":  # refused before a folder is looked for
        assert [value for value in reply.all("Allow") if value] == ["GET, HEAD"]


@pytest.mark.parametrize(
    "target",
    [
        "/ota/.env",
        "/ota/.git/config",
        "/ota/.git/",
        "/ota/sub/.x/y",
        "/ota/%2egit/config",
        "/ota/.git",
        "/ota/.well-knownx",
    ],
)
def test_dotfiles_are_refused(busy_apache: Host, target: str) -> None:
    assert busy_apache.get(target).status == 403


def test_well_known_is_not_a_dotfile(busy_apache: Host) -> None:
    assert busy_apache.get("/ota/.well-known/security.txt").body == b"Contact: x"


def test_folders_are_not_listed_and_have_their_page(busy_apache: Host) -> None:
    assert busy_apache.get("/ota/").body.startswith(b"<!doctype html>landing")
    listing = busy_apache.get("/ota/empty/")
    assert listing.status in (403, 404)
    assert b"page.html" not in listing.body


def test_a_missing_slash_is_redirected_to_the_public_address(busy_apache: Host) -> None:
    base = busy_apache.site.base_url
    assert busy_apache.get("/ota?a=%2F").one("Location") == f"{base}/ota/?a=%2F"
    assert busy_apache.get("/ota/sub").one("Location") == f"{base}/ota/sub/"
    assert busy_apache.get("/app/files").one("Location") == f"{base}/app/files/"
    assert busy_apache.get("/otax").status == 404


def test_what_no_location_covers_is_not_found(busy_apache: Host) -> None:
    for target in ("/", "/index.html", "/run/", "/httpd.conf", "/otherapp/"):
        reply = busy_apache.get(target)
        assert reply.status == 404
        assert reply.all("Location") == []


def test_a_package_can_be_resumed(busy_apache: Host) -> None:
    whole = busy_apache.get("/ota/App.ipa")
    tag = whole.one("ETag")
    part = busy_apache.get("/ota/App.ipa", "Range: bytes=100-199", f"If-Range: {tag}")
    assert (part.status, part.body, part.one("Content-Range")) == (
        206,
        whole.body[100:200],
        f"bytes 100-199/{len(whole.body)}",
    )
    assert busy_apache.get("/ota/App.ipa", "Range: bytes=100-", 'If-Range: "old"').status == 200
    assert busy_apache.get("/ota/App.ipa", f"If-None-Match: {tag}").status == 304
    assert busy_apache.get("/ota/App.ipa", "Range: bytes=999999999-").status == 416
    assert not tag.startswith("W/")


def test_head_and_get_agree(busy_apache: Host) -> None:
    def shape(reply: Reply) -> list[tuple[str, str]]:
        return [pair for pair in reply.headers if pair[0] != "Date"]

    for name in ("App.ipa", "manifest.plist", "index.html"):
        for accept in ("gzip, br", "identity"):
            get, head = (
                busy_apache.get(f"/ota/{name}", f"Accept-Encoding: {accept}", method=method)
                for method in ("GET", "HEAD")
            )
            if name != "index.html" or accept == "identity":
                assert shape(get) == shape(head)
