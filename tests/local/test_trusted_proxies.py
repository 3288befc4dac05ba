"""nginx and Apache behind a proxy: what it says of the device is believed, what anybody else says is not, and nothing loops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.behind import SERVERS, Tried, running

pytestmark = [pytest.mark.local]
TRUSTED_PROXY, INNER, UNTRUSTED = "127.0.0.9", "127.0.0.8", "127.0.0.1"
TRUSTED: dict[str, Any] = {"trusted_proxies": [TRUSTED_PROXY, INNER], "access": {"deny": ["203.0.113.0/24"]}}
MODES: dict[str, dict[str, Any]] = {
    "offloaded": {**TRUSTED, "tls": {"offloaded": True}, "certificates": []},
    "own certificate": TRUSTED,
}
HTTPS = (
    "https",
    "HTTPS",
    " https ",
    "https, http",
    "https,http",
    "https ,http,http",
    ", https",
    "\thttps\t,http",
    "wss",
)
HTTP = ("http", "http, https", "HTTP", "ws", " http ,https")
NEITHER = ("httpsx", "xhttps", "", "on", "https http", '"https"', "https;http", "h, https")


def proto(*values: str) -> tuple[str, ...]:
    return tuple(f"X-Forwarded-Proto: {value}" for value in values)


@pytest.fixture(scope="module", params=[(server, mode) for server in SERVERS for mode in MODES], ids=str)
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    server, mode = request.param
    if SERVERS[server]:
        pytest.skip(SERVERS[server])
    with running(server, tmp_path_factory.mktemp("proxy"), MODES[mode], {}) as found:
        found.mode = mode
        yield found


def redirected(tried: Tried, *headers: str, tls: bool = False, source: str = TRUSTED_PROXY) -> None:
    answer = tried.ask("/app/a%2Fb?c=%2F", *headers, tls=tls, source=source)
    assert (answer.status, answer.one("location")) == (308, "https://ota.example.com/app/a%2Fb?c=%2F"), headers


@pytest.mark.parametrize("value", HTTPS)
def test_what_a_trusted_proxy_says_came_over_https_is_served(value: str, behind: Tried) -> None:
    for path in ("/app/a%2Fb?c", "/app.plist"):
        answer = behind.ask(path, *proto(value), tls=False, source=TRUSTED_PROXY)
        assert answer.status == 200
        assert answer.all("strict-transport-security") == [], "on a plain connection it is the proxy's to send"


@pytest.mark.parametrize("value", [*HTTP, *NEITHER])
def test_everything_else_on_the_plain_port_is_redirected_to_https(value: str, behind: Tried) -> None:
    redirected(behind, *proto(value))


def test_a_header_that_is_repeated_counts_as_one_list(behind: Tried) -> None:
    assert behind.ask("/app.plist", *proto("https", "http"), tls=False, source=TRUSTED_PROXY).status == 200
    redirected(behind, *proto("http", "https"))
    redirected(behind)


def test_nobody_else_is_believed(behind: Tried) -> None:
    for value in HTTPS:
        redirected(behind, *proto(value), source=UNTRUSTED)
    redirected(behind, *proto("https"), "X-Forwarded-For: 127.0.0.9", source=UNTRUSTED)
    redirected(
        behind, "Forwarded: proto=https", "X-Forwarded-Ssl: on", "X-Forwarded-Scheme: https", source=TRUSTED_PROXY
    )


def test_over_tls_a_trusted_proxy_may_say_that_the_device_came_without(behind: Tried) -> None:
    if behind.mode == "offloaded":
        with pytest.raises(ConnectionRefusedError):
            behind.ask("/", source=TRUSTED_PROXY)
        return
    for value in HTTP:
        redirected(behind, *proto(value), tls=True)
    for headers in ((), *map(proto, (*HTTPS, *NEITHER))):
        answer = behind.ask("/app.plist", *headers, source=TRUSTED_PROXY)
        assert (answer.status, answer.one("strict-transport-security")) == (200, "max-age=63072000"), headers
    assert behind.ask("/app.plist", *proto("http"), source=UNTRUSTED).status == 200


@pytest.mark.parametrize("said", [(), *map(proto, ("http", "https", "http, https"))], ids=str)
def test_an_acme_challenge_is_answered_through_the_proxy_and_directly(said: tuple[str, ...], behind: Tried) -> None:
    for source in (TRUSTED_PROXY, UNTRUSTED):
        for device in ("198.51.100.7", "203.0.113.9"):
            headers = (*said, f"X-Forwarded-For: {device}")
            answer = behind.ask("/.well-known/acme-challenge/token", *headers, tls=False, source=source)
            assert (answer.status, answer.body) == (200, b"proof"), (headers, source)
    assert behind.ask("/.well-known/acme-challenge/none", *said, tls=False, source=TRUSTED_PROXY).status == 404


def test_the_device_is_the_last_address_that_no_trusted_proxy_has(behind: Tried) -> None:
    for header, device in (
        ("198.51.100.7", "198.51.100.7"),
        ("192.0.2.1, 198.51.100.7", "198.51.100.7"),
        (f"198.51.100.7, {INNER}", "198.51.100.7"),
    ):
        told = behind.told("/app/x", *proto("https"), f"X-Forwarded-For: {header}", tls=False, source=TRUSTED_PROXY)
        assert told["headers"]["x-forwarded-for"] == device
        assert told["headers"]["x-forwarded-proto"] == "https"
    refused = behind.ask("/app/x", *proto("https"), "X-Forwarded-For: 203.0.113.9", tls=False, source=TRUSTED_PROXY)
    assert refused.status == 403


def test_a_site_that_answers_challenges_itself_keeps_them(tmp_path: Path) -> None:
    for server in [name for name, missing in SERVERS.items() if not missing]:
        app = {"path": "/.well-known/acme-challenge/"}
        (tmp_path / server).mkdir()
        with running(server, tmp_path / server, MODES["offloaded"], app) as own:
            assert own.told("/.well-known/acme-challenge/token", tls=False, source=TRUSTED_PROXY)["body"] == 0
