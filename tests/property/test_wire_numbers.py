"""Numbers and times of headers in spellings that no grammar allows, over real HTTP/2 and HTTP/1.1: a verdict for each, and the right one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from ota_proxy.device.session import WalkOptions
from ota_proxy.device.walk import walk
from ota_proxy.facts.install import InstallFacts
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts
from ota_proxy.rules.support.stages import unread
from tests.support.device_servers import HOST, NOW, Handler, chain, server_context, serving, speaking_h2
from tests.support.live_server import files

FULL = chain()
URL = f"https://{HOST}/app.plist"
HUGE = "9" * 5000
NUMBERS = ("+5", "0x5", "5;5", "５", "²", "", "-1", "5.0", "1e1", "1_0", HUGE, "a")
OTHERS = ("Age", "Retry-After", "ETag", "Content-Range", "Date", "Expires", "Last-Modified", "Accept-Ranges")
Fields = list[tuple[str, str]]


def usual(path: str, fields: Fields) -> tuple[str, Fields, bytes]:
    body = files().get(path, b"")
    return "200" if body else "404", [("content-type", "text/xml"), *fields], body


def speaking_these(fields: Fields) -> Handler:
    """Answer everything over HTTP/2 with these fields."""

    def answer(connection: h2.connection.H2Connection, asked: h2.events.RequestReceived) -> None:
        said = {bytes(name).decode(): bytes(value).decode() for name, value in asked.headers or ()}
        status, sent, body = usual(said[":path"], fields)
        head = [(name.encode(), value.encode()) for name, value in ((":status", status), *sent)]
        only_head = said[":method"] == "HEAD"
        connection.send_headers(asked.stream_id or 0, head, end_stream=only_head)
        if not only_head:
            connection.send_data(asked.stream_id or 0, body, end_stream=True)

    return speaking_h2(answer)


def speaking_h1(fields: Fields) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, path, _ = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ", 2)
        status, sent, body = usual(path, fields)
        head = "".join(f"{name}: {value}\r\n" for name, value in sent)
        writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + (b"" if method == "HEAD" else body))
        await writer.drain()

    return handler


def judged(tmp_path: Path, version: str, fields: Fields) -> tuple[set[str], str, InstallFacts]:
    """Walk and judge; return the rules of errors, and why the walk was not read to its end."""
    handler = (speaking_these if version == "2" else speaking_h1)(fields)
    alpn = ("h2",) if version == "2" else ("http/1.1",)
    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper, alpn=alpn)

    async def scene() -> InstallFacts:
        async with serving(handler, context) as port:
            options = WalkOptions(
                ca_pem=FULL.root.pem, resolve={(HOST, 443): ("127.0.0.1", port)}, probe_tls=False, now=NOW, closed=True
            )
            return await walk(URL, options)

    install = asyncio.run(scene())
    facts = Facts(install=install, server="nginx")
    outcomes = evaluate(facts, URL, "c")
    errors = {one.rule.id for one in outcomes if one.status == "failed" and one.severity == "error"}
    return errors, unread((facts,)), install


@pytest.mark.parametrize("version", ["2", "1.1"])
@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: ascii(value)[:12])
def test_a_content_length_that_is_not_a_number_is_never_a_clean_answer(
    tmp_path: Path, value: str, version: str
) -> None:
    """A device breaks off over it (RFC 9110 §8.6); so do we, and say what the server sent."""
    errors, why, install = judged(tmp_path, version, [("content-length", value)])
    assert errors or why
    assert install.manifest is not None
    assert install.manifest.data is None
    fault = install.manifest.visit.error
    assert fault is not None
    assert (fault.kind, "ength" in fault.message, len(fault.message) < 400) == ("protocol", True, True)


@pytest.mark.parametrize("version", ["2", "1.1"])
def test_two_lengths_that_disagree_are_no_answer_either(tmp_path: Path, version: str) -> None:
    errors, why, install = judged(tmp_path, version, [("content-length", "5"), ("content-length", "6")])
    assert errors or why
    assert install.manifest is not None
    assert install.manifest.data is None


@pytest.mark.parametrize("version", ["2", "1.1"])
@pytest.mark.parametrize("value", [*NUMBERS, '"é"', "bytes 0-²/5", "Mon, 01 Jan 0000 00:00:00 GMT"], ids=ascii)
def test_other_numbers_and_times_keep_nobody_from_the_manifest(tmp_path: Path, value: str, version: str) -> None:
    fields = [(name.lower(), value) for name in OTHERS]
    fields += [("cache-control", f"max-age={value}"), ("strict-transport-security", f"max-age={value}")]
    if version == "1.1":
        fields.append(("connection", "close"))
    _, _, install = judged(tmp_path, version, fields)
    assert install.manifest is not None
    assert install.manifest.data is not None
    assert install.manifest.visit.status == 200
    assert install.packages


@pytest.mark.parametrize("version", ["2", "1.1"])
def test_the_same_servers_without_any_of_it_are_read(tmp_path: Path, version: str) -> None:
    fields = [("connection", "close")] if version == "1.1" else []
    _, _, install = judged(tmp_path, version, fields)
    assert install.manifest is not None
    assert install.manifest.data is not None
    assert install.packages[0].get.status == 200
