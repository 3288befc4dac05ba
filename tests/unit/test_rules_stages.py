"""What the phone shows, and when: the way to the page and the manifest strikes at once, the way to the package after the prompt."""

from __future__ import annotations

from dataclasses import replace

from ota_proxy.device.facts import InstallFacts
from tests.facts import (
    BASE,
    HOST,
    PACKAGE_URL,
    failing,
    healthy,
    manifest,
    outcomes,
    package,
    page,
    redirected,
    tls,
    with_package,
    with_tls,
)

CDN = "cdn.example.net"
THERE = f"https://{CDN}/app-1.2.ipa"
UNABLE = "Unable to Install: the app could not be installed at this time. Try again later."


def shown(facts: InstallFacts, rule: str) -> set[tuple[str, str]]:
    return {(one.rule.stage, one.sees) for one in outcomes(facts) if one.rule.id == rule and one.status == "failed"}


def test_a_certificate_of_the_manifest_s_host_strikes_before_the_prompt() -> None:
    assert shown(with_tls(name_matches=False), "OTA209") == {
        ("connect", f"Cannot install applications because the certificate for {HOST} is not valid")
    }


def test_a_certificate_of_the_package_s_own_host_strikes_after_the_prompt() -> None:
    broken = tls(host=CDN, name_matches=False)
    assert shown(healthy(packages=(package(url=THERE),), others=(broken,)), "OTA209") == {("package", UNABLE)}


def test_a_host_of_the_page_alone_is_no_package_s() -> None:
    visit = failing(f"https://{CDN}/", "tls")
    broken = tls(host=CDN, name_matches=False)
    facts = healthy(page=replace(page(), visit=visit), others=(broken,))
    assert {stage for stage, _ in shown(facts, "OTA209")} == {"connect"}


def test_a_redirect_of_the_package_to_http_strikes_after_the_prompt() -> None:
    away = redirected(package().get, PACKAGE_URL.replace("https", "http"))
    assert shown(with_package(get=away), "OTA205") == {("package", UNABLE)}


def test_a_redirect_of_the_manifest_to_http_strikes_before_the_prompt() -> None:
    away = redirected(manifest().visit, f"http://{HOST}/app.plist")
    facts = healthy(manifest=replace(manifest(), visit=away))
    assert shown(facts, "OTA205") == {("connect", f"Cannot connect to {HOST}")}


def test_what_nobody_sees_keeps_its_stage() -> None:
    weak = tls(
        host=CDN, suites={"TLSv1.2": ("TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")}
    )
    assert shown(healthy(packages=(package(url=THERE),), others=(weak,)), "OTA217") == {("connect", "")}
    assert BASE in PACKAGE_URL
