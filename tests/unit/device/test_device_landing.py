"""The landing page beyond its first link: other apps' browsers, frames, all its installs, and the manifest's further answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ota_proxy.apps.install_link import install_link
from ota_proxy.device import fetch_manifest, http
from ota_proxy.device.network import NetFault, Network, Peer, dial
from ota_proxy.device.walk import WalkOptions, walk, walk_all
from ota_proxy.facts.install import InstallFacts
from tests.support.device_servers import HOST, NOW, server_context, serving
from tests.support.walked_site import BASE, FULL, LINK, PACKAGE, Site, manifest, page, walked

OTHER = install_link(f"{BASE}/ota/other.plist")


def two_apps() -> Site:
    site = Site()
    site.files["/"] = page() + page(OTHER) + page()
    site.files["/ota/other.plist"] = manifest(software_package=f"{BASE}/ota/other.ipa")
    site.files["/ota/other.ipa"] = PACKAGE
    return site


def walked_all(tmp_path: Path, site: Site, **options: object) -> tuple[InstallFacts, ...]:
    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper)

    async def scene() -> tuple[InstallFacts, ...]:
        async with serving(site.handle, context) as port:
            usual = {"ca_pem": FULL.root.pem, "resolve": {(HOST, 443): ("127.0.0.1", port)}, "now": NOW}
            return await walk_all(f"{BASE}/", WalkOptions(**{**usual, **options}))  # type: ignore[arg-type]

    return asyncio.run(scene())


def asked(site: Site, path: str) -> int:
    return sum(1 for _, one, _ in site.requests if one == path)


def test_every_install_of_a_page_is_walked_and_the_page_is_asked_for_once(tmp_path: Path) -> None:
    site = two_apps()
    walks = walked_all(tmp_path, site, in_app=False)
    assert [one.manifest.url for one in walks if one.manifest] == [
        f"{BASE}/ota/manifest.plist",
        f"{BASE}/ota/other.plist",
    ]
    assert [one.packages[0].url for one in walks] == [f"{BASE}/ota/app.ipa", f"{BASE}/ota/other.ipa"]
    assert walks[0].page is walks[1].page
    assert walks[0].tls is walks[1].tls is not None
    assert asked(site, "/") == 1
    numbers = [{exchange.id for exchange in one.exchanges()} for one in walks]
    shared = {exchange.id for exchange in walks[0].page.visit.hops} if walks[0].page else set()
    assert numbers[0] & numbers[1] == shared


def test_a_page_of_many_links_is_walked_up_to_a_limit(tmp_path: Path) -> None:
    site = Site()
    site.files["/"] = b"".join(page(install_link(f"{BASE}/{number}.plist")) for number in range(30))
    assert len(walked_all(tmp_path, site, installs=3, in_app=False, probe_tls=False)) == 3


def test_browsers_inside_other_apps_are_asked_for_the_page_with_their_own_names(tmp_path: Path) -> None:
    def hook(_method: str, path: str, headers: dict[str, str]) -> bytes | None:
        said = b"Open in Safari" if path == "/" and "MicroMessenger/" in headers["user-agent"] else b""
        return b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n" + said if said else None

    seen = walked(tmp_path, Site(hook=hook), f"{BASE}/").page
    assert seen is not None
    assert {view.name for view in seen.in_app} == set(http.in_app())
    assert [view.name for view in seen.in_app if view.guidance] == ["WeChat"]
    sent = {dict(view.visit.first.request_headers)["User-Agent"] for view in seen.in_app}
    assert len(sent) == len(seen.in_app)


def test_a_page_without_an_install_link_is_not_asked_for_again(tmp_path: Path) -> None:
    site = Site(files={"/": b"<html>hello</html>"})
    facts = walked(tmp_path, site, f"{BASE}/")
    assert facts.page is not None
    assert facts.page.in_app == ()
    assert asked(site, "/") == 1


def test_a_link_in_a_frame_of_the_same_site_is_found_and_walked_and_other_sites_are_not_asked(tmp_path: Path) -> None:
    site = Site()
    site.files["/"] = b'<iframe src="/frame"></iframe><iframe src="https://elsewhere.example/"></iframe>'
    site.files["/frame"] = page()
    facts = walked(tmp_path, site, f"{BASE}/", options={"in_app": False})
    assert facts.page is not None
    assert [(frame.url, len(frame.links)) for frame in facts.page.frames] == [(f"{BASE}/frame", 1)]
    assert facts.manifest is not None
    assert facts.manifest.data is not None
    assert not [exchange for exchange in facts.exchanges() if "elsewhere" in exchange.url]


def test_frames_are_bounded_and_one_that_shows_the_page_itself_is_not_followed(tmp_path: Path) -> None:
    site = Site()
    site.files["/"] = b'<iframe src="/"></iframe>' + b"".join(b'<iframe src="/f%d"></iframe>' % n for n in range(9))
    facts = walked(tmp_path, site, f"{BASE}/")
    assert facts.page is not None
    assert len(facts.page.frames) == 5
    assert asked(site, "/") == 1


def test_a_link_from_a_qr_code_keeps_its_context(tmp_path: Path) -> None:
    facts = walked(tmp_path, Site(), LINK, options={"link_context": "qr"})
    assert facts.link is not None
    assert facts.link.context == "qr"


def refusing(word: str, times: int = 99) -> Site:
    left = [times]

    def hook(_method: str, path: str, headers: dict[str, str]) -> bytes | None:
        if path.endswith(".plist") and word in headers["user-agent"] and left[0] > 0:
            left[0] -= 1
            return b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        return None

    return Site(hook=hook)


@pytest.mark.parametrize(("times", "later"), [(99, [200, 403, 200, 200]), (1, [200, 200, 200, 200])])
def test_every_agent_is_asked_again_where_the_answers_differ(tmp_path: Path, times: int, later: list[int]) -> None:
    facts = walked(tmp_path, refusing("appstored", times), LINK, options={"scale": 0.2})
    assert facts.manifest is not None
    assert facts.manifest.visit.status == 403
    assert [visit.first.agent for visit in facts.manifest.again] == ["browser", "manifest", "mdm", "package"]
    assert [visit.status for visit in facts.manifest.again] == later


def test_nobody_is_asked_again_where_all_answers_are_alike(tmp_path: Path) -> None:
    facts = walked(tmp_path, Site(), LINK)
    assert facts.manifest is not None
    assert facts.manifest.again == ()
    assert facts.manifest.download is not None
    assert facts.manifest.download.first.agent == "package"


@pytest.mark.parametrize(("encoding", "name"), [("br", "brotli"), ("zstd", "zstd")])
def test_a_compression_that_was_not_undone_is_named_and_is_no_parse_error(
    tmp_path: Path, encoding: str, name: str
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 4\r\n\r\n".encode()
    site = Site(hook=lambda _method, path, _headers: head + b"\x8b\x01\x80a" if path.endswith(".plist") else None)
    facts = walked(tmp_path, site, LINK)
    assert facts.manifest is not None
    assert (facts.manifest.undecoded, facts.manifest.parse_error, facts.manifest.data) == (name, "", None)


@contextlib.asynccontextmanager
async def on_both(four: Site, six: Site | None, folder: Path) -> AsyncIterator[WalkOptions]:
    """Serve one site over IPv4 and another, or nothing, over IPv6."""
    context = server_context(folder, FULL.leaf, FULL.lower, FULL.upper)
    server = await asyncio.start_server(_closing(six or Site()), "::1", 0, ssl=context)
    number = server.sockets[0].getsockname()[1]
    if six is None:
        server.close()
        await server.wait_closed()
    try:
        async with serving(four.handle, context) as port:
            place = (HOST, 443)
            yield WalkOptions(
                ca_pem=FULL.root.pem,
                resolve={place: ("127.0.0.1", port)},
                also={place: ("::1", number)},
                probe_tls=False,
                now=NOW,
            )
    finally:
        server.close()


def _closing(site: Site):  # type: ignore[no-untyped-def]  # noqa: ANN202 - asyncio's callback
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await site.handle(reader, writer)
            await writer.drain()
        writer.close()

    return handle


IPV6 = fetch_manifest._routed("ipv6", ("::1", 9))  # noqa: SLF001 - the walk's own question
needs_ipv6 = pytest.mark.skipif(not IPV6, reason="this machine has no IPv6 loopback")


@needs_ipv6
@pytest.mark.parametrize(("six", "status"), [(Site(), 200), (Site(files={}), 404), (None, 0)])
def test_each_family_of_addresses_is_asked_on_its_own(tmp_path: Path, six: Site | None, status: int) -> None:
    async def scene() -> InstallFacts:
        async with on_both(Site(), six, tmp_path) as options:
            return await walk(LINK, options)

    facts = asyncio.run(scene())
    assert facts.manifest is not None
    found = {one.family: one.visit for one in facts.manifest.by_family}
    assert set(found) == {"ipv4", "ipv6"}
    assert [visit.status if visit else -1 for visit in found.values()] == [200, status]
    assert facts.manifest.visit.ok
    assert [one.address for one in facts.manifest.by_family] == ["127.0.0.1", "::1"]


def test_a_family_that_this_machine_cannot_reach_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_manifest, "_routed", lambda family, _address: family == "ipv4")
    facts = walked(tmp_path, Site(), LINK, options={"also": {(HOST, 443): ("2001:db8::7", 443)}})
    assert facts.manifest is not None
    assert [(one.family, one.visit is None) for one in facts.manifest.by_family] == [("ipv4", False), ("ipv6", True)]


def test_a_host_with_one_family_is_not_compared(tmp_path: Path) -> None:
    facts = walked(tmp_path, Site(), LINK)
    assert facts.manifest is not None
    assert facts.manifest.by_family == ()


def test_an_address_that_was_silent_once_is_asked_last_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    silent, living = ("192.0.2.1", 1), ("127.0.0.1", 1)

    async def found(*_: object) -> list[tuple[str, int]]:
        return [silent, living]

    async def connect(address: str, *_: object, **__: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        order.append(address)
        if address == silent[0]:
            await asyncio.sleep(9)
        raise ConnectionRefusedError

    monkeypatch.setattr("ota_proxy.device.network.addresses", found)
    monkeypatch.setattr("asyncio.open_connection", connect)
    network = Network()

    async def scene() -> None:
        for _ in range(2):
            with pytest.raises(NetFault):
                await dial(Peer(HOST, 1), network, connect=0.05, idle=1)

    asyncio.run(scene())
    assert order == ["192.0.2.1", "127.0.0.1", "127.0.0.1", "192.0.2.1"]


def test_looking_for_a_route_sends_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.05)
        assert fetch_manifest._routed("ipv4", listener.getsockname())  # noqa: SLF001 - the function is the fact
        with pytest.raises(TimeoutError):
            listener.recv(1)


def test_the_body_of_a_redirect_to_the_scheme_is_shown_by_no_browser(tmp_path: Path) -> None:
    body = page(LINK.replace("&", "&amp;"))  # what Apache writes for people whose browser does not follow
    head = f"HTTP/1.1 302 Found\r\nLocation: {LINK}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    facts = walked(tmp_path, Site(hook=lambda _m, path, _h: head + body if path == "/go" else None), f"{BASE}/go")
    assert facts.page is not None
    assert [(link.context, link.problems) for link in facts.page.links] == [("redirect", ())]


@pytest.mark.parametrize(("port", "looked_at"), [("", 443), (":80", 443), (":8080", None)])
def test_the_tls_of_a_manifest_over_http_is_looked_for_where_its_https_would_be(
    tmp_path: Path, port: str, looked_at: int | None
) -> None:
    start = f"http://{HOST}{port}/ota/manifest.plist"
    facts = walked(tmp_path, Site(), start, plain=Site(), options={"probe_tls": True})
    assert (facts.tls.port if facts.tls else None) == looked_at
    assert facts.tls is None or facts.tls.reachable


def test_a_page_that_only_leads_on_is_followed_by_every_browser_that_asks(tmp_path: Path) -> None:
    site = Site()
    site.files["/"] = b"<meta http-equiv=refresh content='0;url=/start'>"
    site.files["/start"] = b"<meta http-equiv=refresh content='5'>" + page()
    facts = walked_all(tmp_path, site)[0]
    assert facts.page is not None
    assert [hop.url for hop in facts.page.visit.hops] == [f"{BASE}/", f"{BASE}/start"]
    assert facts.page.tablet is not None
    assert (facts.page.tablet.links, facts.manifest is not None) == (1, True)
    assert {view.visit.last.url for view in facts.page.in_app} == {f"{BASE}/start"}


def test_pages_that_lead_to_each_other_and_away_from_https_end(tmp_path: Path) -> None:
    site = Site()
    site.files["/"] = b"<meta http-equiv=refresh content='0;url=/start'>"
    site.files["/start"] = b"<meta http-equiv=refresh content='0;url=/'>"
    assert [one.page.visit.stopped for one in walked_all(tmp_path, site, probe_tls=False) if one.page] == [""]
    site.files["/start"] = f"<meta http-equiv=refresh content='0;url=http://{HOST}/'>".encode()
    assert [one.page.visit.stopped for one in walked_all(tmp_path, site, probe_tls=False) if one.page] == ["left-https"]
