"""Redirects as a device follows them, and bodies that unpack to more than they should."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest

from ota_proxy.device.bodies import decode
from ota_proxy.device.http import Request
from ota_proxy.device.session import LIMIT, follow
from ota_proxy.facts.install import Exchange, Header, Response, Visit

Answers = dict[str, tuple[int, str]]
START = "https://a.test/m.plist"


def visited(answers: Answers, url: str = START, *, to_https: bool = True) -> Visit:
    """Follow redirects through a table of url → (status, location); an unknown URL is answered with 200."""

    async def send(request: Request) -> Exchange:
        status, location = answers.get(request.url, (200, ""))
        headers: tuple[Header, ...] = (("location", location),) if location else ()
        asked = (("Host", request.authority), *request.headers)
        return Exchange(
            1, "t", "manifest", request.method, request.url, asked, response=Response(status, headers, "1.1")
        )

    request = Request(url, "t", "manifest", (("X", "y"),), method="HEAD", authority="unknown-host.invalid")
    return asyncio.run(follow(request, send, to_https=to_https))


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("https://b.test/x", "https://b.test/x"),
        ("/y?z=1%2F2", "https://a.test/y?z=1%2F2"),
        ("n.plist", "https://a.test/n.plist"),
        ("//c.test/", "https://c.test/"),
        ("https://b.test/x#part", "https://b.test/x"),
    ],
)
def test_a_redirect_is_followed_with_the_same_method_and_headers_but_the_new_host(location: str, leads_to: str) -> None:
    visit = visited({START: (302, location)})
    assert [hop.url for hop in visit.hops] == [START, leads_to]
    assert (visit.stopped, visit.ok, visit.redirected) == ("", True, True)
    assert visit.last.method == "HEAD"
    assert visit.last.request_headers == (("Host", ""), ("X", "y"))


@pytest.mark.parametrize(
    ("answers", "stopped", "hops"),
    [
        ({START: (301, START)}, "loop", 1),
        ({START: (308, "/b"), "https://a.test/b": (308, "/m.plist")}, "loop", 2),
        ({START: (301, "http://a.test/m.plist")}, "left-https", 1),
        ({START: (301, "")}, "bad-location", 1),
        ({START: (301, "https://[bad/")}, "bad-location", 1),
        ({START: (301, "https://h:70000/")}, "bad-location", 1),
        ({START: (302, "itms-services://?action=download-manifest&url=https%3A%2F%2Fa")}, "other-scheme", 1),
    ],
)
def test_a_redirect_that_is_not_followed_says_why(answers: Answers, stopped: str, hops: int) -> None:
    visit = visited(answers)
    assert (visit.stopped, len(visit.hops), visit.ok) == (stopped, hops, False)


def test_redirects_that_never_end_are_given_up_after_the_limit() -> None:
    endless = {f"https://a.test/{n}": (302, f"/{n + 1}") for n in range(50)}
    visit = visited(endless, "https://a.test/0")
    assert (visit.stopped, len(visit.hops)) == ("too-many", LIMIT + 1)


def test_the_plain_probe_follows_http_but_stops_at_https() -> None:
    chain = {
        "http://a.test/": (301, "http://www.a.test/"),
        "http://www.a.test/": (301, "https://www.a.test/"),
    }
    visit = visited(chain, "http://a.test/", to_https=False)
    assert [hop.url for hop in visit.hops] == ["http://a.test/", "http://www.a.test/"]
    assert visit.stopped == ""
    assert len(visited(chain, "http://a.test/").hops) == 3


@pytest.mark.parametrize("status", [200, 300, 304, 404])
def test_only_real_redirects_are_followed(status: int) -> None:
    visit = visited({START: (status, "https://b.test/")})
    assert (len(visit.hops), visit.stopped) == (1, "")


def packed(body: bytes, *encodings: str) -> Response:
    headers = tuple(("content-encoding", encoding) for encoding in encodings)
    return Response(200, headers, "1.1", body=body, received=len(body))


PLAIN = b"<plist/>" * 100
RAW = zlib.compressobj(wbits=-15)


@pytest.mark.parametrize(
    ("body", "encodings"),
    [
        (PLAIN, ()),
        (PLAIN, ("identity",)),
        (gzip.compress(PLAIN, mtime=0), ("gzip",)),
        (gzip.compress(PLAIN, mtime=0), ("X-GZIP",)),
        (zlib.compress(PLAIN), ("deflate",)),
        (RAW.compress(PLAIN) + RAW.flush(), ("deflate",)),
        (gzip.compress(zlib.compress(PLAIN), mtime=0), ("deflate, gzip",)),
        (gzip.compress(zlib.compress(PLAIN), mtime=0), ("deflate", "gzip")),
    ],
    ids=["none", "identity", "gzip", "x-gzip", "zlib", "raw deflate", "two in one field", "two fields"],
)
def test_an_encoded_body_is_undone(body: bytes, encodings: tuple[str, ...]) -> None:
    found = decode(packed(body, *encodings))
    assert (found.data, found.error) == (PLAIN, "")


def test_a_small_body_that_unpacks_to_a_large_one_is_cut_off_and_said() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    found = decode(packed(bomb, "gzip"), limit=100_000)
    assert len(found.data) == 100_000
    assert found.bomb
    assert "100000" in found.error


@pytest.mark.parametrize(
    ("body", "encodings"), [(PLAIN, ("gzip",)), (b"x", ("br",)), (b"x", ("gzip, gzip, gzip",)), (PLAIN, ("deflate",))]
)
def test_what_cannot_be_undone_is_said(body: bytes, encodings: tuple[str, ...]) -> None:
    found = decode(packed(body, *encodings))
    assert found.data == b""
    assert found.error
    assert not found.bomb
