"""Names, TLS and the redirect on the Apache of this machine."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest

from ota_proxy.servers.apache.render import render
from tests.support import apache_host
from tests.support.apache_host import DOMAIN, Host
from tests.support.apache_sites import fill

pytestmark = [pytest.mark.local, pytest.mark.skipif(bool(apache_host.MISSING), reason=apache_host.MISSING)]


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
def test_the_redirect_keeps_path_and_query_byte_for_byte(busy_apache: Host, target: str) -> None:
    reply = busy_apache.get(target, tls=False)
    assert (reply.status, reply.one("Location")) == (308, busy_apache.site.base_url + target)


def test_the_redirect_leads_to_the_canonical_name(busy_apache: Host) -> None:
    assert (
        busy_apache.get("/x", tls=False, host="alias.example.com").one("Location") == f"{busy_apache.site.base_url}/x"
    )
    assert busy_apache.get(f"http://{DOMAIN}/x%2Fy", tls=False).one("Location") == f"{busy_apache.site.base_url}/x%2Fy"


def test_the_acme_challenge_is_served_over_http(busy_apache: Host) -> None:
    assert busy_apache.get("/.well-known/acme-challenge/token", tls=False).body == b"proof"
    assert busy_apache.get("/.well-known/acme-challenge/", tls=False).status in (403, 404)
    assert busy_apache.get("/.well-known/acme-challenge/none", tls=False).status == 404
    assert busy_apache.get("/.well-known/acme-challenge/token", tls=False, host="other.example").status == 421


@pytest.mark.parametrize(
    "name",
    [DOMAIN, "alias.example.com", "a.team.example.com", "OTA.example.com", "ota.example.com:9", "ota.example.com."],
)
def test_the_sites_names_are_answered(busy_apache: Host, name: str) -> None:
    assert busy_apache.get("/ota/App.ipa", host=name, sni=name.partition(":")[0].rstrip(".")).status == 200


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
def test_an_unknown_name_gets_421_without_content(busy_apache: Host, sni: str, name: str) -> None:
    for target in ("/ota/App.ipa", "/app/x", "/ota/index.html"):
        reply = busy_apache.get(target, sni=sni, host=name)
        assert reply.status == 421
        assert b"landing" not in reply.body
        assert b"GET /app" not in reply.body
    plain = busy_apache.get("/ota/x", tls=False, host=name)
    assert (plain.status == 421) == (name != DOMAIN)


def test_a_device_without_sni_is_answered(busy_apache: Host) -> None:
    assert busy_apache.get("/ota/App.ipa", sni="").status == 200


def test_http2_is_spoken_and_an_unknown_authority_gets_421(busy_apache: Host) -> None:
    assert _h2(busy_apache, DOMAIN, "/ota/App.ipa") == "200"
    assert _h2(busy_apache, "other.example", "/ota/App.ipa") == "421"
    assert _h2(busy_apache, DOMAIN, "/ota/App.ipa", method="POST") == "405"
    assert _h2(busy_apache, DOMAIN, "/app/x%2Fy") == "200"


def test_both_certificates_and_only_the_guidelines_protocols_are_offered(busy_apache: Host) -> None:
    kinds = {
        _handshake(busy_apache, ciphers)[0]
        for ciphers in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256")
    }
    assert kinds == {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"}
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _handshake(busy_apache, "AES128-GCM-SHA256")
    assert _handshake(busy_apache, "", ssl.TLSVersion.TLSv1_3)[1] == "TLSv1.3"


def test_unknown_hosts_ignored_still_means_421_for_a_mixed_name() -> None:
    def change(raw: dict[str, Any], place: Path) -> None:
        (place / "www" / "App.ipa").write_bytes(b"PK")
        raw["unknown_hosts"] = "ignore"

    with apache_host.running(change) as open_host:
        assert open_host.get("/ota/App.ipa", sni=DOMAIN, host="other.example").status == 421
        assert open_host.get("/ota/App.ipa", sni="other.example", host=DOMAIN).status == 421
        assert open_host.get("/ota/App.ipa", sni="other.example", host="other.example").status == 200
        assert open_host.get("/ota/App.ipa").status == 200


def test_a_snippet_works_inside_a_virtual_host_of_ones_own() -> None:
    def change(_: dict[str, Any], place: Path) -> None:
        fill(place / "www")

    with apache_host.running(change) as around:
        caps = apache_host.capabilities(around.folder)
        text = render(around.site, caps, "snippet", "test").files[0].text
        (around.folder / "snippet.conf").write_text(text)
        port = apache_host.free_port()
        enclosing = f"Listen 127.0.0.1:{port}\n<VirtualHost *:{port}>\nServerName x.example\nInclude {around.folder}/snippet.conf\n</VirtualHost>\n"
        around.config.write_text(around.config.read_text() + enclosing)
        words = subprocess.run(
            [apache_host.BINARY, "-t", "-f", str(around.config)], capture_output=True, text=True, check=False
        )
        assert words.stderr.strip() == "Syntax OK"


def _h2(busy_apache: Host, authority: str, path: str, method: str = "GET") -> str:
    context = busy_apache.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with contextlib.closing(socket.create_connection(("127.0.0.1", busy_apache.site.https_port), timeout=20)) as plain:
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


def _handshake(busy_apache: Host, ciphers: str, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> tuple[str, str]:
    context = busy_apache.context()
    context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    with (
        contextlib.closing(socket.create_connection(("127.0.0.1", busy_apache.site.https_port), timeout=20)) as plain,
        context.wrap_socket(plain, server_hostname=DOMAIN) as stream,
    ):
        return (stream.cipher() or ("", "", 0))[0], stream.version() or ""
