"""The rendered configuration on the Apache of this machine: full scope, loopback, a folder of its own."""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest

from ota_proxy.errors import UsageError
from ota_proxy.harness.certificates import Authority
from ota_proxy.render.apache import render
from tests import apache_host
from tests.apache_host import DOMAIN, Host, Reply

pytestmark = [pytest.mark.local, pytest.mark.skipif(bool(apache_host.MISSING), reason=apache_host.MISSING)]

PAST = 1_700_000_000
HSTS = "Strict-Transport-Security"
ODD_FOLDER = "we ir*d [x] {y} \"q\" 'a' #1 100% <b> a\\b é?"
ODD_SOCKET = "so ck'\"ét\\%20&@[x]{y}$.sock"
ODD_HEADER = 'a "b" \\n \\\\ %{HTTP_HOST}e %% $1 $x <c> ; # expr= \\'
PARENT = (
    "AddLanguage fr .fr",
    "AddEncoding x-gzip .tgz",
    "AddHandler type-map var",
    "AddOutputFilterByType DEFLATE text/html text/plain text/xml application/octet-stream",
    "ExpiresActive On",
    'ExpiresDefault "access plus 1 year"',
    "ErrorDocument 404 /missing.html",
    f'Header set {HSTS} "max-age=1"',
    'Header set X-Frame-Options "SAMEORIGIN"',
)
PARENT_MODULES = tuple(
    f"LoadModule {name}_module {apache_host.MODULES}/mod_{name}.so"
    for name in ("filter", "deflate", "expires", "negotiation", "info")
)


def _files(www: Path) -> None:
    for name in ("App.ipa", "App.fr.ipa", "App.tgz.ipa", "App.var.ipa", "UPPER.IPA", "a b+c%2F.ipa", "é.ipa"):
        (www / name).write_bytes(bytes(range(256)) * 1000)
    (www / "manifest.plist").write_text("<plist/>" * 500)
    (www / "profile.mobileconfig").write_text("<plist/>")
    (www / "index.html").write_text("<!doctype html>landing" * 100)
    (www / "sub").mkdir()
    (www / "sub" / "index.html").write_text("sub")
    (www / ".well-known").mkdir()
    (www / ".well-known" / "security.txt").write_text("Contact: x")
    (www / ".git").mkdir()
    (www / ".git" / "config").write_text("secret")
    (www / ".env").write_text("secret")
    (www / "empty").mkdir()
    (www / "empty" / "page.html").write_text("page")
    for path in www.rglob("*"):
        os.utime(path, (PAST, PAST))  # a file changed within the last second has a weak tag


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(apache_host.application())

        def change(raw: dict[str, Any], place: Path) -> None:
            odd = place / "www" / ODD_FOLDER
            odd.mkdir()
            for folder in (place / "www", odd):
                _files(folder)
            challenge = place / "acme" / ".well-known" / "acme-challenge"
            challenge.mkdir(parents=True)
            (challenge / "token").write_text("proof")
            stack.enter_context(apache_host.application(f"{place}/run/{ODD_SOCKET}"))
            stack.enter_context(apache_host.application(f"{place}/run/second.sock"))
            raw["locations"] = [
                {"path": "/ota/", "root": str(place / "www")},
                {"path": "/odd+a.b/", "root": str(odd)},
                {"path": "/app/", "upstream": f"http://127.0.0.1:{port}"},
                {"path": "/app/files/", "root": str(place / "www")},
                {"path": "/sock/", "upstream": f"unix:{place}/run/{ODD_SOCKET}"},
                {"path": "/sock2/", "upstream": f"unix:{place}/run/second.sock"},
            ]
            raw["headers"] = {"X-Frame-Options": "DENY", "X-Odd": ODD_HEADER}
            raw["public_url"] = f"https://{DOMAIN}:8443"

        yield stack.enter_context(apache_host.running(change, *PARENT, before=PARENT_MODULES))


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
    host: Host, prefix: str, name: str, media_type: str
) -> None:
    for method in ("GET", "HEAD"):
        reply = host.get(prefix + name, "Accept-Encoding: gzip, br" if "html" not in name else "X-A: b", method=method)
        assert (reply.status, reply.one("Content-Type")) == (200, media_type)
        assert reply.all("Content-Encoding") == reply.all("Content-Language") == []
        assert len(reply.all("Content-Length")) == 1


def test_names_with_spaces_plus_and_unicode_are_found(host: Host) -> None:
    for name in ("a%20b+c%252F.ipa", "%C3%A9.ipa"):
        assert host.get("/odd+a.b/" + name).status == 200


def test_the_parents_filters_still_work_on_pages(host: Host) -> None:
    reply = host.get("/ota/index.html", "Accept-Encoding: gzip")
    assert reply.one("Content-Encoding") == "gzip"
    assert gzip.decompress(reply.body).startswith(b"<!doctype html>")


def test_cache_rules_hold_against_the_parents_expires(host: Host) -> None:
    manifest, package = host.get("/ota/manifest.plist"), host.get("/ota/App.ipa")
    assert (manifest.one("Cache-Control"), manifest.all("Expires")) == ("no-store", [])
    assert (package.one("Cache-Control"), package.all("Expires")) == ("no-cache", [])
    assert host.get("/ota/none.plist").one("Cache-Control") == "no-store"
    assert host.get("/ota/none.ipa").all("Cache-Control") == []


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
def test_hsts_stands_exactly_once_on_every_https_answer(host: Host, target: str) -> None:
    assert host.get(target).one(HSTS) == host.site.hsts.value


def test_hsts_stands_once_on_refusals_too(host: Host) -> None:
    for reply in (
        host.get("/ota/App.ipa", method="POST"),
        host.get("/ota/", host="other.example"),
        host.get("/ota/", method="TRACE"),
    ):
        assert reply.one(HSTS) == host.site.hsts.value


def test_hsts_is_never_sent_over_http(host: Host) -> None:
    for target in ("/ota/App.ipa", "/.well-known/acme-challenge/token", "/.well-known/acme-challenge/none"):
        assert host.get(target, tls=False).all(HSTS) == []


def test_security_headers_are_byte_exact_and_single_on_files_and_their_errors(host: Host) -> None:
    for target in ("/ota/App.ipa", "/ota/none", "/ota/.env", "/ota/index.html"):
        reply = host.get(target)
        assert (reply.one("X-Frame-Options"), reply.one("X-Odd")) == ("DENY", ODD_HEADER)
    assert host.get("/app/x").all("X-Odd") == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"])
def test_files_answer_get_and_head_only(host: Host, method: str) -> None:
    assert host.get("/ota/App.ipa", method=method).status == 405


def test_trace_is_refused_everywhere_and_other_methods_reach_the_application(host: Host) -> None:
    for target in ("/app/x", "/sock/x", "/ota/App.ipa", "/none"):
        assert host.get(target, method="TRACE").status == 405
    assert host.get("/ota/", method="TRACE", tls=False).status == 405
    for method in ("POST", "PUT", "DELETE"):
        assert host.get("/app/x", "Content-Length: 0", method=method).body.startswith(method.encode())


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
def test_dotfiles_are_refused(host: Host, target: str) -> None:
    assert host.get(target).status == 403


def test_well_known_is_not_a_dotfile(host: Host) -> None:
    assert host.get("/ota/.well-known/security.txt").body == b"Contact: x"


def test_folders_are_not_listed_and_have_their_page(host: Host) -> None:
    assert host.get("/ota/").body.startswith(b"<!doctype html>landing")
    listing = host.get("/ota/empty/")
    assert listing.status in (403, 404)
    assert b"page.html" not in listing.body


def test_a_missing_slash_is_redirected_to_the_public_address(host: Host) -> None:
    base = host.site.base_url
    assert host.get("/ota?a=%2F").one("Location") == f"{base}/ota/?a=%2F"
    assert host.get("/ota/sub").one("Location") == f"{base}/ota/sub/"
    assert host.get("/app/files").one("Location") == f"{base}/app/files/"
    assert host.get("/otax").status == 404


def test_what_no_location_covers_is_not_found(host: Host) -> None:
    for target in ("/", "/index.html", "/run/", "/httpd.conf", "/otherapp/"):
        reply = host.get(target)
        assert reply.status == 404
        assert reply.all("Location") == []


def test_a_package_can_be_resumed(host: Host) -> None:
    whole = host.get("/ota/App.ipa")
    tag = whole.one("ETag")
    part = host.get("/ota/App.ipa", "Range: bytes=100-199", f"If-Range: {tag}")
    assert (part.status, part.body, part.one("Content-Range")) == (
        206,
        whole.body[100:200],
        f"bytes 100-199/{len(whole.body)}",
    )
    assert host.get("/ota/App.ipa", "Range: bytes=100-", 'If-Range: "old"').status == 200
    assert host.get("/ota/App.ipa", f"If-None-Match: {tag}").status == 304
    assert host.get("/ota/App.ipa", "Range: bytes=999999999-").status == 416
    assert not tag.startswith("W/")


def test_head_and_get_agree(host: Host) -> None:
    def shape(reply: Reply) -> list[tuple[str, str]]:
        return [pair for pair in reply.headers if pair[0] != "Date"]

    for name in ("App.ipa", "manifest.plist", "index.html"):
        for accept in ("gzip, br", "identity"):
            get, head = (
                host.get(f"/ota/{name}", f"Accept-Encoding: {accept}", method=method) for method in ("GET", "HEAD")
            )
            if name != "index.html" or accept == "identity":
                assert shape(get) == shape(head)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/ota/App.ipa",
        "/ota/a%2Fb?a=%2F&b",
        "/ota//x",
        "//x",
        "/a%20",
        "/a%20%20?",
        "/%C3%A4%c3%a4",
        "/a%3Fb?c=%3F",
        "/%25?%",
        "/?a=%0d%0aX-Evil:1",
        "/%0d%0aX-Evil:1",
        "/a+b;c=1,d@e:f!$&'()*~",
        "/?next=https://x.example/?y#z"[:-2],
        "/a/../b",
        "/.well-known/acme-challengex",
        "/?" + "q" * 4000,
    ],
)
def test_the_redirect_keeps_path_and_query_byte_for_byte(host: Host, target: str) -> None:
    reply = host.get(target, tls=False)
    assert (reply.status, reply.one("Location")) == (308, host.site.base_url + target)


def test_the_redirect_leads_to_the_canonical_name(host: Host) -> None:
    assert host.get("/x", tls=False, host="alias.example.com").one("Location") == f"{host.site.base_url}/x"
    assert host.get(f"http://{DOMAIN}/x%2Fy", tls=False).one("Location") == f"{host.site.base_url}/x%2Fy"


def test_the_acme_challenge_is_served_over_http(host: Host) -> None:
    assert host.get("/.well-known/acme-challenge/token", tls=False).body == b"proof"
    assert host.get("/.well-known/acme-challenge/", tls=False).status in (403, 404)
    assert host.get("/.well-known/acme-challenge/none", tls=False).status == 404
    assert host.get("/.well-known/acme-challenge/token", tls=False, host="other.example").status == 421


@pytest.mark.parametrize(
    "name",
    [DOMAIN, "alias.example.com", "a.team.example.com", "OTA.example.com", "ota.example.com:9", "ota.example.com."],
)
def test_the_sites_names_are_answered(host: Host, name: str) -> None:
    assert host.get("/ota/App.ipa", host=name, sni=name.partition(":")[0].rstrip(".")).status == 200


@pytest.mark.parametrize(
    ("sni", "name"),
    [
        (DOMAIN, "other.example"),
        ("other.example", DOMAIN),
        ("other.example", "other.example"),
        (DOMAIN, "a.b.team.example.com"),
        (DOMAIN, "127.0.0.1"),
        (DOMAIN, "ota.example.com.evil.example"),
        ("", "other.example"),
        ("x", "otaXexample.com"),
    ],
)
def test_a_strange_name_gets_421_without_content(host: Host, sni: str, name: str) -> None:
    for target in ("/ota/App.ipa", "/app/x", "/ota/index.html"):
        reply = host.get(target, sni=sni, host=name)
        assert reply.status == 421
        assert b"landing" not in reply.body
        assert b"GET /app" not in reply.body
    plain = host.get("/ota/x", tls=False, host=name)
    assert (plain.status == 421) == (name != DOMAIN)


def test_a_device_without_sni_is_answered(host: Host) -> None:
    assert host.get("/ota/App.ipa", sni="").status == 200


def test_http2_is_spoken_and_a_strange_authority_gets_421(host: Host) -> None:
    assert _h2(host, DOMAIN, "/ota/App.ipa") == "200"
    assert _h2(host, "other.example", "/ota/App.ipa") == "421"
    assert _h2(host, DOMAIN, "/ota/App.ipa", method="POST") == "405"
    assert _h2(host, DOMAIN, "/app/x%2Fy") == "200"


def _h2(host: Host, authority: str, path: str, method: str = "GET") -> str:
    context = host.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with contextlib.closing(socket.create_connection(("127.0.0.1", host.site.https_port), timeout=20)) as plain:
        stream = context.wrap_socket(plain, server_hostname=DOMAIN)
        assert stream.selected_alpn_protocol() == "h2"
        connection = h2.connection.H2Connection(h2.config.H2Configuration())
        connection.initiate_connection()
        fields = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]
        connection.send_headers(1, fields, end_stream=True)
        stream.sendall(connection.data_to_send())
        while True:
            for event in connection.receive_data(stream.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    stream.close()
                    return str(dict(event.headers)[b":status"].decode())
            stream.sendall(connection.data_to_send())


def test_the_application_gets_the_path_as_it_was_sent(host: Host) -> None:
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
            reply = host.get(prefix + rest)
            assert reply.body.decode().splitlines()[0] == f"GET {prefix}{rest} HTTP/1.1"


def test_the_application_learns_the_public_address_and_the_device_and_nothing_made_up(host: Host) -> None:
    spoofed = (
        "X-Forwarded-For: 9.9.9.9",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: evil",
        "Forwarded: for=9.9.9.9",
        "X-Real-IP: 9.9.9.9",
        "X-Forwarded-Port: 1",
    )
    lines = host.get("/app/x", *spoofed).body.decode().splitlines()
    assert sorted(line for line in lines if line.startswith(("X-", "Forwarded", "Host"))) == [
        f"Host: {DOMAIN}:8443",
        "X-Forwarded-For: 127.0.0.1",
        f"X-Forwarded-Host: {DOMAIN}:8443",
        "X-Forwarded-Port: 8443",
        "X-Forwarded-Proto: https",
    ]


def test_a_proxied_manifest_keeps_its_cache_rule_and_silence_becomes_no_store(host: Host) -> None:
    assert host.get("/app/m.plist?Cache-Control=private").one("Cache-Control") == "private"
    assert host.get("/app/m.PLIST").one("Cache-Control") == "no-store"
    assert host.get("/app/m.plist", "Accept-Encoding: gzip").all("Content-Encoding") == []
    assert "Accept-Encoding" not in host.get("/app/App.ipa", "Accept-Encoding: gzip").body.decode()
    assert "Accept-Encoding: gzip" in host.get("/app/page", "Accept-Encoding: gzip").body.decode()
    assert host.get("/app/files/manifest.plist").one("Cache-Control") == "no-store"


def test_the_applications_own_redirect_leads_to_the_public_address(host: Host) -> None:
    port = next(location.target.port for location in host.site.proxied if location.target and location.target.port)
    reply = host.get(f"/app/x?status=302&Location=http://127.0.0.1:{port}/app/y")
    assert reply.one("Location") == f"{host.site.base_url}/app/y"


def test_both_certificates_and_only_the_guidelines_protocols_are_offered(host: Host) -> None:
    kinds = {
        _handshake(host, ciphers)[0] for ciphers in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256")
    }
    assert kinds == {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"}
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _handshake(host, "AES128-GCM-SHA256")
    assert _handshake(host, "", ssl.TLSVersion.TLSv1_3)[1] == "TLSv1.3"


def _handshake(host: Host, ciphers: str, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> tuple[str, str]:
    context = host.context()
    context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    with (
        contextlib.closing(socket.create_connection(("127.0.0.1", host.site.https_port), timeout=20)) as plain,
        context.wrap_socket(plain, server_hostname=DOMAIN) as stream,
    ):
        return (stream.cipher() or ("", "", 0))[0], stream.version() or ""


def test_after_all_that_the_log_has_no_word_about_the_configuration(host: Host) -> None:
    words = [
        line
        for line in host.log.splitlines()
        if any(level in line for level in (":warn]", ":crit]", ":alert]", ":emerg]"))
    ]
    assert words == []


@pytest.fixture(scope="module")
def behind() -> Iterator[Host]:
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(apache_host.application())

        def change(raw: dict[str, Any], place: Path) -> None:
            _files(place / "www")
            challenge = place / "acme" / ".well-known" / "acme-challenge"
            challenge.mkdir(parents=True)
            (challenge / "token").write_text("proof")
            raw["locations"] = [
                {"path": "/", "upstream": f"http://127.0.0.1:{port}"},
                {"path": "/ota/", "root": str(place / "www")},
            ]
            raw |= {"certificates": [], "tls": {"offloaded": True}, "trusted_proxies": ["127.0.0.1", "2001:db8::/32"]}
            raw["access"] = {"deny": ["203.0.113.0/24"]}
            del raw["listen"]["https"]

        modules = [f"LoadModule {name}_module {apache_host.MODULES}/mod_{name}.so" for name in ("socache_shmcb", "ssl")]
        yield stack.enter_context(apache_host.running(change, 'SSLSessionCache "shmcb:parent(100000)"', before=modules))


FRONT = ("X-Forwarded-Proto: https", "X-Forwarded-For: 198.51.100.7")


def test_behind_a_front_a_trusted_https_request_is_served_and_nothing_loops(behind: Host) -> None:
    assert behind.get("/ota/App.ipa", *FRONT).status == 200
    assert behind.get("/x%2Fy", *FRONT).body.decode().splitlines()[0] == "GET /x%2Fy HTTP/1.1"
    assert behind.get("/ota/sub", *FRONT).one("Location") == f"{behind.site.base_url}/ota/sub/"


@pytest.mark.parametrize(
    "headers", [(), ("X-Forwarded-Proto: http",), ("X-Forwarded-Proto: https, http",), ("X-Forwarded-Proto: xhttps",)]
)
def test_behind_a_front_everything_else_is_redirected(behind: Host, headers: tuple[str, ...]) -> None:
    reply = behind.get("/ota/a%2Fb?c=%2F", *headers)
    assert (reply.status, reply.one("Location")) == (308, f"{behind.site.base_url}/ota/a%2Fb?c=%2F")


def test_behind_a_front_no_hsts_is_sent_and_the_devices_address_is_believed(behind: Host) -> None:
    assert behind.get("/ota/App.ipa", *FRONT).all(HSTS) == []
    assert behind.get("/x?Strict-Transport-Security=max-age%3D1", *FRONT).all(HSTS) == []
    assert "X-Forwarded-For: 198.51.100.7" in behind.get("/x", *FRONT).body.decode()
    refused = ("X-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.9")
    assert behind.get("/ota/App.ipa", *refused).status == behind.get("/x", *refused).status == 403
    assert behind.get("/.well-known/acme-challenge/token", "X-Forwarded-For: 203.0.113.9").body == b"proof"
    assert behind.get("/ota/App.ipa", *FRONT, host="other.example").status == 421
    assert behind.log.count(":warn]") == 0


def test_a_spoofed_front_is_redirected() -> None:
    def change(raw: dict[str, Any], place: Path) -> None:
        (place / "www" / "App.ipa").write_bytes(b"PK")
        raw |= {"certificates": [], "tls": {"offloaded": True}, "trusted_proxies": ["192.0.2.1"]}
        del raw["listen"]["https"]

    with apache_host.running(change) as stranger:
        assert stranger.get("/ota/App.ipa", *FRONT).status == 308


def test_access_lists_are_kept_on_files_and_applications_but_not_on_the_redirect() -> None:
    with apache_host.application() as port:

        def change(raw: dict[str, Any], place: Path) -> None:
            (place / "www" / "App.ipa").write_bytes(b"PK")
            raw["locations"].append({"path": "/app/", "upstream": f"http://127.0.0.1:{port}"})
            raw["access"] = {"allow": ["192.0.2.0/24"]}

        with apache_host.running(change) as closed:
            assert closed.get("/ota/App.ipa").status == closed.get("/app/x").status == closed.get("/ota/").status == 403
            assert closed.get("/ota/App.ipa", tls=False).status == 308


def test_unknown_hosts_ignored_still_means_421_for_a_mixed_name() -> None:
    def change(raw: dict[str, Any], place: Path) -> None:
        (place / "www" / "App.ipa").write_bytes(b"PK")
        raw["unknown_hosts"] = "ignore"

    with apache_host.running(change) as open_host:
        assert open_host.get("/ota/App.ipa", sni=DOMAIN, host="other.example").status == 421
        assert open_host.get("/ota/App.ipa", sni="other.example", host=DOMAIN).status == 421
        assert open_host.get("/ota/App.ipa", sni="other.example", host="other.example").status == 200
        assert open_host.get("/ota/App.ipa").status == 200


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


def test_a_snippet_works_inside_a_virtual_host_of_ones_own() -> None:
    def change(_: dict[str, Any], place: Path) -> None:
        _files(place / "www")

    with apache_host.running(change) as around:
        caps = apache_host.capabilities(around.folder)
        text = render(around.site, caps, "snippet", "test").files[0].text
        (around.folder / "snippet.conf").write_text(text)
        port = apache_host.free_port()
        parent = f"Listen 127.0.0.1:{port}\n<VirtualHost *:{port}>\nServerName x.example\nInclude {around.folder}/snippet.conf\n</VirtualHost>\n"
        around.config.write_text(around.config.read_text() + parent)
        words = subprocess.run(
            [apache_host.BINARY, "-t", "-f", str(around.config)], capture_output=True, text=True, check=False
        )
        assert words.stderr.strip() == "Syntax OK"


def test_a_name_apache_cannot_check_is_refused() -> None:
    def change(raw: dict[str, Any], _: Path) -> None:
        raw["locations"] = [{"path": "/", "upstream": "https://127.0.0.1:1", "upstream_name": "app.example.net"}]

    with pytest.raises(UsageError, match=r"app\.example\.net"), apache_host.running(change):
        pass
