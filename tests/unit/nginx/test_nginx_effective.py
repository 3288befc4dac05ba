"""What a request gets from nginx, with the line that sets it; each expected value was seen on nginx 1.22.1 (`tests/local` compares with the real one)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.servers.answered import Answered
from ota_proxy.servers.nginx.answering.request import BadUriError, asked, extension, normal
from ota_proxy.servers.nginx.effective import effective
from ota_proxy.servers.nginx.tree import load
from ota_proxy.servers.site_files import AllThere, SiteFiles

TYPES = "types { text/html html; application/octet-stream ipa; }"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("index.html", "ota/app.ipa", "ota/app.plist", "errors/404.html"):
        path = tmp_path / "www" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def ask(
    site: Path,
    server: str,
    target: str = "/ota/app.plist",
    *headers: str,
    http: str = TYPES,
    files: SiteFiles | None = None,
) -> Answered:
    text = f"events {{}}\nhttp {{\n{http}\nserver {{\nlisten 80;\nroot {site}/www;\n{server}\n}}\n}}\n"
    (site / "nginx.conf").write_text(text)
    return effective(load(site), asked(f"http://a.test{target}", "GET", headers), files)


def fields(answer: Answered, name: str) -> list[str | None]:
    return [one.value for one in answer.header(name)]


def lines(answer: Answered, name: str) -> list[int]:
    return [one.span.line for one in answer.header(name) if one.span]


def doubts(answer: Answered) -> set[str]:
    return {one.field for one in answer.unknown} - {"date", "server"}


# -- the mistakes people make ------------------------------------------------------------------------------------------


def test_a_manifest_without_a_type_is_text_plain_and_no_line_says_so(site: Path) -> None:
    answer = ask(site, "")
    assert (answer.status, fields(answer, "content-type"), lines(answer, "content-type")) == (200, ["text/plain"], [])
    assert answer.file_served == f"{site}/www/ota/app.plist"
    assert doubts(answer) == set()


def test_add_header_content_type_is_a_second_one(site: Path) -> None:
    answer = ask(site, "add_header Content-Type text/xml;")
    assert fields(answer, "content-type") == ["text/plain", "text/xml"]
    assert lines(answer, "content-type") == [7]


def test_a_servers_types_replace_the_whole_map(site: Path) -> None:
    answer = ask(site, "types { text/xml plist; }\ndefault_type application/octet-stream;", "/index.html")
    assert fields(answer, "content-type") == ["application/octet-stream"]
    assert lines(answer, "content-type") == [8]


def test_a_location_with_add_header_loses_those_around_it(site: Path) -> None:
    answer = ask(
        site, 'add_header Strict-Transport-Security "max-age=1" always;\nlocation /ota/ {\nadd_header X-A b;\n}'
    )
    assert fields(answer, "strict-transport-security") == []
    assert (fields(answer, "x-a"), lines(answer, "x-a")) == (["b"], [9])
    assert answer.location == "location /ota/"


def test_headers_of_around_are_merged_where_add_header_inherit_says_so(site: Path) -> None:
    answer = ask(site, "add_header X-A a;\nlocation /ota/ {\nadd_header_inherit merge;\nadd_header X-B b;\n}")
    assert (fields(answer, "x-a"), fields(answer, "x-b")) == (["a"], ["b"])
    answer = ask(site, "add_header X-A a;\nlocation /ota/ {\nadd_header_inherit off;\n}")
    assert fields(answer, "x-a") == []


def test_a_missing_file_keeps_headers_with_always_only(site: Path) -> None:
    answer = ask(site, "add_header X-A a;\nadd_header X-B b always;", "/none.ipa")
    assert (answer.status, fields(answer, "x-a"), fields(answer, "x-b")) == (404, [], ["b"])


def test_expires_beside_cache_control_sends_two(site: Path) -> None:
    answer = ask(site, "expires 1h;\nadd_header Cache-Control no-cache;")
    assert fields(answer, "cache-control") == ["max-age=3600", "no-cache"]
    assert lines(answer, "cache-control") == [7, 8]
    assert fields(answer, "expires") == [None]
    assert "expires" in doubts(answer)


def test_error_page_with_an_equals_sign_takes_the_status_of_its_page(site: Path) -> None:
    assert ask(site, "error_page 404 = /index.html;", "/none").status == 200
    assert ask(site, "error_page 404 /index.html;", "/none").status == 404


def test_the_last_if_that_holds_decides(site: Path) -> None:
    text = "location / {\nif ($uri ~ plist) { add_header X-A 1; }\nif ($uri ~ app) { add_header X-B 2; }\n}"
    answer = ask(site, text)
    assert (fields(answer, "x-a"), fields(answer, "x-b")) == ([], ["2"])


def test_a_range_of_something_compressed_is_the_whole(site: Path) -> None:
    (site / "www" / "ota" / "app.plist").write_text("x" * 100)
    text = "gzip on;\ngzip_types text/plain;"
    assert ask(site, text, "/ota/app.plist", "Range: bytes=0-1").status == 206
    answer = ask(site, text, "/ota/app.plist", "Range: bytes=0-1", "Accept-Encoding: gzip")
    assert (answer.status, fields(answer, "content-encoding"), fields(answer, "accept-ranges")) == (200, ["gzip"], [])
    assert (fields(answer, "etag")[0] or "").startswith("W/")


# -- servers and locations ---------------------------------------------------------------------------------------------

NAMES = """
server { listen 80; server_name b.test; return 200 exact; add_header X-N exact; }
server { listen 80; server_name *.b.test; return 200 x; add_header X-N before; }
server { listen 80; server_name www.b.*; return 200 x; add_header X-N after; }
server { listen 80; server_name .c.test; return 200 x; add_header X-N both; }
server { listen 80; server_name "~^(?<sub>r\\d+)\\.test$"; return 200 x; add_header X-N $sub; }
server { listen 80 default_server; return 200 x; add_header X-N default; }
server { listen 8080; server_name b.test; return 200 x; add_header X-N port; }
server { listen 8443 ssl; server_name b.test; ssl_certificate c/b.pem; ssl_protocols TLSv1.2 TLSv1.3; return 200 x; add_header X-N tls; }
"""


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://b.test/", "exact"),
        ("http://B.TEST./", "exact"),
        ("http://www.b.test/", "before"),
        ("http://www.b.example/", "after"),
        ("http://c.test/", "both"),
        ("http://x.c.test/", "both"),
        ("http://r12.test/", "r12"),
        ("http://other.test/", "default"),
        ("http://b.test:8080/", "port"),
        ("http://other.test:8080/", "port"),
        ("https://b.test:8443/", "tls"),
    ],
)
def test_the_server_is_chosen_by_port_and_name(tmp_path: Path, url: str, name: str) -> None:
    (tmp_path / "nginx.conf").write_text(f"http {{ {NAMES} }}")
    answer = effective(load(tmp_path), asked(url))
    assert fields(answer, "x-n") == [name]
    if url.startswith("https"):
        assert answer.tls is not None
        assert (answer.tls.protocols, answer.tls.certificate) == (("TLSv1.2", "TLSv1.3"), f"{tmp_path}/c/b.pem")


@pytest.mark.parametrize(
    ("listens", "url", "what"),
    [
        ("listen 80;", "https://a.test/", "no server listens on port 443"),
        ("listen 443;", "https://a.test/", "port 443 does not speak TLS"),
        ("listen 443 ssl; ssl_reject_handshake on;", "https://a.test/", "nginx refuses the handshake"),
        ("listen 80; return 444;", "http://a.test/", "nginx closes the connection without an answer"),
    ],
)
def test_where_nothing_answers_it_is_said(tmp_path: Path, listens: str, url: str, what: str) -> None:
    (tmp_path / "nginx.conf").write_text(f"http {{ server {{ {listens} }} }}")
    answer = effective(load(tmp_path), asked(url))
    assert (answer.status, answer.headers) == (None, ())
    assert f"status: {what}" in [one.what for one in answer.unknown]


def test_protocols_of_a_named_server_that_differ_from_the_defaults_are_not_known(tmp_path: Path) -> None:
    servers = "server { listen 443 ssl; ssl_protocols TLSv1.2; } server { listen 443 ssl; server_name b.test; ssl_protocols TLSv1.3; }"
    (tmp_path / "nginx.conf").write_text(f"http {{ {servers} }}")
    answer = effective(load(tmp_path), asked("https://b.test/"))
    assert answer.tls is not None
    assert answer.tls.protocols is None
    assert any(one.what.startswith("tls.protocols: before nginx 1.29.2") for one in answer.unknown)


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/ota/app.plist", "location = /ota/app.plist"),
        ("/ota/app.ipa", "location ~ \\.ipa$"),
        ("/ota/x", "location /ota/"),
        ("/static/app.ipa", "location ^~ /static/"),
        ("/deep/a/x.png", "location ~* \\.PNG$"),
        ("/deep/a/x", "location /deep/a/"),
        ("//ota/../ota/./app%2Eplist?x", "location = /ota/app.plist"),
        ("/zzz", None),
    ],
)
def test_the_location_is_nginxs(site: Path, target: str, location: str | None) -> None:
    text = (
        "location = /ota/app.plist { return 200; }\nlocation /ota/ { return 200; }\nlocation ~ \\.ipa$ { return 200; }\n"
        "location ^~ /static/ { return 200; }\nlocation /deep/ { location /deep/a/ { return 200; } location ~* \\.PNG$ { return 200; } }"
    )
    assert ask(site, text, target).location == location


# -- what is not known -------------------------------------------------------------------------------------------------


def test_a_file_that_may_be_there_leaves_open_what_depends_on_it(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(
        f"http {{ {TYPES} server {{ listen 80; root /nowhere/ota; add_header X-A 1 always; }} }}"
    )
    answer = effective(load(tmp_path), asked("http://a.test/app.ipa"))
    assert (answer.status, answer.file_served) == (None, None)
    assert fields(answer, "x-a") == ["1"]
    assert "status: it depends on whether /nowhere/ota/app.ipa is there" in [one.what for one in answer.unknown]
    assert {"status", "content-type", "file_served"} <= doubts(answer)
    told = [step.why for step in answer.trace]
    assert told[-2:] == ["then the status is 200, application/octet-stream", "then the status is 404, text/html"]


def test_with_all_files_there_it_is_known(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(f"http {{ {TYPES} server {{ listen 80; root /nowhere/ota; }} }}")
    answer = effective(load(tmp_path), asked("http://a.test/app.ipa"), AllThere())
    assert (answer.status, fields(answer, "content-type")) == (200, ["application/octet-stream"])
    assert doubts(answer) == {"content-length", "etag", "last-modified"}


def test_who_may_ask_is_not_known_unless_it_is_all_or_nobody(site: Path) -> None:
    assert ask(site, "deny all;").status == 403
    assert ask(site, "allow all;\ndeny all;").status == 200
    answer = ask(site, "allow 10.0.0.0/8;\ndeny all;")
    assert answer.status is None
    assert "status: it depends on whether the client's address is in 10.0.0.0/8" in [one.what for one in answer.unknown]


def test_a_variable_of_the_running_server_is_not_known(site: Path) -> None:
    answer = ask(site, "add_header X-Id $request_id;\nadd_header X-Host $host;")
    assert (fields(answer, "x-id"), fields(answer, "x-host")) == ([], ["a.test"])
    assert "x-id: $request_id is known to the running server only" in [one.what for one in answer.unknown]


def test_behind_a_proxy_the_upstream_decides_and_our_own_headers_are_known(site: Path) -> None:
    answer = ask(
        site,
        "location /api/ {\nproxy_pass http://app:9000/v1/;\nproxy_hide_header X-Powered-By;\nadd_header X-A 1 always;\n}",
        "/api/x%20y?z=1",
    )
    assert (answer.status, answer.upstream) == (None, "http://app:9000/v1/x%20y?z=1")
    assert fields(answer, "x-a") == ["1"]
    assert {"status", "content-type", "cache-control", "headers"} <= doubts(answer)


def test_a_page_of_a_proxys_error_keeps_its_status(site: Path) -> None:
    answer = ask(site, "error_page 404 @up;\nlocation @up { proxy_pass http://app:9000; }", "/none")
    assert (answer.status, answer.upstream) == (404, "http://app:9000/none")


def test_a_fragment_leaves_open_what_stands_around_it(site: Path) -> None:
    (site / "one.conf").write_text(
        f"server {{\nlisten 80;\nserver_name a.test;\nroot {site}/www;\nlocation /ota/ {{ types {{ text/xml plist; application/octet-stream ipa; }} add_header X-A 1; }}\n}}\n"
    )
    tree = load(site / "one.conf")
    answer = effective(tree, asked("http://a.test/ota/app.plist"), AllThere())
    assert (tree.context, answer.status) == ("http", 200)
    assert fields(answer, "content-type") == [None]  # `charset` may stand around it
    assert fields(answer, "x-a") == ["1"]
    assert {"server", "content-type", "cache-control"} <= {one.field for one in answer.unknown}
    package = effective(tree, asked("http://a.test/ota/app.ipa"), AllThere())
    assert (package.status, fields(package, "content-type")) == (200, ["application/octet-stream"])
    assert "server" in {one.field for one in answer.unknown}
    other = effective(tree, asked("http://b.test/ota/app.plist"), AllThere())
    assert other.status is None


def test_types_of_a_file_that_is_not_here_are_not_known(site: Path) -> None:
    answer = ask(site, "", "/ota/app.ipa", http="include mime.types;")
    assert (answer.status, fields(answer, "content-type")) == (200, [None])
    assert "content-type" in doubts(answer)


def test_a_tree_that_cannot_be_read_answers_nothing(site: Path) -> None:
    answer = ask(site, "include none.conf;")
    assert (answer.status, answer.headers) == (None, ())
    assert answer.unknown[0].what.startswith("status: ")
    assert answer.unknown[0].span is not None
    assert answer.unknown[0].span.line == 7


def test_code_that_may_answer_anything_answers_nothing_here(site: Path) -> None:
    assert ask(site, "location / { access_by_lua_block { ngx.exit(403) } }").status is None
    assert ask(site, "location / { content_by_lua_block { x } }").status is None


def test_too_many_open_questions_leave_nothing_known(site: Path) -> None:
    text = "".join(f"if ($request_id = {number}) {{ set $x {number}; }}\n" for number in range(12))
    answer = ask(site, text + "add_header X-A $x;")
    assert answer.status is None
    assert "whether `if ($request_id = 0)` holds" in answer.unknown[0].what


def test_a_circle_of_maps_and_of_redirects_ends(site: Path) -> None:
    answer = ask(
        site,
        "add_header X-A $a always;\nlocation / { rewrite ^ /x last; }",
        http="map $b $a { default $b; }\nmap $a $b { default $a; }",
    )
    assert answer.status == 500
    assert fields(answer, "x-a") == []
    assert ask(site, "error_page 404 /none;\nrecursive_error_pages on;", "/none").status == 500


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/./b//c/../d", "/a/b/d"),
        ("/a%2Fb%20c", "/a/b c"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/%e2%82%ac", "/€"),
        ("/a+b", "/a+b"),
        ("/...", "/..."),
    ],
)
def test_a_path_is_made_normal(path: str, expected: str) -> None:
    assert normal(path) == expected


@pytest.mark.parametrize("path", ["/..", "/a/../..", "/%", "/%zz", "/%00", "a"])
def test_a_path_that_nginx_refuses_is_refused(path: str) -> None:
    with pytest.raises(BadUriError):
        normal(path)


@pytest.mark.parametrize(
    ("uri", "expected"), [("/a.IPA", "ipa"), ("/a.b/c", ""), ("/.plist", ""), ("/a.", ""), ("/x/a.tar.gz", "gz")]
)
def test_an_extension_is_what_stands_behind_the_last_dot_of_the_name(uri: str, expected: str) -> None:
    assert extension(uri) == expected


@pytest.mark.parametrize(
    ("url", "method", "header"),
    [
        ("ftp://a/", "GET", ""),
        ("https://", "GET", ""),
        ("https://a:x/", "GET", ""),
        ("https://a/", "PUT", ""),
        ("https://a/", "GET", "no colon"),
        ("https://a/", "GET", "X: a\r\nY: b"),
        ("https://a/" + "x" * 20_000, "GET", ""),
    ],
)
def test_what_cannot_be_asked_is_refused(url: str, method: str, header: str) -> None:
    with pytest.raises(UsageError):
        asked(url, method, [header] if header else [])
