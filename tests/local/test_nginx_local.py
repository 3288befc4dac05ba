"""What a real nginx makes of the rendered files: accepted without a warning, and behaving as they promise."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.policy import media_types
from ota_proxy.policy.server_values import claims
from tests.local.nginx_application import application
from tests.local.nginx_server import HOST, HSTS, MIXED, Answer, Bench, fill

pytestmark = pytest.mark.local


@pytest.fixture(scope="module", params=["named", "portable"])
def bench(binary: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(binary, tmp_path_factory.mktemp("nginx"), MIXED, portable=request.param == "portable")
    for location in made.site.static:
        fill(Path(location.root or ""))
    challenge = Path(made.site.redirect.acme_root) / ".well-known/acme-challenge/token"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("token.key")
    with application(made.ports["app"]), made.running():
        yield made
        warned = [line for line in made.errors().splitlines() if "[warn]" in line]
        assert all("deprecated" in line and request.param == "portable" for line in warned), warned
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
    assert answer.all("x-enclosing") == []
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


def test_a_replaced_package_is_served_at_once_whatever_the_enclosing_configuration_keeps_open(bench: Bench) -> None:
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


def test_the_challenge_is_answered_over_http_but_not_to_unknown_hosts(bench: Bench) -> None:
    path = "/.well-known/acme-challenge/token"
    assert bench.ask(path, plain=True).body == b"token.key"
    with pytest.raises(ConnectionError):
        bench.ask(path, plain=True, host="unknown.example.net")


def test_http_on_the_tls_port_gets_the_same_redirect_without_hsts(bench: Bench) -> None:
    answer = bench.ask("/a%2Fb?x", plain=True, to="https")
    assert (answer.status, answer.one("location")) == (308, f"https://{HOST}/a%2Fb?x")
    assert answer.all("strict-transport-security") == []


def test_an_unknown_name_gets_no_handshake_and_an_unknown_host_421(bench: Bench) -> None:
    if bench.caps.has("reject_handshake"):
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            bench.ask("/", sni="unknown.example.net")
    else:
        assert bench.ask("/app.ipa", sni="unknown.example.net", host="unknown.example.net").status == 421
        assert bench.ask("/app.ipa", sni="unknown.example.net").status == 421
    answer = bench.ask("/", host="unknown.example.net")
    assert (answer.status, answer.one("strict-transport-security")) == (421, HSTS)


@pytest.mark.parametrize("host", [f"{HOST}:8443", HOST.upper(), f"{HOST}."])
def test_a_host_with_a_port_capitals_or_a_dot_at_its_end_is_ours(bench: Bench, host: str) -> None:
    assert bench.ask("/app.ipa", host=host).status == 200


def test_a_connection_by_address_alone_shows_nothing(bench: Bench) -> None:
    """No name in the handshake and no Host: an address on the internet is tried by everybody."""
    port, no_check = bench.ports["https"], ssl._create_unverified_context()  # noqa: S323, SLF001 - whoever scans checks nothing
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        if bench.caps.has("reject_handshake"):
            with pytest.raises(ssl.SSLError):
                no_check.wrap_socket(raw)
            return
        with no_check.wrap_socket(raw) as connection:
            connection.sendall(b"GET /app.ipa HTTP/1.0\r\n\r\n")
            assert connection.recv(4096).split()[1] == b"421"


def test_a_wildcard_is_one_label_deep(bench: Bench) -> None:
    assert bench.ask("/app.ipa", host="a.team.example.com").status == 200
    assert bench.ask("/app.ipa", host="a.b.team.example.com").status == 421


@pytest.mark.parametrize("path", ["/app.ipa", "/own/app.plist"])
def test_a_range_that_does_not_exist_is_answered_with_each_header_once(bench: Bench, path: str) -> None:
    answer = bench.ask(path, Range="bytes=9999-")
    assert (answer.status, answer.one("content-range")) == (416, "bytes */2000")
    assert answer.one("strict-transport-security") == HSTS
    assert answer.one("x-quoted") == MIXED["headers"]["X-Quoted"]
    assert "no-store" in answer.all("cache-control")


@pytest.mark.parametrize("prefix", ["/own", "/app"])
def test_a_prefix_without_its_slash_is_redirected_with_its_query(bench: Bench, prefix: str) -> None:
    answer = bench.ask(f"{prefix}?a=%2F&b")
    assert (answer.status, answer.one("location")) == (308, f"{prefix}/?a=%2F&b")
    assert answer.one("strict-transport-security") == HSTS


def test_a_folder_without_its_slash_is_redirected_by_path_only(bench: Bench) -> None:
    assert bench.ask("/own/sub").one("location") == "/own/sub/"


@pytest.mark.parametrize("path", ["/app/x.ipa", "/app/loud.plist", "/app/.hidden", "/app/"])
def test_an_application_gets_the_path_unchanged_and_the_public_address(bench: Bench, path: str) -> None:
    made_up: dict[str, Any] = {name.replace("-", "_"): "x" for name in claims()}
    answer = bench.ask(path + "?a=%2F", X_Forwarded_For="1.2.3.4", X_Forwarded_Proto="http", **made_up)
    told = json.loads(answer.body)
    assert told["path"] == path + "?a=%2F"
    assert (told["Host"], told["X-Forwarded-Host"], told["X-Forwarded-Port"]) == (HOST, HOST, "443")
    assert (told["X-Forwarded-For"], told["X-Forwarded-Proto"]) == ("127.0.0.1", "https")
    assert not {"Connection", *claims()} & set(told)


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
