"""What the phone shows, and when: the way to the page and the manifest strikes at once, the way to the package after the prompt."""

from __future__ import annotations

from dataclasses import replace

from ota_proxy.facts.install import ImageFacts, InstallFacts, TlsFacts, Visit
from tests.support.facts import (
    BASE,
    HOST,
    PACKAGE_URL,
    answered,
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


def _images(visit: Visit, *hosts: TlsFacts) -> InstallFacts:
    return healthy(images=(ImageFacts("display-image", visit.first.url, visit),), others=hosts)


def severities(facts: InstallFacts, rule: str) -> set[tuple[str, str]]:
    return {(one.severity, one.sees) for one in outcomes(facts) if one.rule.id == rule and one.status == "failed"}


def test_the_host_of_a_image_alone_stops_nobody() -> None:
    icon = failing(f"https://{CDN}/icon.png", "tls")
    broken = tls(host=CDN, name_matches=False, suites={"TLSv1.2": ("TLS_RSA_WITH_AES_128_GCM_SHA256",)})
    facts = _images(icon, broken)
    for rule in ("OTA209", "OTA216", "OTA217", "OTA415"):
        assert severities(facts, rule) == {("note", "")}, rule


def test_an_image_s_redirect_to_http_stops_nobody_and_is_said() -> None:
    away = redirected(healthy().images[0].visit, f"http://{HOST}/icon.png")
    assert severities(_images(away), "OTA205") == {("note", "")}


def test_a_host_of_package_and_image_is_the_package_s() -> None:
    icon = failing(f"https://{CDN}/icon.png", "tls")
    facts = replace(_images(icon, tls(host=CDN, name_matches=False)), packages=(package(url=THERE),))
    assert severities(facts, "OTA209") == {("error", UNABLE)}


def test_the_strict_transport_of_a_image_on_the_site_s_own_host_is_the_site_s() -> None:
    bare = answered(healthy().images[0].visit, strict_transport_security="")
    assert severities(_images(bare), "OTA219") == {("warning", "")}
