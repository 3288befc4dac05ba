"""What applications behind nginx and Apache get and say: WebSocket, uploads, silence, security headers; with real clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ota_proxy.site.site import DEFAULT_HEADERS
from tests.support.behind import SERVERS, Tried, running

pytestmark = [pytest.mark.local]
KEYS = {"websocket": True, "max_body": "6M", "read_timeout": 1}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    if SERVERS[request.param]:
        pytest.skip(SERVERS[request.param])
    return str(request.param)


@pytest.fixture(scope="module")
def tried(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    with running(server, tmp_path_factory.mktemp(server), {}, KEYS) as found:
        yield found


def test_a_websocket_gets_through_and_http2_to_the_same_place_still_works(tried: Tried) -> None:
    answer, echoes = tried.websocket("/app/socket", [b"hello", "ü€".encode(), b"x" * 125])
    assert (answer.status, answer.one("upgrade"), answer.one("connection").lower()) == (101, "websocket", "upgrade")
    assert echoes == [b"hello", "ü€".encode(), b"x" * 125]
    answer = tried.ask_h2("/app/page")
    assert (answer.status, answer.all("upgrade"), answer.all("connection")) == (200, [], [])
    assert answer.one("strict-transport-security").startswith("max-age=")


def test_no_other_protocol_is_switched_to_and_an_application_may_refuse(tried: Tried) -> None:
    told = tried.told("/app/x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    assert "h2c" not in str(told["headers"])
    answer, _ = tried.websocket("/app/socket?plain&status=403", [])
    assert answer.status == 403
    assert "h2c" not in answer.all("upgrade")


def test_an_upload_gets_through_up_to_its_limit_and_413_has_the_headers(tried: Tried) -> None:
    told = tried.told("/app/upload", method="POST", body=bytes(5 << 20))
    assert (told["line"], told["body"]) == ("POST /app/upload HTTP/1.1", 5 << 20)
    assert tried.told("/app/upload", method="PUT", body=bytes(6 << 20))["body"] == 6 << 20
    refused = tried.ask("/app/upload", method="POST", body=bytes((6 << 20) + 1))
    assert refused.status == 413
    _own(refused)


def test_an_upload_without_a_length_is_held_to_the_limit_too(server: str, tried: Tried) -> None:
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    for count, status in ((5, 200), (7, 413)) if server == "nginx" else ((5, 411), (7, 411)):
        with tried.connected() as stream:
            stream.sendall(
                b"POST /app/upload HTTP/1.1\r\nHost: ota.example.com\r\nConnection: close\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            try:
                stream.sendall(chunk * count + b"0\r\n\r\n")
            except ConnectionError:
                assert status != 200
            assert stream.recv(12).split()[1] == str(status).encode()


def test_over_http2_a_limit_holds_for_an_upload_without_a_length_too(server: str, tried: Tried) -> None:
    assert tried.ask_h2("/app/upload", body=b"x" * 999).status == (200 if server == "nginx" else 411)


def test_a_silent_application_is_504_with_the_headers(server: str, tried: Tried) -> None:
    answer = tried.ask("/app/slow?silent")
    assert answer.status == (504 if server == "nginx" else 502), "Apache has one status for every broken answer"
    _own(answer)


def _own(answer: object) -> None:
    """An error of the server itself has each header once."""
    for name, value in {**DEFAULT_HEADERS, "Strict-Transport-Security": "max-age=63072000"}.items():
        assert answer.one(name.lower()) == value  # type: ignore[attr-defined] # an Answer


@pytest.mark.parametrize("status", ["200", "404", "500", "503"])
def test_what_the_application_says_itself_stands_once_and_the_rest_is_added(status: str, tried: Tried) -> None:
    said = f"status={status}&X-Content-Type-Options=nosniff&Referrer-Policy=origin&X-Robots-Tag=all"
    answer = tried.ask(f"/app/page?{said}&Content-Security-Policy=script-src+%27self%27")
    assert answer.status == int(status)
    assert [answer.one(name) for name in ("x-content-type-options", "referrer-policy", "x-robots-tag")] == [
        "nosniff",
        "origin",
        "all",
    ]
    assert (answer.one("content-security-policy"), answer.one("x-frame-options")) == ("script-src 'self'", "DENY")
    answer = tried.ask(f"/app/page?status={status}&X-Frame-Options=SAMEORIGIN")
    assert (answer.all("content-security-policy"), answer.one("x-frame-options")) == ([], "SAMEORIGIN")
    _own(tried.ask(f"/app/page?status={status}"))
    _own(tried.ask(f"/app/app.plist?status={status}"))


def test_a_dead_application_is_an_error_with_the_headers(server: str, tmp_path: Path) -> None:
    with running(server, tmp_path, {}, {}, alive=False) as dead:
        for path in ("/app/page", "/app/app.plist"):
            answer = dead.ask(path)
            assert answer.status in (502, 503)
            _own(answer)


def test_without_the_keys_an_upload_works_and_a_websocket_is_a_plain_request(server: str, tmp_path: Path) -> None:
    with running(server, tmp_path, {}, {}) as plain:
        assert plain.told("/app/upload", method="POST", body=bytes(40 << 20))["body"] == 40 << 20
        assert plain.websocket("/app/socket", [b"x"])[0].status == 200
