"""HTTP/1.x against servers on loopback that keep no rule."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

import pytest

from ota_proxy.device.http import Request, fetch
from ota_proxy.device.http_framing import HEADER_LIMIT
from ota_proxy.device.network import Network
from ota_proxy.facts.install import Exchange, Response
from tests.support.device_servers import HOST, answering, get, serving


def run(coroutine: Coroutine[Any, Any, Exchange]) -> Exchange:
    return asyncio.run(coroutine)


async def asked(*pieces: bytes, pause: float = 0, **fields: object) -> Exchange:
    async with serving(answering(*pieces, pause=pause)) as port:
        return await get(port, **fields)  # type: ignore[arg-type]


def response(exchange: Exchange) -> Response:
    assert exchange.response is not None, exchange.error
    return exchange.response


def test_the_request_goes_out_exactly_as_given_and_nothing_else_with_it() -> None:
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def scene() -> Exchange:
        async with serving(handler) as port:
            return await get(port, headers=(("X-b", "1"), ("Accept", "*/*"), ("x-B", "2")), method="HEAD")

    exchange = run(scene())
    assert seen == [b"HEAD / HTTP/1.1\r\nHost: ota.example.com\r\nX-b: 1\r\nAccept: */*\r\nx-B: 2\r\n\r\n"]
    assert exchange.request_headers == (("Host", HOST), ("X-b", "1"), ("Accept", "*/*"), ("x-B", "2"))


def test_order_and_repetition_of_header_fields_are_kept() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX: 1\r\ncontent-type: c/d\r\nContent-Length: 0\r\n\r\n"
    headers = response(run(asked(raw))).headers
    assert headers == (("content-type", "a/b"), ("x", "1"), ("content-type", "c/d"), ("content-length", "0"))


def test_a_host_that_is_told_goes_into_the_header_and_not_into_the_connection() -> None:
    exchange = run(asked(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", authority="unknown-host.invalid"))
    assert exchange.status == 200
    assert exchange.request_headers[0] == ("Host", "unknown-host.invalid")


def test_a_server_that_sends_a_byte_now_and_then_is_given_up_in_time() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    exchange = run(asked(head, *[b"x"] * 100, pause=0.05, total=0.4))
    answer = response(exchange)
    assert answer.broken is not None
    assert answer.broken.kind == "timeout"
    assert not answer.complete
    assert 0 < answer.received < 20  # of a hundred: a busy machine makes them fewer


def test_a_server_that_sends_its_header_byte_by_byte_is_given_up_in_time() -> None:
    exchange = run(asked(*[b"H"] * 100, pause=0.05, total=0.3))
    assert exchange.error is not None
    assert exchange.error.kind == "timeout"
    assert "0.3 s" in exchange.error.message


def test_silence_in_the_middle_of_a_body_is_a_time_out_of_its_own() -> None:
    answer = response(run(asked(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", pause=2, idle=0.2)))
    assert (answer.body, answer.complete) == (b"abc", False)
    assert answer.broken is not None
    assert "fell silent for 0.2 s" in answer.broken.message


def test_an_endless_body_is_read_up_to_the_limit_and_kept_up_to_another() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"z" * 4096 + b"\r\n")
            await writer.drain()

    async def scene() -> Exchange:
        async with serving(handler) as port:
            return await get(port, keep=1000, read=300_000)

    answer = response(run(scene()))
    assert answer.truncated
    assert not answer.complete
    assert answer.broken is None
    assert len(answer.body) == 1000
    assert 300_000 < answer.received <= 300_000 + (1 << 17)


def test_a_body_as_long_as_the_limit_is_complete() -> None:
    answer = response(run(asked(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", keep=5, read=5)))
    assert (answer.complete, answer.truncated, answer.body) == (True, False, b"abcde")


@pytest.mark.parametrize("flood", [b"X: " + b"y" * 100 + b"\r\n", b"y" * 4096])
def test_a_header_without_end_is_a_protocol_error(flood: bytes) -> None:
    exchange = run(asked(b"HTTP/1.1 200 OK\r\n", *[flood] * 2000))
    assert exchange.error is not None
    assert exchange.error.kind == "protocol"
    assert str(HEADER_LIMIT) in exchange.error.message


def test_a_status_line_without_end_is_a_protocol_error() -> None:
    exchange = run(asked(b"HTTP/1.1 200 ", *[b"O" * 4096] * 40))
    assert exchange.error is not None
    assert exchange.error.kind == "protocol"


def test_a_body_shorter_than_declared_is_kept_and_marked_as_broken() -> None:
    answer = response(run(asked(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")))
    assert (answer.body, answer.received, answer.complete) == (b"abc", 3, False)
    assert answer.broken is not None
    assert answer.broken.kind == "protocol"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 3\r\nContent-Length: 4\r\n",
        b"Content-Length: abc\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Bad Name: x\r\n",
        b": x\r\n",
    ],
)
def test_framing_that_cannot_be_is_a_protocol_error(head: bytes) -> None:
    exchange = run(asked(b"HTTP/1.1 200 OK\r\n" + head + b"\r\nabcd"))
    assert exchange.error is not None
    assert exchange.error.kind == "protocol"


def test_chunks_are_joined_and_a_bad_chunk_breaks_the_body() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    good = response(run(asked(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")))
    assert (good.body, good.complete, good.length) == (b"abcde", True, None)
    bad = response(run(asked(head + b"3\r\nabc\r\nzz\r\n")))
    assert (bad.complete, bad.broken is not None) == (False, True)


def test_a_body_without_length_ends_with_the_connection() -> None:
    answer = response(run(asked(b"HTTP/1.0 200 OK\r\n\r\n", b"abc", b"def")))
    assert (answer.body, answer.complete, answer.http_version) == (b"abcdef", True, "1.0")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ((b"SSH-2.0-OpenSSH_9.2\r\n",), "protocol"),
        ((b"<html>no header</html>\r\n\r\n",), "protocol"),
        ((b"HTTP/3.7 200 OK\r\n\r\n",), "protocol"),
        ((b"HTTP/1.1 20 OK\r\n\r\n",), "protocol"),
        ((), "reset"),
        ((b"HTTP/1.1 200 OK\r\nX:",), "reset"),
    ],
)
def test_what_is_no_http_is_said_in_words(words: tuple[bytes, ...], kind: str) -> None:
    exchange = run(asked(*words))
    assert exchange.response is None
    assert exchange.error is not None
    assert exchange.error.kind == kind
    assert "server" in exchange.error.message


def test_interim_answers_are_skipped_but_not_without_end() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert run(asked(early, early, final)).status == 200
    flooded = run(asked(*[early] * 100, final))
    assert flooded.error is not None
    assert "interim" in flooded.error.message


def test_a_port_where_nothing_listens_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        exchange = run(get(free.getsockname()[1]))
    assert exchange.error is not None
    assert exchange.error.kind == "refused"
    assert exchange.address == ""


@pytest.mark.parametrize(
    "url",
    ["ftp://x/", "http://", "http://[::1", "http://h:99999/", "nothing", "http://a..b/", "http://" + "x" * 300 + "/"],
)
def test_a_url_that_cannot_be_asked_gives_an_error_and_no_exception(url: str) -> None:
    exchange = run(fetch(Request(url, "test", "browser", (), total=2), Network()))
    assert exchange.error is not None
    assert exchange.response is None


def test_a_target_with_odd_characters_goes_out_encoded_and_what_is_encoded_stays() -> None:
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def scene() -> Exchange:
        async with serving(handler) as port:
            network = Network({("x.test", 80): ("127.0.0.1", port)})
            return await fetch(Request("http://x.test/a b%2Fc/ä?q=1%2F2&r= ", "t", "browser", ()), network)

    assert run(scene()).status == 204
    assert seen == [b"GET /a%20b%2Fc/%C3%A4?q=1%2F2&r=%20 HTTP/1.1"]
