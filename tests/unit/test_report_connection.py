"""What a report says about TLS beside the findings: versions, the chain in words, the two verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from ota_proxy.facts.install import TlsFacts
from ota_proxy.report import html, text
from ota_proxy.report.paint import Paint
from ota_proxy.report.report import Report, TargetReport
from ota_proxy.report.tls_view import connections
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts
from tests.support.facts import BASE, HOST, healthy, tls

CBC = ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",)


def target(*hosts: TlsFacts, engine: str = "") -> TargetReport:
    facts = Facts(install=healthy(tls=hosts[0], others=hosts[1:]), server="nginx")
    return TargetReport(BASE, "nginx", "1.26.3", engine, None, evaluate(facts, BASE, "c"), facts)


def said(**changes: Any) -> dict[str, str]:  # noqa: ANN401 - fields of the facts
    return dict(connections(target(tls(**changes))))


def test_a_healthy_host_is_told_with_versions_and_both_verdicts() -> None:
    found = said(groups=("X25519MLKEM768", "x25519", "secp256r1", "secp384r1"))
    assert found[f"TLS at {HOST}:443"] == (
        "TLSv1.2, TLSv1.3; groups X25519MLKEM768, x25519, secp256r1 and 1 more; h2, http/1.1 offered"
    )
    assert found["App Transport Security"] == "accepted; by the stricter rules announced for iOS 27: accepted"


@pytest.mark.parametrize(
    "detail",
    [
        "the issuer CN=X was not sent and is not a trusted root",
        "all certificates are there, but not in the order leaf, intermediate",
        "the chain ends at the root CN=R; the root is sent too, which is not needed",
    ],
)
def test_the_chain_as_served_is_told_in_words(detail: str) -> None:
    assert detail in said(trust_detail=detail)["certificate"]


def test_a_private_root_is_told_with_the_switch_that_devices_need() -> None:
    assert "Certificate Trust Settings" in said(private_root=True)["certificate"]
    assert "Certificate Trust Settings" not in said(private_root=False)["certificate"]


def test_the_verdict_on_the_announced_rules_stands_apart() -> None:
    found = said(versions=("TLSv1.2",), suites={"TLSv1.2": CBC})
    assert found["App Transport Security"] == "accepted; by the stricter rules announced for iOS 27: refused"


def test_every_host_has_its_line_and_one_that_was_not_reached_has_none() -> None:
    cdn, gone = tls(host="cdn.example.com"), tls(host="gone.example.com", reachable=False)
    headings = [heading for heading, _ in connections(target(tls(), cdn, gone))]
    assert [one for one in headings if one.startswith("TLS")] == [f"TLS at {HOST}:443", "TLS at cdn.example.com:443"]


def test_a_trials_test_certificates_are_not_told() -> None:
    assert "certificate" not in dict(connections(target(tls(), engine="docker")))


def test_both_reports_for_people_show_it() -> None:
    report = Report((target(tls()),))
    assert "App Transport Security: accepted" in text.render(report, paint=Paint())
    assert "<dt>App Transport Security</dt>" in html.render(report)


def test_hostile_names_stay_harmless() -> None:
    page = html.render(Report((target(tls(trust_detail="<b>\x1b[31m")),)))
    assert "<b>\x1b" not in page
    assert "\x1b" not in text.render(Report((target(tls(trust_detail="<b>\x1b[31m")),)), paint=Paint())
