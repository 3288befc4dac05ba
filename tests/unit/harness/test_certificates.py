from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ota_proxy.harness.authority import FLAWS, Authority, Flaw, Issued, Kind

NAMES = ("ota.example.com", "*.apps.example.com", "127.0.0.1")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def handshake(issued: Issued, ca_pem: bytes, name: str, folder: Path) -> str:
    """Return an empty string for a verified handshake under Python 3.13's strict rules, else what is wrong."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(issued.cert_chain_pem)
    key.write_bytes(issued.key_pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers("DEFAULT:@SECLEVEL=0")
    server.load_cert_chain(chain, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.hostname_checks_common_name = False  # devices ignore the common name (Apple 103769)
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cadata=ca_pem.decode())
    return _shake(server, client, name)


def _shake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        theirs.settimeout(10)
        thread = threading.Thread(target=_serve, args=(server, theirs))
        thread.start()
        try:
            with client.wrap_socket(ours, server_hostname=name):
                return ""
        except ssl.SSLError as error:
            return str(getattr(error, "verify_message", "")) or str(error)
        finally:
            ours.close()
            thread.join()


def _serve(context: ssl.SSLContext, channel: socket.socket) -> None:
    try:
        with context.wrap_socket(channel, server_side=True) as tls:
            tls.recv(1)
    except OSError:
        channel.close()


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
@pytest.mark.parametrize("name", ["ota.example.com", "a.apps.example.com", "127.0.0.1"])
def test_a_sound_leaf_passes_the_strict_checks(authority: Authority, kind: Kind, name: str, tmp_path: Path) -> None:
    assert handshake(authority.issue(NAMES, kind), authority.ca_pem, name, tmp_path) == ""


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ("expired", "expired"),
        ("not-yet-valid", "not yet valid"),
        ("wrong-host", "Hostname mismatch"),
        ("missing-intermediate", "unable to get local issuer"),
        ("unknown-ca", "unable to get local issuer"),
        ("self-signed", "self-signed certificate"),
        ("no-san", "Hostname mismatch"),
        ("expired-intermediate", "expired"),
    ],
)
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_flaw_is_seen_by_a_verifying_client(
    authority: Authority, kind: Kind, flaw: Flaw, words: str, tmp_path: Path
) -> None:
    assert words.lower() in handshake(authority.issue(NAMES, kind, flaw), authority.ca_pem, NAMES[0], tmp_path).lower()


@pytest.mark.parametrize("flaw", [None, *FLAWS])
def test_every_leaf_says_what_it_is_for_except_where_that_is_the_flaw(authority: Authority, flaw: Flaw | None) -> None:
    leaf = authority.issue(NAMES, "rsa", flaw).leaf
    held = {extension.oid for extension in leaf.extensions}
    assert (x509.SubjectAlternativeName.oid in held) == (flaw != "no-san")
    usage = [e.value for e in leaf.extensions if isinstance(e.value, x509.ExtendedKeyUsage)]
    assert (ExtendedKeyUsageOID.SERVER_AUTH in usage[0] if usage else False) == (flaw != "no-server-auth")
    key = leaf.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert (key.key_size >= 2048) == (flaw != "weak-key")
    days = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert (days <= timedelta(days=90)) == (flaw != "too-long")


def test_too_long_is_longer_than_apple_allows_for_a_private_authority(authority: Authority) -> None:
    leaf = authority.issue(NAMES, flaw="too-long").leaf
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc > timedelta(days=825)


def test_an_expiring_leaf_is_valid_and_near_its_end(authority: Authority, tmp_path: Path) -> None:
    issued = authority.issue(NAMES, flaw="expiring")
    assert handshake(issued, authority.ca_pem, NAMES[0], tmp_path) == ""
    assert issued.leaf.not_valid_after_utc - datetime.now(UTC) < timedelta(days=6)


def test_an_expired_cross_sign_beside_a_good_way_is_taken(authority: Authority, tmp_path: Path) -> None:
    assert handshake(authority.issue(NAMES, flaw="expired-cross-sign"), authority.ca_pem, NAMES[0], tmp_path) == ""


def test_a_sound_leaf_has_most_of_its_life_before_it(authority: Authority) -> None:
    leaf = authority.issue(NAMES).leaf
    assert leaf.not_valid_before_utc < datetime.now(UTC) < leaf.not_valid_after_utc - timedelta(days=80)
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)


def chain_of(issued: Issued) -> Iterator[str]:
    for certificate in x509.load_pem_x509_certificates(issued.cert_chain_pem):
        yield certificate.issuer.rfc4514_string() if certificate.issuer == certificate.subject else "issued"


def test_the_chain_holds_leaf_and_intermediate_but_not_the_root(authority: Authority) -> None:
    assert list(chain_of(authority.issue(NAMES))) == ["issued", "issued"]


def test_a_chain_in_the_wrong_order_has_the_root_before_the_intermediate(authority: Authority) -> None:
    certificates = x509.load_pem_x509_certificates(authority.issue(NAMES, flaw="wrong-order").cert_chain_pem)
    assert [one.issuer == one.subject for one in certificates] == [False, True, False]


def test_no_representation_shows_a_key(authority: Authority) -> None:
    issued = authority.issue(NAMES)
    body = issued.key_pem.decode().splitlines()[1]
    assert body not in repr(issued)
    assert "PRIVATE" not in repr(issued) + repr(authority)


def test_two_runs_do_not_trust_each_other(authority: Authority, tmp_path: Path) -> None:
    assert handshake(Authority().issue(NAMES), authority.ca_pem, NAMES[0], tmp_path) != ""
