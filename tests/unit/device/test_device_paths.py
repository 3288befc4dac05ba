"""Which way leads from a leaf to a root: out of all that the certificates sent allow, the one that a device would use."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ota_proxy.device import certificates, trust
from ota_proxy.facts.install import CertificateFacts
from ota_proxy.rules.certificate import weaknesses
from tests.support.certificate_paths import GONE, NOW_ON, again
from tests.support.device_servers import HOST, NOW, Issued, issue
from tests.support.facts import tls

ROOT = issue("Root", ca=True, days=(-900, 900))
OTHER = issue("Other Root", ca=True, days=(-900, 900))
MIDDLE = issue("Middle", ROOT, ca=True, days=NOW_ON)
LEAF = issue(HOST, MIDDLE, hosts=(HOST,))


def judged(*sent: Issued, roots: tuple[Issued, ...] = (ROOT,)) -> trust.Verdict:
    trusted: dict[bytes, tuple[x509.Certificate, ...]] = {}
    for root in roots:
        name = trust.subject(root.certificate)
        trusted[name] = (*trusted.get(name, ()), root.certificate)
    return trust.judge([one.certificate for one in sent], trusted, NOW)


def way(verdict: trust.Verdict) -> list[x509.Certificate]:
    return list(verdict.path)


def certs(*issued: Issued) -> list[x509.Certificate]:
    return [one.certificate for one in issued]


OLD = again(MIDDLE, ROOT, GONE)
CROSS = again(MIDDLE, OTHER)


@pytest.mark.parametrize("sent", [(OLD, MIDDLE), (MIDDLE, OLD), (CROSS, MIDDLE), (MIDDLE, CROSS), (CROSS, OLD, MIDDLE)])
def test_a_good_way_is_taken_whatever_else_was_sent_beside_it(sent: tuple[Issued, ...]) -> None:
    verdict = judged(LEAF, *sent)
    assert verdict.trust == "trusted"
    assert way(verdict) == certs(LEAF, MIDDLE, ROOT)


def test_where_every_way_is_out_of_date_the_chain_is_trusted_and_the_certificate_is_named() -> None:
    verdict = judged(LEAF, OLD)
    assert verdict.trust == "trusted"
    assert way(verdict) == certs(LEAF, OLD, ROOT)


def test_a_root_that_is_crossed_by_an_older_one_is_enough() -> None:
    crossed = again(ROOT, OTHER)
    assert way(judged(LEAF, MIDDLE, crossed)) == certs(LEAF, MIDDLE, ROOT)
    assert way(judged(LEAF, MIDDLE, crossed, roots=(OTHER,))) == certs(LEAF, MIDDLE, crossed, OTHER)
    assert way(judged(LEAF, MIDDLE, again(ROOT, OTHER, GONE))) == certs(LEAF, MIDDLE, ROOT)


def test_an_expired_root_is_on_the_way() -> None:
    late = issue("Late Root", ca=True, days=GONE)
    leaf = issue(HOST, late, hosts=(HOST,))
    assert way(judged(leaf, roots=(late,))) == certs(leaf, late)


def test_two_intermediates_that_sign_each_other_end() -> None:
    one, two = issue("One", ca=True), issue("Two", ca=True)
    leaf = issue(HOST, one, hosts=(HOST,))
    assert judged(leaf, again(one, two), again(two, one)).trust == "unknown-root"


def test_a_thicket_of_cross_signed_certificates_takes_no_more_than_its_ways() -> None:
    names = [issue(f"CA {index}", ca=True) for index in range(8)]
    leaf = issue(HOST, names[0], hosts=(HOST,))
    thicket = [again(one, other) for one in names for other in names if one is not other]
    assert judged(leaf, *thicket[:31]).trust == "unknown-root"


# -- what is weak on it ----------------------------------------------------------------------------------------------


def described(key: object, by: Issued) -> CertificateFacts:
    """A server's certificate with a key of any kind."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    builder = (
        x509.CertificateBuilder(by.certificate.subject, name, key, 5, NOW, NOW + timedelta(days=60))  # type: ignore[arg-type]
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    found = certificates.describe(builder.sign(by.key, hashes.SHA256()))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("key", "word"),
    [
        (rsa.generate_private_key(65537, 2048).public_key(), ""),
        (ec.generate_private_key(ec.SECP256R1()).public_key(), ""),
        (ec.generate_private_key(ec.SECP384R1()).public_key(), ""),
        (ec.generate_private_key(ec.SECP521R1()).public_key(), ""),
        (ec.generate_private_key(ec.SECP256K1()).public_key(), "secp256k1 key"),
        (ec.generate_private_key(ec.BrainpoolP256R1()).public_key(), "brainpoolP256r1 key"),
        (ec.generate_private_key(ec.SECP224R1()).public_key(), "EC key of 224 bits"),
        (ed25519.Ed25519PrivateKey.generate().public_key(), "Ed25519 key"),
        (ed448.Ed448PrivateKey.generate().public_key(), "Ed448 key"),
        (dsa.generate_private_key(2048).public_key(), "DSA key"),
    ],
    ids=["rsa", "p256", "p384", "p521", "k256", "brainpool", "p224", "ed25519", "ed448", "dsa"],
)
def test_kinds_of_keys_that_ios_does_not_take_are_named(key: object, word: str) -> None:
    found = weaknesses(tls(chain=(described(key, MIDDLE),)))
    assert [line for line in found if word and word in line] == found
    assert bool(found) is bool(word)


def test_a_name_that_several_certificates_bear_is_no_way_without_the_signature() -> None:
    twin = issue("Middle", issue("Root", ca=True), ca=True)
    assert judged(LEAF, twin).trust == "missing-intermediate"
