"""Whatever a client sends and whatever a configuration says, the emulator answers or ends the connection: no traceback, no end of memory."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from xml.sax.saxutils import quoteattr

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ota_proxy.iis_emulator.connection import BadTargetError, Peer
from ota_proxy.iis_emulator.http2 import Connection
from ota_proxy.iis_emulator.modelled import UnmodelledError
from ota_proxy.iis_emulator.pipeline import application
from tests.emulator.sites import Emulated, ask, body_of, emulated, served

GENUINE = b"GET /app.plist HTTP/1.1\r\nHost: ota.example.com\r\nRange: bytes=0-3\r\nAccept-Encoding: gzip\r\n\r\n"
TYPES = (
    '<system.webServer><staticContent><remove fileExtension=".plist"/><mimeMap fileExtension=".plist" mimeType="text/xml"/>'
    '<remove fileExtension=".ipa"/><mimeMap fileExtension=".ipa" mimeType="application/octet-stream"/></staticContent></system.webServer>'
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Emulated:
    return emulated(tmp_path_factory.mktemp("hostile"), TYPES)


def exchange(site: Emulated, data: bytes, *, half_closed: bool = True) -> bytes:
    """Send bytes as they are and return everything that comes back."""

    async def client(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        await writer.drain()
        if half_closed:
            writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer

    return served(site, client)


SOUP = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(
                    b"GET ",
                    b"HEAD ",
                    b"POST ",
                    b"/",
                    b"/app.plist",
                    b"/..",
                    b"%2e%2e",
                    b"%",
                    b"%u0041",
                    b"?",
                    b" HTTP/1.1",
                ),
                *(
                    b"\r\n",
                    b"\r\n\r\n",
                    b"Host: ota.example.com\r\n",
                    b"Host: [::1]:99999\r\n",
                    b"Range: bytes=-1,0-,5-2\r\n",
                ),
                *(
                    b"Content-Length: 5\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"5\r\nabcde\r\n",
                    b"0\r\n\r\n",
                    GENUINE,
                ),
                *(
                    b"If-None-Match: *\r\n",
                    b"If-Modified-Since: 99\r\n",
                    b"Expect: 100-continue\r\n",
                    b"Connection: close\r\n",
                ),
            ]
        ),
        st.binary(max_size=30),
    ),
    max_size=12,
).map(b"".join)


@given(SOUP)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_get_http_or_nothing(site: Emulated, capfd: pytest.CaptureFixture[str], data: bytes) -> None:
    answer = exchange(site, data)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b"Traceback" not in answer
    assert "Traceback" not in capfd.readouterr().err


TARGETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40).map(lambda text: "/" + text)
FIELDS = st.lists(
    st.tuples(
        st.sampled_from(
            ["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "Accept-Encoding", "Via"]
        ),
        st.one_of(
            st.sampled_from(
                [
                    "Wed, 21 Oct 2015 07:28:00 -0000",
                    "bytes=" + "9" * 5000 + "-",
                    "bytes=0-",
                    "bytes=-5",
                    "bytes=9-1",
                    "bytes=0-0,-1",
                    "*",
                    '"x"',
                    'W/"x"',
                    "gzip;q=0",
                    "gzip",
                ]
            ),
            st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
        ),
    ),
    max_size=4,
)


@given(TARGETS, FIELDS, st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "X"]))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_request_gets_a_status_and_one_line_in_the_log(
    site: Emulated, capfd: pytest.CaptureFixture[str], target: str, fields: list[tuple[str, str]], method: str
) -> None:
    before = site.log.getvalue().count("\n")
    try:
        response = ask(site, target, method=method, headers=tuple(fields))
    except BadTargetError:
        return
    assert 200 <= response.status < 600
    assert response.status != 500, capfd.readouterr().err
    assert site.log.getvalue().count("\n") == before + 1
    length = response.payload.length
    assert length == len(asyncio.run(body_of(response)))


PATTERNS = st.sampled_from(["^app", ".*", "(a+)+$", "(.*)/(.*)", "*.plist", "[", "^$", "(?!x)", "\\.ipa$"])
TEXTS = st.sampled_from(
    [
        "/index.html",
        "{R:0}",
        "{R:1}?x={C:1}",
        "{C:9}",
        "http://127.0.0.1:1/{R:1}",
        "{ToLower:{URL}}",
        "{M:{R:0}}",
        "{",
        "x y",
    ]
)
KINDS = st.sampled_from(["Rewrite", "Redirect", "CustomResponse", "AbortRequest", "None"])


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Draw a web.config's rules, right and wrong ones."""
    out = []
    for index in range(draw(st.integers(0, 4))):
        syntax = draw(st.sampled_from(["ECMAScript", "Wildcard", "ExactMatch"]))
        condition = f"<add input={quoteattr(draw(TEXTS))} pattern={quoteattr(draw(PATTERNS))} negate={quoteattr(draw(st.sampled_from(['true', 'false'])))}/>"
        action = f'<action type="{draw(KINDS)}" url={quoteattr(draw(TEXTS))} statusCode="{draw(st.sampled_from([200, 404, 599]))}"/>'
        out.append(
            f'<rule name="r{index}" patternSyntax="{syntax}" stopProcessing="{draw(st.sampled_from(["true", "false"]))}">'
            f"<match url={quoteattr(draw(PATTERNS))}/>{f'<conditions>{condition}</conditions>' * draw(st.integers(0, 1))}{action}</rule>"
        )
    header = f'<rule name="o"><match serverVariable="RESPONSE_X" pattern={quoteattr(draw(PATTERNS))}/><action type="Rewrite" value={quoteattr(draw(TEXTS))}/></rule>'
    return (
        "<system.webServer><rewrite><rewriteMaps><rewriteMap name='M' defaultValue='/d'/></rewriteMaps>"
        f"<rules>{''.join(out)}</rules><outboundRules>{header * draw(st.integers(0, 1))}</outboundRules></rewrite></system.webServer>"
    )


@given(
    rules(), st.sampled_from(["/app.plist", "/index.html?a=b", "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "/a%20b.txt", "/"])
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_rules_are_refused_by_name_or_answer(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], config: str, target: str
) -> None:
    try:
        made = emulated(tmp_path, config)
    except UnmodelledError:
        return
    response = ask(made, target)
    assert response.aborted or 200 <= response.status < 600
    assert "Traceback" not in capfd.readouterr().err


def test_a_head_above_16_kilobytes_is_refused_by_the_listener(site: Emulated) -> None:
    flood = b"GET / HTTP/1.1\r\nHost: ota.example.com\r\n" + b"X-Y: zzzzzzzz\r\n" * 4000 + b"\r\n"
    assert exchange(site, flood).startswith(b"HTTP/1.1 400 ")
    assert exchange(site, b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_an_endless_body_is_not_read_to_its_end(site: Emulated) -> None:
    async def client(port: int) -> tuple[bytes, int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /app.plist HTTP/1.1\r\nHost: ota.example.com\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent, answer = 0, b""
        try:
            while sent < 64 << 20:
                writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                await asyncio.wait_for(writer.drain(), 20)
                sent += 0x10000
        except OSError:
            pass
        with contextlib.suppress(OSError):  # a reset may take the answer along
            answer = await reader.read(200)
        writer.close()
        return answer, sent

    answer, sent = served(site, client)
    assert answer.startswith(b"HTTP/1.1 405 ") or not answer  # gone, with the answer or (after a reset) without
    assert sent < 16 << 20


def test_a_client_that_takes_nothing_does_not_fill_memory(site: Emulated) -> None:
    async def client(port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        for _ in range(2000):  # 160 MB of answers, if all were made at once
            writer.write(b"GET /App.ipa HTTP/1.1\r\nHost: ota.example.com\r\n\r\n")
        await asyncio.sleep(1)
        answered = site.log.getvalue().count("/App.ipa") - before
        writer.close()
        del reader
        return answered

    before = site.log.getvalue().count("/App.ipa")

    assert served(site, client) < 200


def test_a_server_full_of_connections_takes_no_more_and_lives(site: Emulated) -> None:
    async def client(port: int) -> bytes:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(520)]
        for _, writer in idle:
            writer.close()
        await asyncio.sleep(0.3)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GENUINE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer

    assert served(site, client).startswith(b"HTTP/1.1 206 ")


def test_pipelined_requests_are_answered_in_their_order(site: Emulated) -> None:
    answer = exchange(site, GENUINE + GENUINE.replace(b"/app.plist", b"/none.txt"))
    assert answer.index(b"206 Partial") < answer.index(b"404 Not Found")


def http2_site(site: Emulated, frames: bytes) -> bytes:
    """Speak HTTP/2 to the server's side of it without TLS."""

    async def run() -> bytes:
        done = asyncio.Event()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer = Peer(("127.0.0.1", 1), ("127.0.0.1", 443), True)
            await Connection(reader, writer, peer, application([site.pipeline])).serve()
            writer.close()
            done.set()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(frames)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(1 << 20), 20)
        await asyncio.wait_for(done.wait(), 20)
        writer.close()
        server.close()
        return answer

    return asyncio.run(run())


def _asked() -> bytes:
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    names = (":method", ":scheme", ":authority", ":path")
    client.send_headers(
        1, list(zip(names, ("GET", "https", "ota.example.com", "/app.plist"), strict=True)), end_stream=True
    )
    return client.data_to_send()


@given(st.integers(0, 200), st.binary(max_size=20))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_to_http2_ends_the_connection_and_nothing_else(
    site: Emulated, capfd: pytest.CaptureFixture[str], place: int, noise: bytes
) -> None:
    frames = _asked()
    at = place % len(frames)
    http2_site(site, frames[:at] + noise + frames[at + len(noise) :])
    assert "Traceback" not in capfd.readouterr().err


def test_a_client_that_opens_and_resets_streams_is_cut_off(site: Emulated) -> None:
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    names = (":method", ":scheme", ":authority", ":path")
    for number in range(1, 4001, 2):
        client.send_headers(number, list(zip(names, ("GET", "https", "ota.example.com", "/App.ipa"), strict=True)))
        client.reset_stream(number)
    before = site.log.getvalue().count("App.ipa")
    http2_site(site, client.data_to_send())
    assert site.log.getvalue().count("App.ipa") - before < 1000
