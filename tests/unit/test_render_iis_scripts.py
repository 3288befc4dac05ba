"""setup.ps1 and undo.ps1 of an IIS rendering: what they change, with which cmdlets, and what IIS cannot hold."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.policy.guideline import HSTS_MINIMUM_AGE, profile, schannel_suites
from tests.support import iis_sites as iis
from tests.support.powershell import read


def test_bindings_are_by_name_for_every_domain_and_address() -> None:
    literals = read(iis.script(iis.variant("several-2025"), "setup.ps1"))[1]
    for domain in ("ota.example.com", "*.builds.example.com"):
        for address in ("192.0.2.10", "[2001:db8::10]"):
            assert f"{address}:80:{domain}" in literals
            assert f"{address}:8443:{domain}" in literals


def test_posix_folders_become_folders_of_the_system_drive() -> None:
    rendered = iis.variant("several-2025")
    assert r"%SystemDrive%\srv\team's builds" in read(iis.script(rendered, "setup.ps1"))[1]
    assert "D:\\builds" in read(iis.script(iis.variant("proxied-2022"), "setup.ps1"))[1]
    assert "is %SystemDrive%\\srv\\ota on Windows" in iis.texts(rendered, "info")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"locations": [{"path": "/", "root": "/srv/%TEMP%"}]}, "locations[0].root"),
        ({"locations": [{"path": "/", "root": "/srv/a|b"}]}, "locations[0].root"),
        ({"locations": [{"path": "/", "root": "/srv/a\\b"}]}, "locations[0].root"),
        ({"locations": [{"path": "/", "root": "/srv/aux.d/x"}]}, "locations[0].root"),
        ({"locations": [{"path": "/", "root": "/srv/x. /y"}]}, "locations[0].root"),
        ({"redirect": {"acme_root": "/srv/what?"}}, "redirect.acme_root"),
        ({"locations": [{"path": "/", "upstream": "unix:/run/app.sock"}]}, "locations[0].upstream"),
        (
            {"locations": [{"path": "/", "upstream": "https://10.0.0.1", "upstream_name": "app.example.net"}]},
            "locations[0].upstream_name",
        ),
        (
            {"locations": [{"path": "/a/", "root": "/srv/a"}, {"path": "/A/", "root": "/srv/b"}]},
            "locations[1].path",
        ),
        ({"locations": [{"path": "/a:b/", "root": "/srv/a"}]}, "locations[0].path"),
        ({"locations": [{"path": "/a/Bin/", "root": "/srv/a"}]}, "locations[0].path"),
        ({"locations": [{"path": "/web.config/", "upstream": "http://10.0.0.1"}]}, "locations[0].path"),
        ({"access": {"deny": ["2001:db8::/32"]}}, "access.deny[0]"),
        ({"access": {"allow": ["10.0.0.0/8"]}, "trusted_proxies": ["10.0.0.1"]}, "access"),
    ],
)
def test_what_iis_cannot_hold_is_refused_with_its_key(change: dict[str, Any], key: str) -> None:
    with pytest.raises(UsageError) as refused:
        iis.made(iis.STATIC | change)
    assert refused.value.place == key
    assert refused.value.hint


@pytest.mark.parametrize("network", ["2001:db8::/32", "::192.0.2.1"])
def test_an_ipv6_network_of_proxies_is_refused_because_iis_has_only_text(network: str) -> None:
    with pytest.raises(UsageError, match="as text"):
        iis.made(iis.OFFLOADED | {"trusted_proxies": [network]})


def test_modern_is_refused_where_windows_has_no_tls_13() -> None:
    with pytest.raises(UsageError, match=r"no TLS 1\.3"):
        iis.made(iis.STATIC, "2019", tls={"profile": "modern"})


def test_schannel_is_touched_only_behind_its_switch() -> None:
    script = iis.script(iis.variant("static-2022"), "setup.ps1")
    before, _, behind = script.partition("if ($Schannel) {")
    assert "Set-OtaSchannel" not in before
    assert "-Enabled @('TLS 1.2') -Disabled @('SSL 2.0', 'SSL 3.0', 'TLS 1.0', 'TLS 1.1')" in behind
    chosen = profile("intermediate")
    assert set(schannel_suites((*chosen.suites_tls13, *chosen.ciphers))) <= set(read(behind)[1])


def test_cipher_suites_get_the_names_that_windows_knows() -> None:
    assert schannel_suites(
        ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_AES_128_GCM_SHA256")
    ) == (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_GCM_SHA256",
    )
    with pytest.raises(ValueError, match="AES128-SHA"):
        schannel_suites(("AES128-SHA",))


def test_every_kind_of_record_that_setup_writes_has_its_way_back_in_undo() -> None:
    rendered = iis.variant("static-2022")
    module = iis.script(rendered, "OtaProxy.psm1")
    written = set(re.findall(r"Kind = '(\w+)'", module))
    undone = set(re.findall(r"^ +'(\w+)' \{ Undo-", module, re.MULTILINE))
    assert written == undone != set()


def test_a_path_that_is_not_ascii_gives_the_scripts_a_byte_order_mark() -> None:
    rendered = iis.made(iis.STATIC | {"locations": [{"path": "/", "root": "/srv/öta ‘x’"}]})
    script = iis.script(rendered, "setup.ps1")
    assert script.startswith("\ufeff# Made by ota-proxy ")
    assert "%SystemDrive%\\srv\\öta ‘x’" in read(script.removeprefix("\ufeff"))[1]
    assert rendered.files[0].text.isascii()
    assert not iis.script(iis.variant("static-2022"), "setup.ps1").startswith("\ufeff")


@pytest.mark.parametrize(
    ("devices", "raised"), [(1000, []), (1001, ["queueLength"]), (5001, ["queueLength", "appConcurrentRequestLimit"])]
)
def test_limits_are_raised_only_where_the_phones_exceed_what_iis_ships(devices: int, raised: list[str]) -> None:
    script = iis.script(iis.made(iis.STATIC, expected_devices=devices), "setup.ps1")
    found = re.findall(rf"(?i)(?:-|')(queueLength|appConcurrentRequestLimit)'?(?: =)? {devices}\b", script)
    assert [name[0].lower() + name[1:] for name in found] == raised
    assert all(
        name in iis.texts(iis.made(iis.STATIC, scope="snippet", expected_devices=devices), "info") for name in raised
    )


def test_hsts_that_is_off_or_short_is_a_warning() -> None:
    assert "switched off" in iis.texts(iis.made(iis.STATIC, hsts={"enabled": False}), "warning")
    assert str(HSTS_MINIMUM_AGE) in iis.texts(iis.made(iis.STATIC, hsts={"max_age": HSTS_MINIMUM_AGE - 1}), "warning")
    assert not iis.texts(iis.variant("static-2022"), "warning")


def test_a_pool_name_fits_into_what_iis_allows_however_long_the_domain() -> None:
    long = ".".join(("a" * 60, "b" * 60, "example", "com"))
    literals = read(iis.script(iis.made(iis.STATIC | {"domains": [long]}), "setup.ps1"))[1]
    pool = literals[0]  # $Site, whose pool has its name
    assert pool.startswith("a" * 40)
    assert len(pool) <= 64
