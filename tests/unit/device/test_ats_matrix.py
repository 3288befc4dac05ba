"""App Transport Security, exception by exception, worked out from what a host was seen to speak."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ota_proxy.device.ats_matrix import matrix
from ota_proxy.facts.tls import AtsRow, NetError, TlsFacts
from ota_proxy.policy.apple_tls import next_generation_problems
from tests.support.facts import NOW, certificate, tls

GCM, CBC = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
RSA, OLD = "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"


def speaking(**suites: tuple[str, ...]) -> TlsFacts:
    """A host that speaks the versions named, `TLSv1_2` for TLSv1.2."""
    by_version = {name.replace("_", "."): offered for name, offered in suites.items()}
    return tls(versions=tuple(by_version), suites=by_version)


def rows(facts: TlsFacts) -> dict[str, AtsRow]:
    return {row.name: row for row in matrix(facts, NOW)}


def passing(facts: TlsFacts) -> set[str]:
    return {row.name for row in matrix(facts, NOW) if row.passed}


def test_a_host_as_the_guideline_wants_it_passes_every_row() -> None:
    table = matrix(tls(), NOW)
    assert [row.passed for row in table] == [True] * len(table)
    assert len({row.name for row in table}) == len(table) == 19
    assert table[0].reason == "TLSv1.3 with TLS_AES_128_GCM_SHA256"


def test_without_tls_1_3_only_the_rows_that_ask_for_it_fail() -> None:
    found = rows(speaking(TLSv1_2=(GCM,)))
    failing = {name for name, row in found.items() if not row.passed}
    assert failing
    assert {found[name].minimum for name in failing} == {"TLSv1.3"}
    assert "TLSv1.2 only" in found["at least TLSv1.3"].reason


def test_cbc_passes_today_and_not_the_announced_rules() -> None:
    found = list(rows(speaking(TLSv1_2=(CBC,))).values())
    assert [row.passed for row in found[:2]] == [True, False]
    assert "AES-GCM" in found[1].reason


def test_no_extended_master_secret_fails_the_announced_rules_alone() -> None:
    found = matrix(tls(versions=("TLSv1.2",), suites={"TLSv1.2": (GCM,)}, extended_master_secret=False), NOW)
    assert [row.passed for row in found[:3]] == [True, False, True]
    assert "Extended Master Secret" in found[1].reason


def test_rsa_key_exchange_passes_only_where_forward_secrecy_is_waived() -> None:
    found = rows(speaking(TLSv1_2=(RSA,)))
    assert [found[name].passed for name in ("at least TLSv1.2", "at least TLSv1.2, no forward secrecy")] == [
        False,
        True,
    ]
    assert "no suite that counts" in found["App Transport Security"].reason


def test_an_old_version_passes_only_where_the_exception_reaches_down_to_it() -> None:
    found = rows(speaking(TLSv1=(CBC,)))
    assert not found["App Transport Security"].passed
    names = ("at least TLSv1.2", "at least TLSv1.1", "at least TLSv1")
    assert [found[name].passed for name in names] == [False, False, True]


def test_what_no_exception_admits_passes_only_with_ats_switched_off() -> None:
    assert passing(speaking(TLSv1_2=(OLD,))) == {"arbitrary loads"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trust": "unknown-root", "trust_detail": "nobody knows it"}, "nobody knows it"),
        ({"name_matches": False}, "does not name"),
        ({"chain": (certificate(not_after=NOW - timedelta(seconds=1)),)}, "not valid now"),
        ({"chain": (certificate(not_before=NOW + timedelta(days=1)),)}, "not valid now"),
    ],
)
def test_no_exception_makes_up_for_a_certificate_that_is_not_trusted(changes: dict[str, object], words: str) -> None:
    found = matrix(tls(**changes), NOW)
    assert {row.passed for row in found} == {False}
    assert words in found[0].reason


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (certificate(key_kind="rsa", key_bits=1024), "1024 bits"),
        (certificate(key_bits=224), "224 bits"),
        (certificate(signature_hash="sha1"), "sha1"),
    ],
)
def test_a_weak_certificate_passes_only_where_that_is_waived(leaf: object, words: str) -> None:
    found = matrix(tls(chain=(leaf,)), NOW)
    assert words in found[0].reason
    assert {row.passed for row in found if row.certificate_rules} == {False}
    assert {row.passed for row in found if not row.certificate_rules} == {True}


def test_a_signature_without_a_hash_of_its_own_is_not_called_weak() -> None:
    assert matrix(tls(chain=(certificate(signature_hash=""),)), NOW)[0].passed


def test_a_host_that_was_not_reached_is_not_known() -> None:
    gone = TlsFacts("ota.example.com", 443, reachable=False, error=NetError("refused", "nothing listens"))
    assert {(row.passed, row.reason) for row in matrix(gone, NOW)} == {(None, "nothing listens")}


def test_gaps_of_a_probe_leave_what_was_not_seen_unknown_and_what_was_seen_passed() -> None:
    seen = matrix(tls(partial=True, versions=("TLSv1.2",), suites={"TLSv1.2": (RSA,)}), NOW)
    assert seen[0].passed is None
    assert "gaps" in seen[0].reason
    assert next(row for row in seen if row.name == "arbitrary loads").passed


@pytest.mark.parametrize(
    ("versions", "suites", "secret", "count"),
    [
        (("TLSv1.2", "TLSv1.3"), (), False, 0),
        (("TLSv1.2",), (GCM, CBC), True, 0),
        (("TLSv1.2",), (GCM,), None, 0),
        (("TLSv1.2",), (GCM,), False, 1),
        (("TLSv1.2",), (CBC,), False, 2),
        (("TLSv1",), (), None, 1),
    ],
)
def test_the_announced_rules_name_each_thing_that_is_missing(
    versions: tuple[str, ...], suites: tuple[str, ...], *, secret: bool | None, count: int
) -> None:
    assert len(next_generation_problems(versions, suites, master_secret=secret)) == count
