"""Whatever bytes a server sends, the device ends with facts and never with an exception."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import cast

import h2.config
import h2.connection
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from ota_proxy.device import certificates, trust
from ota_proxy.device.bodies import decode
from ota_proxy.device.client_hello import BadFlight, Hello, read_flight
from ota_proxy.device.http_framing import Ask, Incoming, speak_http1, speak_http2
from ota_proxy.device.network import NetFault, Stream
from ota_proxy.device.session import destination
from ota_proxy.facts.install import Exchange, Response
from ota_proxy.policy import guideline
from tests.support.device_servers import NOW, chain, issue

ASK = Ask("GET", "ota.example.com", "/", (("Accept", "*/*"),))
GENUINE_H1 = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
CERTIFICATE = issue("leaf", hosts=("ota.example.com",)).certificate.public_bytes(Encoding.DER)
FULL = chain()


class Deaf:
    """The half of a stream writer that the protocols use; takes everything."""

    def write(self, data: bytes) -> None:
        """Take it."""

    async def drain(self) -> None:
        """Never wait."""


def genuine_h2() -> bytes:
    """Return what a healthy server sends for one request."""
    client, server = (
        h2.connection.H2Connection(),
        h2.connection.H2Connection(h2.config.H2Configuration(client_side=False)),
    )
    client.initiate_connection()
    names = (":method", ":scheme", ":authority", ":path")
    client.send_headers(1, list(zip(names, ("GET", "https", "a", "/"), strict=True)), end_stream=True)
    server.initiate_connection()
    server.receive_data(client.data_to_send())
    server.send_headers(1, [(":status", "200"), ("content-type", "text/xml"), ("content-length", "3")])
    server.send_data(1, b"abc", end_stream=True)
    return server.data_to_send()


GENUINE_H2 = genuine_h2()


@st.composite
def damaged(draw: st.DrawFn, genuine: bytes) -> bytes:
    """Genuine bytes with some replaced, cut out or added, or no genuine bytes at all."""
    data = bytearray(genuine)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(data)))
        how = draw(st.sampled_from(("replace", "insert", "cut")))
        piece = draw(st.binary(min_size=1, max_size=6))
        if how == "insert":
            data[place:place] = piece
        else:
            data[place : place + len(piece)] = piece if how == "replace" else b""
    return draw(st.one_of(st.just(bytes(data)), st.binary(max_size=200)))


def heard(speak: Callable[[Stream, Ask, Incoming], Awaitable[None]], data: bytes) -> Response | None:
    """Let a protocol hear the bytes and the end, and return the answer it made of them; only NetFault may come out."""
    incoming = Incoming(keep=64, read=1000)

    async def scene() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        stream = Stream(reader, cast("asyncio.StreamWriter", Deaf()), "127.0.0.1:1", 1.0)
        with contextlib.suppress(NetFault):
            await speak(stream, ASK, incoming)

    asyncio.run(scene())
    return incoming.response(None)


@settings(max_examples=400, deadline=None)
@given(damaged(GENUINE_H1))
def test_no_bytes_crash_http1(data: bytes) -> None:
    answer = heard(speak_http1, data)
    assert answer is None or (100 <= answer.status <= 999 and len(answer.body) <= 64)


@settings(max_examples=400, deadline=None)
@given(damaged(GENUINE_H2))
def test_no_bytes_crash_http2(data: bytes) -> None:
    answer = heard(speak_http2, data)
    assert answer is None or (100 <= answer.status <= 999 and len(answer.body) <= 64)


def test_the_genuine_bytes_are_answers() -> None:
    for speak, data in ((speak_http1, GENUINE_H1), (speak_http2, GENUINE_H2)):
        answer = heard(speak, data)
        assert answer is not None
        assert (answer.status, answer.body, answer.complete) == (200, b"abc", True)


def flight() -> bytes:
    """Return a TLS 1.2 flight with a certificate, made by hand."""
    hello = b"\x03\x03" + bytes(32) + b"\0" + b"\xc0\x2f" + b"\0" + b"\x00\x08" + b"\x00\x17\0\0" + b"\xff\x01\0\0"
    listed = len(CERTIFICATE).to_bytes(3, "big") + CERTIFICATE
    parts = [
        (2, hello),
        (11, len(listed).to_bytes(3, "big") + listed),
        (12, b"\x03\x00\x1d\x20" + bytes(32)),
        (14, b""),
    ]
    body = b"".join(bytes([kind]) + len(data).to_bytes(3, "big") + data for kind, data in parts)
    return b"\x16\x03\x03" + len(body).to_bytes(2, "big") + body


def test_a_flight_made_by_hand_is_read() -> None:
    answer, whole = read_flight(flight())
    assert whole
    assert (answer.version, guideline.suite_name(answer.suite)) == ("TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
    assert (guideline.group_name(answer.group), answer.extended_master_secret) == ("x25519", True)
    assert answer.certificates == (CERTIFICATE,)


@settings(max_examples=500, deadline=None)
@given(damaged(flight()))
def test_no_bytes_crash_the_reading_of_a_flight(data: bytes) -> None:
    with contextlib.suppress(BadFlight):
        answer, _ = read_flight(data)
        for der in answer.certificates:
            loaded = certificates.load(der)
            assert loaded is None or isinstance(loaded, x509.Certificate)


@settings(max_examples=300, deadline=None)
@given(damaged(CERTIFICATE))
def test_no_bytes_crash_the_reading_of_a_certificate(der: bytes) -> None:
    loaded = certificates.load(der)
    if loaded is None:
        return
    facts = certificates.describe(loaded)
    sent = [loaded, FULL.lower.certificate]
    roots = {trust.subject(FULL.root.certificate): (FULL.root.certificate,)}
    assert trust.judge(sent, roots, NOW).trust in ("self-signed", "missing-intermediate", "unknown-root")
    if facts is not None:
        certificates.name_matches(facts, "ota.example.com")


@settings(max_examples=200)
@given(st.binary(max_size=300), st.lists(st.sampled_from(("gzip", "deflate", "br", "", ",", "identity")), max_size=4))
def test_no_bytes_crash_the_decoder(body: bytes, encodings: list[str]) -> None:
    headers = tuple(("content-encoding", encoding) for encoding in encodings)
    assert len(decode(Response(200, headers, "1.1", body=body), limit=1000).data) <= 1000


@settings(max_examples=300)
@given(st.text(max_size=80))
def test_no_location_crashes_the_following_of_redirects(location: str) -> None:
    response = Response(302, (("location", location),), "1.1")
    exchange = Exchange(1, "t", "manifest", "GET", "https://a.test/x", (), response=response)
    target = destination(exchange)
    assert target is None or "#" not in target


@settings(max_examples=100)
@given(st.sampled_from(("SSLv3", "TLSv1", "TLSv1.2", "TLSv1.3")), st.text("abc.-", max_size=60))
def test_a_hello_is_one_record_of_the_length_it_says(version: str, name: str) -> None:
    data = Hello(version, guideline.suites(version), guideline.groups(), name, ("h2",)).encode()
    assert data[0] == 22
    assert int.from_bytes(data[3:5], "big") == len(data) - 5
    assert int.from_bytes(data[6:9], "big") == len(data) - 9
