"""What devices are reported to do differently: the finding says that it is disputed, and how severe it is taken all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ota_proxy.facts.install import Asset, InstallFacts
from tests.support.facts import (
    MANIFEST_URL,
    PACKAGE_URL,
    answered,
    failing,
    manifest,
    outcomes,
    package,
    redirected,
    tls,
    with_manifest,
    with_manifest_answer,
    with_package,
    with_tls,
)

CBC = {"TLSv1.2": ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",)}
GCM = {"TLSv1.2": ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",)}


def _over_http() -> InstallFacts:
    return with_manifest(assets=(Asset("software-package", PACKAGE_URL.replace("https", "http")),))


def _moved() -> InstallFacts:
    visit = redirected(manifest().visit, MANIFEST_URL.replace("app-1.2", "moved"))
    return with_manifest(visit=visit)


def _refused(status: int) -> InstallFacts:
    """Whatever is asked of the package."""
    whole = package()
    asked = {name: answered(getattr(whole, name), status, b"") for name in ("head", "get", "ranged", "second")}
    return with_package(**asked)


@pytest.mark.parametrize(
    ("rule", "facts", "severity", "words"),
    [
        pytest.param("OTA210", with_tls(trust="missing-intermediate", chain=tls().chain[:1]), "error", "may fail"),
        pytest.param("OTA218", with_tls(versions=("TLSv1.2",), suites=CBC), "warning", "is not established"),
        pytest.param(
            "OTA218",
            with_tls(versions=("TLSv1.2",), suites=GCM, extended_master_secret=False),
            "warning",
            "is not established",
        ),
        pytest.param("OTA303", with_manifest_answer(401, b""), "error", "others report that this fails"),
        pytest.param("OTA305", _moved(), "warning", "others are reported not to"),
        pytest.param("OTA312", _over_http(), "error", "some systems are reported to take it"),
        pytest.param("OTA402", _refused(401), "error", "is disputed"),
        pytest.param(
            "OTA403", with_package(head=answered(package().head, 405)), "error", "others were observed to go on"
        ),
        pytest.param(
            "OTA403",
            with_package(head=replace(failing(PACKAGE_URL, "reset"), step="head")),
            "error",
            "others were observed to go on",
        ),
    ],
)
def test_a_finding_about_what_devices_do_differently_says_so(
    rule: str, facts: InstallFacts, severity: str, words: str
) -> None:
    found = [one for one in outcomes(facts) if one.rule.id == rule and one.status == "failed"]
    assert found
    for one in found:
        assert words in one.message
        assert one.severity == severity


def test_what_is_not_disputed_does_not_say_so() -> None:
    refused = [one for one in outcomes(_refused(403)) if one.rule.id == "OTA402"]
    assert [("disputed" in one.message, one.status) for one in refused] == [(False, "failed")]
