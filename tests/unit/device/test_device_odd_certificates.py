"""Certificates that no library makes, patched by hand and sent by a real TLS server: each is walked, judged and rendered, and none is trusted."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ota_proxy.device.handshake import _facts, _Probe
from ota_proxy.device.network import Network
from ota_proxy.device.session import WalkOptions
from ota_proxy.device.walk import walk
from ota_proxy.facts.install import InstallFacts
from ota_proxy.report.formats import FORMATS, render
from ota_proxy.report.report import Report, TargetReport
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts, Outcome
from tests.support.device_servers import HOST, NOW, Issued, chain, issue, serving
from tests.support.facts import healthy
from tests.support.live_server import files, site

FULL = chain()
BASE = f"https://{HOST}"
VERSION = bytes.fromhex("a003020102")  # [0] EXPLICIT INTEGER 2, RFC 5280 §4.1.2.1
DER = FULL.leaf.certificate.public_bytes(Encoding.DER)
Patch = Callable[[bytes], bytes]


def at(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def version(number: int) -> Patch:
    return lambda data: at(data, data.index(VERSION) + 4, bytes([number]))


def time(which: int, new: bytes) -> Patch:
    """Replace notBefore (0) or notAfter (1), a UTCTime of 13 characters."""

    def patch(data: bytes) -> bytes:
        places = [found.start() + 2 for found in re.finditer(rb"\x17\x0d\d{12}Z", data)]
        return at(data, places[which], new)

    return patch


def negative_serial(data: bytes) -> bytes:
    return at(data, data.index(VERSION) + len(VERSION) + 2, b"\x8f")


def no_serial(data: bytes) -> bytes:
    place = data.index(VERSION) + len(VERSION)
    return at(data, place + 2, bytes(data[place + 1]))


def odd_name(data: bytes) -> bytes:
    """Put a control character and half a character of UTF-8 into the subject's name."""
    return data.replace(b"\x0c\x04leaf", b"\x0c\x04\x1b\xff\x00f")


PATCHES: dict[str, Patch] = {
    "version 4": version(3),
    "version 128": version(127),
    "version -1": version(255),
    "version 1 with extensions": version(0),
    "no month": time(0, b"260001000000Z"),
    "month 99": time(1, b"269999999999Z"),
    "no digits": time(1, b"AAAAAAAAAAAAZ"),
    "ends before it begins": time(1, b"500101000000Z"),
    "negative serial": negative_serial,
    "serial 0": no_serial,
    "odd name": odd_name,
}


def context_of(folder: Path, der: bytes, leaf: Issued) -> ssl.SSLContext:
    (folder / "chain.pem").write_text(ssl.DER_cert_to_PEM_cert(der) + FULL.lower.pem + FULL.upper.pem)
    (folder / "key.pem").write_bytes(leaf.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return context


def walked(context: ssl.SSLContext) -> InstallFacts:
    async def scene() -> InstallFacts:
        async with serving(site(files()), context) as port:
            route = {(HOST, 443): ("127.0.0.1", port)}
            return await walk(
                f"{BASE}/app.plist", WalkOptions(ca_pem=FULL.root.pem, resolve=route, now=NOW, closed=True)
            )

    return asyncio.run(scene())


def judged(install: InstallFacts, root: Path) -> tuple[Outcome, ...]:
    facts = Facts(install=install, server="nginx")
    outcomes = evaluate(facts, BASE, "c")
    report = Report((TargetReport(BASE, "nginx", "", "", None, outcomes, facts),))
    assert all(render(report, name, root=root) for name in FORMATS)
    return outcomes


def failed(outcomes: tuple[Outcome, ...]) -> set[str]:
    return {one.rule.id for one in outcomes if one.status == "failed" and one.severity == "error"}


UNSENT = {"serial 0", "odd name"}
"""What OpenSSL's own server refuses to load."""


@pytest.mark.parametrize("name", [name for name in PATCHES if name not in UNSENT])
def test_an_odd_certificate_ends_in_a_verdict_and_is_not_trusted(tmp_path: Path, name: str) -> None:
    odd = PATCHES[name](DER)
    assert odd != DER
    install = walked(context_of(tmp_path, odd, FULL.leaf))
    outcomes = judged(install, tmp_path)
    assert failed(outcomes) & {"OTA206", "OTA207", "OTA208", "OTA210", "OTA211"}
    assert install.tls is not None
    assert install.tls.reachable
    assert install.tls.trust != "trusted"


def first(most: int) -> Patch:
    return lambda data: data[:most]


CUTS = {f"the first {most} bytes": first(most) for most in range(0, 340, 68)}


@pytest.mark.parametrize("name", [*PATCHES, *CUTS])
def test_bytes_of_a_chain_are_a_verdict_wherever_they_stand_in_it(tmp_path: Path, name: str) -> None:
    odd = (PATCHES | CUTS)[name](DER)
    others = [one.certificate.public_bytes(Encoding.DER) for one in (FULL.lower, FULL.upper)]
    for chain_sent in ((odd,), (odd, *others), (DER, odd, *others), (DER, *others, odd)):
        run = _Probe(HOST, 443, Network(ca_pem=FULL.root.pem))
        run.seen.chain, run.seen.spoke = chain_sent, True
        run.seen.suites["TLSv1.2"] = ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",)
        seen = _facts(run, NOW)
        assert (seen.trust == "trusted") == (chain_sent[0] == DER)
        judged(healthy(tls=seen), tmp_path)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((-1, 2_900_000), {"OTA212"}),
        ((-27_000, -20_000), {"OTA208"}),
        ((-27_000, 2_900_000), set()),  # issued before 2019, when Apple began to limit lives (support.apple.com/103769)
    ],
)
def test_one_that_lives_for_millennia_is_judged_by_its_dates(
    tmp_path: Path, days: tuple[int, int], expected: set[str]
) -> None:
    leaf = issue("leaf", FULL.lower, hosts=(HOST,), days=days)
    install = walked(context_of(tmp_path, leaf.certificate.public_bytes(Encoding.DER), leaf))
    assert failed(judged(install, tmp_path)) & {"OTA206", "OTA207", "OTA208", "OTA211", "OTA212"} == expected


def test_the_certificate_without_any_of_it_is_trusted(tmp_path: Path) -> None:
    assert x509.load_der_x509_certificate(DER).version is x509.Version.v3
    install = walked(context_of(tmp_path, DER, FULL.leaf))
    assert install.tls is not None
    assert install.tls.trust == "trusted"
    assert not failed(judged(install, tmp_path)) & {"OTA206", "OTA207", "OTA208", "OTA211"}
