"""The TLS probe against servers of which we know what they speak, and the trust verdict in words."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ota_proxy.device import certificates, trust
from ota_proxy.device.handshake import BUDGET, probe
from ota_proxy.device.network import Network
from ota_proxy.facts.install import CertificateFacts, TlsFacts
from ota_proxy.policy import apple_tls, guideline
from tests.support.device_servers import (
    HOST,
    NOW,
    Handler,
    Issued,
    chain,
    handshaking,
    issue,
    only_old,
    server_context,
    serving,
)

FULL = chain()
GCM = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"


async def waiting(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


def look(context: ssl.SSLContext | None, handler: Handler = waiting, *, host: str = HOST, ca: bool = True) -> TlsFacts:
    async def scene() -> TlsFacts:
        async with serving(handler, context) as port:
            network = Network({(host, 443): ("127.0.0.1", port)}, FULL.root.pem if ca else None)
            return await probe(host, 443, network, NOW)

    return asyncio.run(scene())


def served(tmp_path: Path, *names: str) -> ssl.SSLContext:
    return server_context(tmp_path, *(getattr(FULL, name) for name in names or ("leaf", "lower", "upper")))


def test_suites_are_found_as_the_server_was_told(tmp_path: Path) -> None:
    context = served(tmp_path)
    context.set_ciphers("ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-GCM-SHA256")
    context.set_alpn_protocols(["http/1.1"])
    facts = look(context)
    assert facts.reachable
    assert facts.error is None
    assert facts.versions == ("TLSv1.2", "TLSv1.3")
    assert facts.suites["TLSv1.2"] == ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", GCM)
    assert set(facts.suites["TLSv1.3"]) == apple_tls.accepted_suites("TLSv1.3")
    assert facts.extended_master_secret is True
    assert facts.alpn == ("http/1.1",)
    assert facts.name_matches is True
    assert facts.stapled is False
    assert not facts.partial


def test_groups_are_found_in_both_versions(tmp_path: Path) -> None:
    both = served(tmp_path)
    both.set_ecdh_curve("secp384r1")
    assert look(both).groups == ("secp384r1",)
    twelve = served(tmp_path)
    twelve.maximum_version = ssl.TLSVersion.TLSv1_2
    twelve.set_ecdh_curve("secp521r1")
    facts = look(twelve)
    assert facts.versions == ("TLSv1.2",)
    assert facts.groups == ("secp521r1",)


def test_old_versions_are_seen_although_our_own_library_would_not_speak_them(tmp_path: Path) -> None:
    facts = look(only_old(served(tmp_path), ssl.TLSVersion.TLSv1_1))
    assert facts.versions == ("TLSv1", "TLSv1.1")
    assert facts.extended_master_secret is None
    assert "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA" in facts.suites["TLSv1"]
    assert facts.suites["TLSv1"] == facts.suites["TLSv1.1"]
    assert len(facts.chain) == 3


def test_a_probe_stays_within_its_connections_and_its_second(tmp_path: Path) -> None:
    context = only_old(served(tmp_path), ssl.TLSVersion.TLSv1_2)
    count = 0

    async def scene() -> TlsFacts:
        nonlocal count

        async def inner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            count += 1
            out, into = await asyncio.open_connection("127.0.0.1", behind)
            await asyncio.gather(pump(reader, into), pump(out, writer))

        async with serving(waiting, context) as behind, serving(inner) as port:
            return await probe(HOST, 443, Network({(HOST, 443): ("127.0.0.1", port)}), NOW)

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
        target.close()

    facts = asyncio.run(scene())
    assert facts.versions == ("TLSv1", "TLSv1.1", "TLSv1.2")
    assert 10 < count <= BUDGET


def test_a_name_that_the_server_does_not_have_is_told_apart(tmp_path: Path) -> None:
    one = served(tmp_path)
    assert look(one).unknown_host == "same-certificate"
    (tmp_path / "other").mkdir()
    other = server_context(tmp_path / "other", chain(("fallback.example.com",)).leaf)

    def choose(tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        if name != HOST:
            tls.context = other
        return None

    one.sni_callback = choose
    assert look(one).unknown_host == "other-certificate"
    one.sni_callback = lambda _tls, name, _context: None if name == HOST else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    assert look(one).unknown_host == "refused"


def test_a_server_that_refuses_the_name_is_reachable_but_speaks_nothing(tmp_path: Path) -> None:
    context = served(tmp_path)
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    with handshaking(context) as port:
        facts = asyncio.run(probe(HOST, 443, Network({(HOST, 443): ("127.0.0.1", port)}), NOW))
    assert facts.reachable
    assert facts.versions == ()
    assert facts.error is not None
    assert facts.error.kind == "tls"


@pytest.mark.parametrize(
    ("sent", "ca", "trust", "private"),
    [
        (("leaf", "lower", "upper"), True, "trusted", True),
        (("leaf", "lower", "upper", "root"), True, "trusted", True),
        (("leaf", "upper", "lower"), True, "wrong-order", True),
        (("leaf",), True, "missing-intermediate", None),
        (("leaf", "upper"), True, "missing-intermediate", None),
        (("leaf", "lower"), True, "unknown-root", None),
        (("leaf", "lower", "upper"), False, "unknown-root", None),
        (("leaf", "lower", "upper", "root"), False, "unknown-root", None),
    ],
)
def test_the_chain_as_served_gets_one_word(
    tmp_path: Path, sent: tuple[str, ...], *, ca: bool, trust: str, private: bool | None
) -> None:
    facts = look(served(tmp_path, *sent), ca=ca)
    assert [one.subject for one in facts.chain] == [
        getattr(FULL, name).certificate.subject.rfc4514_string() for name in sent
    ]
    assert (facts.trust, facts.private_root) == (trust, private), facts.trust_detail
    assert facts.trust_detail


def test_a_certificate_that_signed_itself_is_named_so_until_it_is_a_root(tmp_path: Path) -> None:
    alone = issue("alone", hosts=(HOST,))
    (tmp_path / "alone").mkdir()
    context = server_context(tmp_path / "alone", alone)
    assert look(context).trust == "self-signed"
    roots = {trust.subject(alone.certificate): (alone.certificate,)}
    assert trust.judge([alone.certificate], roots, NOW).trust == "trusted"


def test_a_certificate_of_the_same_name_but_another_key_is_no_issuer() -> None:
    twin = issue("Lower", issue("Upper", ca=True), ca=True)
    verdict = trust.judge([FULL.leaf.certificate, twin.certificate], {}, NOW)
    assert verdict.trust == "missing-intermediate"


def test_a_certificate_that_is_no_ca_is_no_issuer() -> None:
    fake = issue("fake", FULL.upper)
    below = issue("below", fake, hosts=(HOST,))
    roots = {trust.subject(FULL.root.certificate): (FULL.root.certificate,)}
    sent = [one.certificate for one in (below, fake, FULL.upper)]
    assert trust.judge(sent, roots, NOW).trust == "missing-intermediate"


def test_of_two_roots_with_one_name_the_valid_one_is_taken() -> None:
    key_holder = issue("Old Root", ca=True, days=(-900, -1))
    renewed = _renewed(key_holder)
    leaf = issue("leaf", key_holder, hosts=(HOST,))
    roots = {trust.subject(renewed): (key_holder.certificate, renewed)}
    assert trust.judge([leaf.certificate], roots, NOW).anchor == renewed


def _renewed(old: Issued) -> x509.Certificate:
    builder = x509.CertificateBuilder(
        issuer_name=old.certificate.issuer,
        subject_name=old.certificate.subject,
        public_key=old.key.public_key(),
        serial_number=7,
        not_valid_before=NOW - timedelta(days=2),
        not_valid_after=NOW + timedelta(days=2),
    )
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        old.key, hashes.SHA256()
    )


def facts_of(*hosts: str, address: str = "") -> CertificateFacts:
    found = certificates.describe(issue("ota.example.com", hosts=hosts).certificate)
    assert found is not None
    if not address:
        return found
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    return certificates_with(names)


def certificates_with(names: x509.SubjectAlternativeName) -> CertificateFacts:
    base = issue("x")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(base.certificate.subject)
        .issuer_name(base.certificate.subject)
        .public_key(base.key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(base.key, hashes.SHA256())
    )
    found = certificates.describe(certificate)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("names", "host", "fits"),
    [
        (("ota.example.com",), "OTA.example.com", True),
        (("ota.example.com",), "ota.example.com.", True),
        (("*.example.com",), "ota.example.com", True),
        (("*.example.com",), "a.ota.example.com", False),
        (("*.example.com",), "example.com", False),
        (("*.com",), "example.com", False),
        (("o*.example.com",), "ota.example.com", False),
        (("www.example.com",), "ota.example.com", False),
        ((), "ota.example.com", False),
    ],
)
def test_only_alternative_names_count_and_a_wildcard_is_one_label(
    names: tuple[str, ...], host: str, *, fits: bool
) -> None:
    assert certificates.name_matches(facts_of(*names), host) is fits


def test_an_address_needs_an_address_among_the_names() -> None:
    assert certificates.name_matches(facts_of(address="192.0.2.7"), "192.0.2.7")
    assert not certificates.name_matches(facts_of("192.0.2.7"), "192.0.2.7")
    assert certificates.name_matches(facts_of(address="2001:db8::1"), "2001:db8:0::1")


def test_a_certificate_is_told_in_plain_values() -> None:
    found = facts_of("ota.example.com", "www.example.com")
    assert (found.key_kind, found.key_bits, found.signature_hash) == ("ec", 256, "sha256")
    assert (found.has_san, found.server_auth, found.is_ca, found.self_signed) == (True, True, False, True)
    assert found.dns_names == ("ota.example.com", "www.example.com")
    assert found.not_after - found.not_before == timedelta(days=31)


def test_what_speaks_no_tls_is_not_reachable() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    facts = look(None, plain)
    assert not facts.reachable
    assert facts.error is not None
    assert facts.error.kind == "tls"


def test_a_closed_port_is_not_reachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = free.getsockname()[1]
        facts = asyncio.run(probe(HOST, 443, Network({(HOST, 443): ("127.0.0.1", where)}), NOW))
    assert not facts.reachable
    assert facts.error is not None
    assert facts.error.kind == "refused"


def test_every_ats_suite_is_one_that_the_probe_can_find_and_none_is_weak_in_the_next_generation() -> None:
    names = {guideline.suite_name(code) for code in guideline.suites("TLSv1.2")}
    assert apple_tls.accepted_suites("TLSv1.2") <= names
    assert apple_tls.next_generation_suites("TLSv1.2") < apple_tls.accepted_suites("TLSv1.2")
    assert not any(apple_tls.weakness(name) for name in apple_tls.next_generation_suites("TLSv1.2"))
    assert apple_tls.accepted_suites("TLSv1.1") == frozenset()


@pytest.mark.parametrize(
    ("suite", "word"),
    [
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", "RSA key exchange"),
        ("TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "DHE"),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "CBC"),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", "3DES"),
        ("TLS_DH_anon_WITH_RC4_128_MD5", "no authentication"),
        ("TLS_ECDHE_RSA_WITH_NULL_SHA", "no encryption"),
    ],
)
def test_a_weak_suite_has_its_word(suite: str, word: str) -> None:
    assert word in apple_tls.weakness(suite)
