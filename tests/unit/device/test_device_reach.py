"""What a page or server names leads nowhere private: a listening socket on loopback sees no connection, whoever names it and however."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ota_proxy.addresses import is_public, without_port
from ota_proxy.apps.install_link import install_link
from ota_proxy.commands.check import CheckOptions, check
from ota_proxy.device import handshake
from ota_proxy.device.network import NetFault, Network, Peer, Reach, dial
from ota_proxy.device.walk import WalkOptions, walk_sync
from ota_proxy.facts.install import InstallFacts
from ota_proxy.report.report import TargetReport
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts
from tests.support.device_servers import HOST, NOW, server_context, serving
from tests.support.walked_site import BASE, FULL, LINK, PACKAGE, Site, manifest, page, walked

SPELLINGS = (
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",  # noqa: S104 - a target, nothing is bound
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "localhost.",
    "LOCALHOST",
)


class Trap:
    """A listening socket that remembers whether anybody connected."""

    def __init__(self, family: socket.AddressFamily, address: str, port: int = 0) -> None:
        self.socket = socket.create_server((address, port), family=family, backlog=64)
        self.port: int = self.socket.getsockname()[1]

    def caught(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def trap() -> Iterator[Trap]:
    made = Trap(socket.AF_INET, "127.0.0.1")
    with contextlib.closing(made.socket):
        yield made


def redirecting(to: str) -> Site:
    def hook(_method: str, path: str, _headers: dict[str, str]) -> bytes | None:
        if path != "/ota/app.ipa":
            return None
        return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()

    return Site(hook=hook)


def judged(facts: InstallFacts) -> set[str]:
    return {one.rule.id for one in evaluate(Facts(install=facts), BASE, "c") if one.status == "failed"}


def test_the_trap_catches_whoever_connects(trap: Trap) -> None:
    assert not trap.caught()
    socket.create_connection(("127.0.0.1", trap.port)).close()
    assert trap.caught()


@pytest.mark.parametrize("host", SPELLINGS)
def test_assets_on_private_hosts_are_not_asked_however_they_are_written(tmp_path: Path, trap: Trap, host: str) -> None:
    site = Site()
    inside = f"https://{host}:{trap.port}"
    site.files["/ota/manifest.plist"] = manifest(
        software_package=f"{inside}/app.ipa", display_image=f"{inside}/icon.png"
    )
    facts = walked(tmp_path, site, f"{BASE}/ota/manifest.plist", options={"probe_tls": True})
    assert not trap.caught()
    error = facts.packages[0].get.error
    assert error is not None
    assert "private address" in error.message
    assert "was not asked" in error.message
    assert "--allow-private" in error.message
    found = judged(facts)
    assert "OTA313" in found
    assert not {"OTA206", "OTA401", "OTA415"} & found, "what was not asked is not missing"


def test_redirects_to_private_hosts_are_not_followed_and_are_a_finding(tmp_path: Path, trap: Trap) -> None:
    facts = walked(tmp_path, redirecting(f"https://localhost:{trap.port}/app.ipa"), f"{BASE}/ota/manifest.plist")
    assert not trap.caught()
    messages = [one.message for one in evaluate(Facts(install=facts), BASE, "c") if one.rule.id == "OTA313"]
    assert "a redirect leads to the private address 127.0.0.1" in messages[0]


def test_manifests_frames_and_links_of_a_page_lead_nowhere_private(tmp_path: Path, trap: Trap) -> None:
    inside = f"https://127.0.0.1:{trap.port}"
    site = Site()
    site.files["/"] = page(install_link(f"{inside}/m.plist")) + f'<iframe src="{inside}/f"></iframe>'.encode()
    site.files["/"] += f'<link rel="stylesheet" href="{inside}/s.css"><a href="{inside}/a.ipa">x</a>'.encode()
    facts = walked(tmp_path, site, f"{BASE}/", options={"probe_tls": True})
    assert not trap.caught()
    assert facts.manifest is not None
    assert facts.manifest.visit.error is not None
    assert "was not asked" in facts.manifest.visit.error.message


@pytest.mark.parametrize("start", [BASE, LINK])
def test_what_the_person_named_may_be_private(trap: Trap, start: str) -> None:
    named = start.replace(HOST, f"127.0.0.1%3A{trap.port}" if start is LINK else f"127.0.0.1:{trap.port}")
    walk_sync(named, WalkOptions(probe_tls=False, scale=0.1, now=NOW))
    assert trap.caught()


def test_what_a_qr_code_names_is_not_trusted(trap: Trap) -> None:
    facts = walk_sync(f"https://127.0.0.1:{trap.port}/", WalkOptions(link_context="qr", now=NOW))
    assert not trap.caught()
    assert facts.page is not None
    assert facts.page.visit.error is not None
    assert "was not asked" in facts.page.visit.error.message


def test_a_target_that_a_page_named_has_no_verdict_and_says_why(trap: Trap) -> None:
    options = CheckOptions(link_context="qr")
    report: TargetReport = asyncio.run(check(f"https://127.0.0.1:{trap.port}/", options))
    assert not trap.caught()
    assert not report.outcomes
    assert "was not asked" in report.reason


def test_private_hosts_are_asked_where_that_was_asked_for(tmp_path: Path, trap: Trap) -> None:
    site = Site()
    site.files["/ota/manifest.plist"] = manifest(software_package=f"https://127.0.0.1:{trap.port}/app.ipa")
    walked(tmp_path, site, f"{BASE}/ota/manifest.plist", options={"allow_private": True, "scale": 0.02})
    assert trap.caught()


def test_a_way_that_was_given_counts_whoever_names_the_host(tmp_path: Path, trap: Trap) -> None:
    site, inner = Site(), Site()
    site.files["/ota/manifest.plist"] = manifest(software_package="https://cdn.example.com/ota/app.ipa")
    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper)

    async def scene() -> InstallFacts:
        async with serving(site.handle, context) as port:
            route = {(HOST, 443): ("127.0.0.1", port), ("cdn.example.com", 443): ("127.0.0.1", trap.port)}
            options = WalkOptions(ca_pem=FULL.root.pem, resolve=route, probe_tls=False, scale=0.02)
            return await asyncio.to_thread(walk_sync, f"{BASE}/ota/manifest.plist", options)

    asyncio.run(scene())
    assert trap.caught()
    assert inner.requests == []


def test_a_name_that_turns_private_only_later_is_not_asked() -> None:
    """DNS rebinding: the first answer is public, the next one is loopback."""
    reach = Reach(frozenset({"a.example"}))
    outside, inside = ("93.184.216.34", 443), ("127.0.0.1", 443)
    assert reach.allowed("a.example", [outside]) == [outside]
    assert reach.allowed("a.example", [inside, outside]) == [outside]
    assert reach.allowed("a.example", [inside]) == []
    intranet = Reach(frozenset({"b.example"}))
    assert intranet.allowed("b.example", [inside]) == [inside]
    assert intranet.allowed("c.example", [inside]) == []


def test_the_probe_of_a_hosts_tls_keeps_to_the_same_rule(trap: Trap) -> None:
    facts = asyncio.run(handshake.probe("localhost", trap.port, Network(), NOW))
    assert not trap.caught()
    assert not facts.reachable
    assert facts.error is not None
    assert facts.error.kind == "unreachable"


def test_every_connection_of_the_device_goes_through_the_rule(trap: Trap) -> None:
    with pytest.raises(NetFault, match="was not asked"):
        asyncio.run(dial(Peer("localhost", trap.port), Network(), connect=1, idle=1))
    assert not trap.caught()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),  # DNS64: how an IPv6-only network reaches all of IPv4
        ("2002:808:808::1", True),
        ("::ffff:8.8.8.8", True),
        *((address, False) for address in ("0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "127.9.9.9")),  # noqa: S104 - likewise
        *((address, False) for address in ("169.254.169.254", "172.31.0.1", "192.168.1.1", "198.18.0.1")),
        *((address, False) for address in ("224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.0.8")),
        *((address, False) for address in ("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254")),
        *((address, False) for address in ("ff02::1", "fec0::1", "64:ff9b:1::1", "100::1", "5f00::1", "4000::1")),
        *((address, False) for address in ("::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:a00:1::", "2001::1")),
        ("ota.example.com", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("place", "host"),
    [("10.0.0.1:443", "10.0.0.1"), ("[::1]:443", "::1"), ("::1", "::1"), ("a.example", "a.example"), ("", "")],
)
def test_the_host_of_a_place(place: str, host: str) -> None:
    assert without_port(place) == host


def test_the_package_is_delivered_in_the_healthy_walk(tmp_path: Path) -> None:
    facts = walked(tmp_path, Site(), f"{BASE}/ota/manifest.plist")
    assert facts.packages[0].get.response is not None
    assert facts.packages[0].get.response.received == len(PACKAGE)
    assert "OTA313" not in judged(facts)
