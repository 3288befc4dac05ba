"""Sites of every shape on a real nginx: accepted without a warning, and keeping what only a server block of their own can show."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import ssl
import tempfile
import threading
from pathlib import Path

import pytest

from ota_proxy.servers.nginx.render import render
from tests.local.nginx_application import EchoApplication, application
from tests.local.nginx_server import HOST, HSTS, MIXED, Answer, Bench, fill
from tests.support.nginx_variants import EVERYTHING, OFFLOADED, PAIR, PROXIED, STATIC, VARIANTS

pytestmark = pytest.mark.local


@pytest.mark.parametrize("name", VARIANTS)
def test_nginx_accepts_every_variant_without_a_warning(binary: str, name: str, tmp_path: Path) -> None:
    raw, _, scope = VARIANTS[name]
    here = {**raw, "http3": False}  # neither binary has the module; tests/container/test_http3.py is about it
    said = Bench(binary, tmp_path, here, scope).test()
    assert "[warn]" not in said
    assert "[emerg]" not in said


def test_an_https_upstream_is_believed_only_with_the_right_name_and_ca(binary: str, tmp_path: Path) -> None:
    def tried(name: str, folder: Path, *, known: bool) -> Answer:
        folder.mkdir()
        locations = [
            {
                "path": "/",
                "upstream": "https://127.0.0.1:1",
                "upstream_name": "app.example.net",
                "upstream_ca": "/etc/ca.pem",
            }
        ]
        bench = Bench(binary, folder, {**STATIC, "locations": locations})
        bench.config.write_text(
            bench.config.read_text().replace("127.0.0.1:1;", f"127.0.0.1:{bench.ports['tls_app']};")
        )
        issued = bench.authority.issue([name], flaw=None if known else "unknown-ca")
        (folder / "app.pem").write_bytes(issued.cert_chain_pem + issued.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "app.pem")
        with application(bench.ports["tls_app"], context), bench.running():
            return bench.ask("/x")

    assert tried("app.example.net", tmp_path / "right", known=True).status == 200
    assert tried("other.example.net", tmp_path / "name", known=True).status == 502
    refused = tried("app.example.net", tmp_path / "ca", known=False)
    assert refused.status == 502
    assert refused.one("strict-transport-security") == HSTS


def test_everything_at_once_behaves_on_another_public_port(binary: str, tmp_path: Path) -> None:
    bench = Bench(binary, tmp_path, EVERYTHING)
    for location in bench.site.static:
        fill(Path(location.root or ""))
    with application(bench.ports["app"]), bench.running():
        assert bench.ask("/x", plain=True).one("location") == "https://ota.example.com:8443/x"
        assert bench.ask("/ota/app.ipa").one("cache-control") == "public, max-age=31536000, immutable"
        assert bench.ask("/ota/missing.ipa").one("cache-control") == "no-store"
        assert bench.ask("/ota/app.plist").one("content-type") == "text/xml; charset=utf-8"
        assert bench.ask("/ota/app.ipa").one("strict-transport-security") == f"{HSTS}; includeSubDomains; preload"
        assert bench.ask("/ota/sub").one("location") == "/ota/sub/"
        assert (bench.ask("/.hidden/app.ipa").status, bench.ask("/.hidden/.secret").status) == (200, 404)
        assert bench.ask("/elsewhere").status == 404
        assert json.loads(bench.ask("/app/").body)["Host"] == "ota.example.com:8443"
        assert "[warn]" not in bench.errors()


def test_access_follows_the_address_of_the_phone_behind_a_trusted_proxy_only(binary: str, tmp_path: Path) -> None:
    raw = {**STATIC, "trusted_proxies": ["127.0.0.9"], "access": {"allow": ["192.0.2.0/24"]}}
    bench = Bench(binary, tmp_path, raw)
    fill(Path(bench.site.static[0].root or ""))
    with bench.running():
        assert bench.ask("/app.ipa", source="127.0.0.9", X_Forwarded_For="192.0.2.7").status == 200
        assert bench.ask("/app.ipa", source="127.0.0.9", X_Forwarded_For="198.51.100.7").status == 403
        assert bench.ask("/app.ipa", X_Forwarded_For="192.0.2.7").status == 403
        assert bench.ask("/app.ipa").one("strict-transport-security") == HSTS
        assert bench.ask("/x", plain=True).status == 308


def test_behind_a_tls_proxy_only_its_https_is_served_and_all_else_redirected(binary: str, tmp_path: Path) -> None:
    raw = {**OFFLOADED, "trusted_proxies": ["127.0.0.9"]}
    bench = Bench(binary, tmp_path, raw)
    fill(Path(bench.site.static[0].root or ""))
    with application(bench.ports["app"]), bench.running():
        served = bench.ask("/ota/app.plist", plain=True, source="127.0.0.9", X_Forwarded_Proto="https")
        assert (served.status, served.one("cache-control")) == (200, "no-store")
        assert served.all("strict-transport-security") == []
        told = json.loads(
            bench.ask(
                "/app/", plain=True, source="127.0.0.9", X_Forwarded_Proto="https", X_Forwarded_For="192.0.2.7"
            ).body
        )
        assert (told["X-Forwarded-Proto"], told["X-Forwarded-For"]) == ("https", "192.0.2.7")
        for source, scheme in (("127.0.0.9", "http"), ("127.0.0.9", ""), ("127.0.0.1", "https")):
            answer = bench.ask("/ota/app.plist?a=%2F", plain=True, source=source, X_Forwarded_Proto=scheme)
            assert (answer.status, answer.one("location")) == (308, f"https://{HOST}/ota/app.plist?a=%2F")
        assert bench.ask("/", plain=True, host="unknown.example.net").status == 421


def test_a_snippet_behaves_inside_a_server_block_that_speaks_both(binary: str, tmp_path: Path) -> None:
    bench = Bench(binary, tmp_path, MIXED, "snippet")
    for location in bench.site.static:
        fill(Path(location.root or ""))
    with application(bench.ports["app"]), bench.running():
        for path in ("/app.plist", "/own/app.plist"):
            answer = bench.ask(path, Accept_Encoding="gzip")
            assert (answer.status, answer.one("content-type")) == (200, "text/xml")
            assert (answer.one("cache-control"), answer.one("strict-transport-security")) == ("no-store", HSTS)
        assert bench.ask("/app.ipa", "POST").one("allow") == "GET, HEAD"
        assert json.loads(bench.ask("/app/x.ipa").body)["X-Forwarded-Proto"] == "https"
        assert bench.ask("/app/x.ipa").one("strict-transport-security") == HSTS
        for path in ("/app.plist", "/own/", "/app/x.ipa"):
            answer = bench.ask(path, plain=True)
            assert (answer.status, answer.one("location")) == (308, f"https://{HOST}{path}")
            assert answer.all("strict-transport-security") == []


def test_both_certificates_are_offered(binary: str, tmp_path: Path) -> None:
    raw = {**STATIC, "certificates": [PAIR, {"cert": "/etc/ssl/rsa.pem", "key": "/etc/ssl/rsa.key"}]}
    bench = Bench(binary, tmp_path, raw)
    assert "[warn]" not in bench.test()
    with bench.running():
        assert bench.ask("/").status == 403


def _handshake(bench: Bench, version: ssl.TLSVersion) -> tuple[str | None, str | None]:
    context = ssl.create_default_context(cadata=bench.authority.ca_pem.decode())
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", bench.ports["https"]), 5) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as secure,
    ):
        return secure.version(), secure.selected_alpn_protocol()


@pytest.mark.parametrize("http2", [True, False])
def test_intermediate_speaks_both_versions_and_http2_where_asked(binary: str, tmp_path: Path, *, http2: bool) -> None:
    with Bench(binary, tmp_path, {**STATIC, "http2": http2}).running() as bench:
        protocol = "h2" if http2 else "http/1.1"
        assert _handshake(bench, ssl.TLSVersion.TLSv1_2) == ("TLSv1.2", protocol)
        assert _handshake(bench, ssl.TLSVersion.TLSv1_3) == ("TLSv1.3", protocol)


def test_modern_refuses_tls_12_although_the_site_is_not_the_default_server(binary: str, tmp_path: Path) -> None:
    with Bench(binary, tmp_path, {**STATIC, "tls": {"profile": "modern"}}).running() as bench:
        assert _handshake(bench, ssl.TLSVersion.TLSv1_3) == ("TLSv1.3", "h2")
        with pytest.raises(ssl.SSLError):
            _handshake(bench, ssl.TLSVersion.TLSv1_2)


def test_two_sites_live_in_one_nginx(binary: str, tmp_path: Path) -> None:
    bench = Bench(binary, tmp_path, MIXED)
    other = bench.site.model_copy(update={"domains": ("ota.example.org",), "unknown_hosts": "ignore"})
    text = render(other, bench.caps, "site", "test").files[0].text
    bench.config.write_text(bench.config.read_text().removesuffix("}\n") + text + "}\n")
    assert "[warn]" not in bench.test()


def test_mixed_names_get_421_although_unknown_hosts_are_left_to_the_default_server(binary: str, tmp_path: Path) -> None:
    bench = Bench(binary, tmp_path, {**STATIC, "unknown_hosts": "ignore"})
    fill(Path(bench.site.static[0].root or ""))
    with bench.running():
        unknown_host = "unknown.example.net"
        assert bench.ask("/app.ipa").status == 200
        assert bench.ask("/app.ipa", host=unknown_host).status == 421
        assert bench.ask("/app.ipa", sni=unknown_host).status == 421
        assert bench.ask("/app.ipa", host=unknown_host, sni=unknown_host).status == 200


def test_a_handshake_for_a_neighbour_does_not_open_this_site(binary: str, tmp_path: Path) -> None:
    bench = Bench(binary, tmp_path, STATIC)
    fill(Path(bench.site.static[0].root or ""))
    pair, neighbour = bench.site.certificates[0], "neighbour.example.net"
    more = f"server {{ listen 127.0.0.1:{bench.ports['https']} ssl; server_name {neighbour}; return 204;"
    more += f"ssl_certificate {pair.cert}; ssl_certificate_key {pair.key}; }}\n}}"
    bench.config.write_text(bench.config.read_text().rstrip().removesuffix("}") + more)
    with bench.running():
        assert bench.ask("/", sni=neighbour, host=neighbour).status == 204
        assert bench.ask("/app.ipa", sni=neighbour).status == 421
        assert bench.ask("/app.ipa").status == 200


def test_many_long_domains_fit_into_the_conditions_on_names(binary: str, tmp_path: Path) -> None:
    label = "-".join("a" * 30)
    domains = [HOST, *(f"n{number}.{label}.{label}.{label}.example.com" for number in range(25))]
    raw = {**STATIC, "domains": domains}
    assert "[warn]" not in Bench(binary, tmp_path, raw, "full").test()


def test_slow_downloads_from_an_application_leave_nothing_on_disk_and_stop_nobody(binary: str, tmp_path: Path) -> None:
    bench = Bench(binary, tmp_path, PROXIED)
    size = 8 * 1024 * 1024
    with application(bench.ports["app"]), bench.running() as server, contextlib.ExitStack() as slow:
        for _ in range(20):
            slow.enter_context(server.begin(f"/large.ipa?size={size}"))
        assert bench.ask("/quick").status == 200
        assert server.spilled() == []
        assert len(bench.ask(f"/large.ipa?size={size}").body) == size


@pytest.mark.parametrize("length", [46, 47, 110, 111, 200, 253])
def test_a_domain_of_any_length_fits_the_hash_of_names(binary: str, tmp_path: Path, length: int) -> None:
    rest = length - len("a.com")
    name = "a" * (rest % 2) + ".a" * (rest // 2) + "a.com"
    raw = {**STATIC, "domains": [HOST, name.lstrip(".").rjust(length, "a")]}
    assert len(raw["domains"][1]) == length
    assert "[warn]" not in Bench(binary, tmp_path, raw, "full").test()


def test_an_application_behind_a_socket_with_a_blank_in_its_name_is_reached(binary: str, tmp_path: Path) -> None:
    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_UNIX

        def server_bind(self) -> None:
            self.socket.bind(self.server_address)

    with tempfile.TemporaryDirectory(prefix="ota ") as folder:
        raw = {**STATIC, "locations": [{"path": "/", "upstream": f"unix:{folder}/a b.sock"}]}
        server = Server(f"{folder}/a b.sock", EchoApplication)  # type: ignore[arg-type]  # typeshed knows IP addresses only
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            with Bench(binary, tmp_path, raw).running() as bench:
                assert json.loads(bench.ask("/x%2Fy.ipa").body)["path"] == "/x%2Fy.ipa"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def test_a_tls_12_session_is_resumed_although_another_server_is_the_ports_default(binary: str, tmp_path: Path) -> None:
    with Bench(binary, tmp_path, STATIC).running() as bench:
        context = ssl.create_default_context(cadata=bench.authority.ca_pem.decode())
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        session = None
        reused = []
        for _ in range(2):
            plain = socket.create_connection(("127.0.0.1", bench.ports["https"]), 5)
            with plain, context.wrap_socket(plain, server_hostname=HOST, session=session) as secure:
                session = secure.session
                reused.append(secure.session_reused)
        assert reused == [False, True]
