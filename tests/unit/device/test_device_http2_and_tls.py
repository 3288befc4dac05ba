"""HTTP/2, and TLS as the device makes it, against servers on loopback that keep no rule."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from ota_proxy.device.network import Network
from ota_proxy.errors import UsageError
from ota_proxy.facts.install import Exchange, NetError
from tests.support.device_servers import (
    HOST,
    Chain,
    Handler,
    answering,
    chain,
    get,
    handshaking,
    only_old,
    server_context,
    serving,
    speaking_h2,
)

FULL = chain()
OK = [(":status", "200"), ("content-length", "3")]


def doing(act: Callable[[h2.connection.H2Connection, int], None]) -> Handler:
    """Do `act` for the stream of every request."""
    return speaking_h2(lambda connection, asked: act(connection, asked.stream_id or 0))


def over_h2(tmp_path: Path, handler: Handler, **fields: object) -> Exchange:
    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper, alpn=("h2",))

    async def scene() -> Exchange:
        async with serving(handler, context) as port:
            return await get(port, scheme="https", network=Network(ca_pem=FULL.root.pem), **fields)

    return asyncio.run(scene())


def failure(exchange: Exchange) -> NetError:
    found = exchange.error or (exchange.response.broken if exchange.response else None)
    assert found is not None
    return found


def test_an_answer_over_h2_is_read_whole(tmp_path: Path) -> None:
    def act(connection: h2.connection.H2Connection, stream: int) -> None:
        connection.send_headers(stream, [*OK, ("x", "1"), ("x", "2")])
        connection.send_data(stream, b"abc", end_stream=True)

    exchange = over_h2(tmp_path, doing(act))
    assert exchange.response is not None, exchange.error
    assert (exchange.response.http_version, exchange.response.body, exchange.response.complete) == ("2", b"abc", True)
    assert exchange.response.headers_all("x") == ("1", "2")
    assert exchange.response.illegal == ()


@pytest.mark.parametrize(
    "field", [("connection", "keep-alive"), ("upgrade", "h2c"), ("transfer-encoding", "chunked"), ("X-Powered-By", "x")]
)
def test_what_http2_forbids_is_let_through_and_listed(tmp_path: Path, field: tuple[str, str]) -> None:
    def act(connection: h2.connection.H2Connection, stream: int) -> None:
        connection.send_headers(stream, [*OK, field])
        connection.send_data(stream, b"abc", end_stream=True)

    exchange = over_h2(tmp_path, doing(act))
    assert exchange.response is not None, exchange.error
    assert exchange.response.illegal == (f"{field[0]}: {field[1]}",)
    assert exchange.response.header(field[0]) == field[1]
    assert exchange.response.body == b"abc"


def test_a_reset_stream_names_its_code(tmp_path: Path) -> None:
    exchange = over_h2(tmp_path, doing(lambda connection, stream: connection.reset_stream(stream, 0xD)))
    assert failure(exchange).kind == "protocol"
    assert "HTTP_1_1_REQUIRED" in failure(exchange).message


def test_a_closed_h2_connection_names_its_code(tmp_path: Path) -> None:
    exchange = over_h2(tmp_path, doing(lambda connection, _: connection.close_connection(0xB)))
    assert "ENHANCE_YOUR_CALM" in failure(exchange).message


def test_a_reset_in_the_middle_keeps_what_came(tmp_path: Path) -> None:
    def act(connection: h2.connection.H2Connection, stream: int) -> None:
        connection.send_headers(stream, OK)
        connection.send_data(stream, b"ab")
        connection.reset_stream(stream, 2)

    exchange = over_h2(tmp_path, doing(act))
    assert exchange.response is not None
    assert (exchange.response.body, exchange.response.complete) == (b"ab", False)
    assert "INTERNAL_ERROR" in failure(exchange).message


def test_an_h2_body_of_another_length_than_declared_is_broken(tmp_path: Path) -> None:
    def act(connection: h2.connection.H2Connection, stream: int) -> None:
        connection.send_headers(stream, OK)
        connection.send_data(stream, b"abcdef", end_stream=True)

    exchange = over_h2(tmp_path, doing(act))
    assert exchange.status == 200
    assert failure(exchange).kind == "protocol"


@pytest.mark.parametrize("headers", [[("content-length", "3")], [(":status", "abc")]])
def test_an_h2_answer_without_a_status_is_a_protocol_error(tmp_path: Path, headers: list[tuple[str, str]]) -> None:
    exchange = over_h2(tmp_path, doing(lambda connection, stream: connection.send_headers(stream, headers)))
    assert exchange.response is None
    assert failure(exchange).kind == "protocol"


def test_head_and_304_over_h2_are_complete_with_a_length_and_no_body(tmp_path: Path) -> None:
    def act(connection: h2.connection.H2Connection, stream: int) -> None:
        connection.send_headers(stream, [(":status", "304"), ("content-length", "3")], end_stream=True)

    exchange = over_h2(tmp_path, doing(act))
    assert exchange.response is not None, exchange.error
    assert exchange.response.complete
    head = over_h2(tmp_path, doing(lambda c, s: c.send_headers(s, OK, end_stream=True)), method="HEAD")
    assert head.response is not None, head.error
    assert (head.response.length, head.response.complete) == (3, True)


def test_bytes_that_are_no_http2_are_a_protocol_error(tmp_path: Path) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.5)

    assert failure(over_h2(tmp_path, handler)).kind == "protocol"


def test_an_endless_h2_body_stops_at_the_limit(tmp_path: Path) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        sending = False
        while True:
            writer.write(connection.data_to_send())
            await writer.drain()
            if sending and connection.local_flow_control_window(1) >= 16000:
                connection.send_data(1, b"z" * 16000)
                continue
            for event in connection.receive_data(await reader.read(65536)):
                if isinstance(event, h2.events.RequestReceived):
                    connection.send_headers(1, [(":status", "200")])
                    sending = True

    exchange = over_h2(tmp_path, handler, keep=10, read=3_000_000)
    assert exchange.response is not None, exchange.error
    assert exchange.response.truncated
    assert 3_000_000 < exchange.response.received < 3_200_000


HELLO = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def over_tls(tmp_path: Path, known: Chain, sent: tuple[str, ...], *, ca: bool = True) -> Exchange:
    context = server_context(tmp_path, *(getattr(known, name) for name in sent))

    async def scene() -> Exchange:
        async with serving(HELLO, context) as port:
            return await get(port, scheme="https", network=Network(ca_pem=known.root.pem if ca else None))

    return asyncio.run(scene())


def test_a_verified_chain_is_accepted(tmp_path: Path) -> None:
    assert over_tls(tmp_path, FULL, ("leaf", "lower", "upper")).status == 200


@pytest.mark.parametrize(
    ("known", "sent", "ca", "words"),
    [
        (FULL, ("leaf", "lower", "upper"), False, "issuer certificate"),
        (FULL, ("leaf",), True, "issuer certificate"),
        (chain(("other.example.com",)), ("leaf", "lower", "upper"), True, "Hostname mismatch"),
    ],
)
def test_a_certificate_that_does_not_verify_says_why(
    tmp_path: Path, known: Chain, sent: tuple[str, ...], *, ca: bool, words: str
) -> None:
    error = failure(over_tls(tmp_path, known, sent, ca=ca))
    assert error.kind == "tls"
    assert "is not accepted" in error.message
    assert words in error.message


def test_a_server_that_knows_only_tls_1_1_is_refused_in_words(tmp_path: Path) -> None:
    context = only_old(server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper), ssl.TLSVersion.TLSv1_1)
    with handshaking(context) as port:
        error = failure(asyncio.run(get(port, scheme="https", network=Network(ca_pem=FULL.root.pem))))
    assert error.kind == "tls"
    assert "no version from TLS 1.2 on" in error.message


def test_a_plain_server_on_the_tls_port_does_not_speak_tls() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def scene() -> Exchange:
        async with serving(handler) as port:
            return await get(port, scheme="https")

    error = failure(asyncio.run(scene()))
    assert error.kind == "tls"
    assert "does not speak TLS" in error.message


def test_a_server_that_is_silent_in_the_handshake_is_given_up_in_time() -> None:
    async def handler(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scene() -> Exchange:
        async with serving(handler) as port:
            return await get(port, scheme="https", connect=0.3)

    exchange = asyncio.run(scene())
    assert failure(exchange).kind == "timeout"
    assert "0.3 s" in failure(exchange).message


def test_sni_is_the_name_of_the_url_also_at_a_given_address(tmp_path: Path) -> None:
    names: list[str | None] = []
    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper)
    context.sni_callback = lambda _object, name, _context: names.append(name)

    async def scene() -> Exchange:
        async with serving(HELLO, context) as port:
            return await get(
                port, scheme="https", network=Network(ca_pem=FULL.root.pem), authority="unknown-host.invalid"
            )

    exchange = asyncio.run(scene())
    assert exchange.status == 200
    assert names == [HOST]
    assert exchange.address.startswith("127.0.0.1:")


def test_a_ca_file_without_a_certificate_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no PEM certificate"):
        asyncio.run(get(1, scheme="https", network=Network(ca_pem="nothing here")))
