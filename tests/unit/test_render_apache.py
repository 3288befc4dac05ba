"""The Apache rendering as text: golden files, notes, refusals; what needs a server is in test_render_apache_host.py."""

from __future__ import annotations

import re

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.policy import guideline
from ota_proxy.policy.capabilities import presets, resolve
from ota_proxy.policy.server_values import apache_capacity as capacity
from ota_proxy.servers.apache.render import render
from ota_proxy.servers.header import header_lines
from ota_proxy.servers.rendered import Note, Scope
from ota_proxy.site import Site
from tests.property.apache_reader import read
from tests.support.apache_variants import (
    BASE,
    FEATURES,
    GOLDEN,
    MUCH,
    OFFLOADED,
    PROXIED,
    VARIANTS,
    Raw,
    named,
    rendered,
    text,
)
from tests.support.golden import assert_golden


def notes(kind: str, scope: Scope = "site", version: str = "portable", more: Raw | None = None) -> str:
    return "\n".join(note.text for note in rendered(scope, version, more).notes if note.kind == kind)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_rendering_is_byte_for_byte_its_golden_file(name: str) -> None:
    scope, version, more = GOLDEN[name]
    assert_golden(f"apache/{name}.conf", text(scope, version, more))


@pytest.mark.parametrize("name", VARIANTS)
def test_every_note_stands_in_the_header_in_order(name: str) -> None:
    result = rendered(*VARIANTS[name])
    header = " ".join(line.lstrip("#- ") for line in result.files[0].text.split("\n\n")[0].splitlines())
    places = [header.find(" ".join(note.text.split())) for note in result.notes]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("name", VARIANTS)
def test_lines_are_plain_and_no_template_language_is_left(name: str) -> None:
    out = text(*VARIANTS[name])
    assert out.endswith("\n")
    assert not re.search(r"\{\{|\{%|\t|[ ]$|\n\n\n", out, re.MULTILINE)
    assert read(out)


def test_the_file_is_named_after_its_scope() -> None:
    assert [rendered(scope).files[0].name for scope in ("snippet", "site", "full")] == [
        "ota-proxy.conf",
        "ota-proxy.conf",
        "httpd.conf",
    ]


def test_a_site_holds_virtual_hosts_and_nothing_else_at_the_top() -> None:
    for more in ({}, PROXIED, OFFLOADED, MUCH, FEATURES):
        assert {one.name for one in read(text("site", more=more)) if not one.sections} == {"<VirtualHost>"}


def test_a_snippet_has_no_virtual_host_and_no_tls_lines() -> None:
    names = {one.name for one in read(text("snippet", more=PROXIED))}
    assert not names & {
        "<VirtualHost>",
        "Listen",
        "ServerName",
        "SSLEngine",
        "SSLProtocol",
        "RewriteRule",
        "ErrorLog",
        "LogLevel",
    }


@pytest.mark.parametrize("preset", [name for name in presets() if name != "windows"])
@pytest.mark.parametrize("profile", ["intermediate", "modern"])
def test_tls_is_the_guidelines_for_every_preset(preset: str, profile: str) -> None:
    caps, wanted = resolve("apache", preset), guideline.profile(profile)
    found = read(text("site", preset, {"tls": {"profile": profile}}))
    (protocols,) = named(found, "SSLProtocol")
    assert protocols == ("-all", *(f"+{name}" for name in wanted.protocols))
    suites = named(found, "SSLCipherSuite")
    old = [(":".join(wanted.ciphers),)] if wanted.ciphers else []
    assert suites == [*old, ("TLSv1.3", ":".join(wanted.suites_tls13))]
    groups = [name for name in wanted.groups if name != "X25519MLKEM768" or caps.has("mlkem")]
    assert named(found, "SSLOpenSSLConfCmd") == [("Curves", ":".join(groups))]


def test_modern_without_tls13_is_refused_and_intermediate_says_what_is_lost() -> None:
    with pytest.raises(UsageError, match=r"TLS 1\.3") as caught:
        rendered(more={"tls": {"profile": "modern"}}, tls="openssl-1.1.0")
    assert caught.value.place == "tls.profile"
    found = read(text(tls="openssl-1.1.0"))
    assert named(found, "SSLProtocol") == [("-all", "+TLSv1.2")]
    assert all(arguments[0] != "TLSv1.3" for arguments in named(found, "SSLCipherSuite"))


def test_what_a_version_cannot_enforce_is_said_and_not_written() -> None:
    old, new = text("full", "2.4.41"), text("full", "official")
    for directive in ("ReadBufferSize", "SSLVHostSNIPolicy"):
        assert not named(read(old), directive)
        assert named(read(new), directive)
    said = notes("cannot-enforce", "full", "2.4.41") + notes("would-add", "full", "2.4.41")
    for word in ("ReadBufferSize", "virtual host's name", "X25519MLKEM768"):
        assert word in said
        assert word not in notes("cannot-enforce", "full", "official") + notes("would-add", "full", "official")


@pytest.mark.parametrize("devices", [1, 400, 1000, 1005, 5000, 30_000])
def test_every_expected_device_gets_a_thread(devices: int) -> None:
    found = read(text("full", more={"expected_devices": devices}))
    values = {
        one.name: int(one.arguments[0])
        for one in found
        if one.name in ("ServerLimit", "ThreadsPerChild", "ThreadLimit", "MaxRequestWorkers")
    }
    assert values["MaxRequestWorkers"] == values["ServerLimit"] * values["ThreadsPerChild"] >= devices
    assert values["ThreadsPerChild"] <= values["ThreadLimit"]
    assert f"MaxRequestWorkers {values['MaxRequestWorkers']}" in notes(
        "needs-parent", more={"expected_devices": devices}
    )


@pytest.mark.parametrize("scope", ["site", "full"])
def test_the_folders_of_log_files_are_asked_for_because_no_server_makes_them(scope: Scope) -> None:
    log = {"access": "/var/log/ota/access.log", "error": "/srv/logs/error.log"}
    assert "/var/log/ota and /srv/logs" in notes("needs-parent", scope, more={"log": log})
    assert "log files" not in notes("needs-parent", scope, more={"log": {"access": False}})


def test_a_thousand_devices_get_the_measured_numbers() -> None:
    limits = capacity(1000)
    assert (limits.processes, limits.threads, limits.thread_limit, limits.workers) == (16, 64, 128, 1024)


def test_the_site_says_what_it_needs_and_the_full_file_has_it() -> None:
    for more in ({}, PROXIED, OFFLOADED, MUCH):
        said, found = notes("needs-parent", more=more), read(text("full", more=more))
        assert notes("needs-parent", "full", more=more | {"log": {}}) == ""
        modules = [arguments[0].removesuffix("_module") for arguments in named(found, "LoadModule")]
        wanted = re.search(r"these modules: (.*)", said)
        assert wanted
        assert set(wanted[1].split(", ")) == set(modules) - {"systemd"}
        for place, *_ in named(found, "Listen"):
            assert f"Listen {place}" in said
        for name in ("ServerTokens", "TypesConfig", "MaxRequestWorkers"):
            assert name in said
            assert named(found, name)


def test_listeners_follow_addresses_and_ipv6() -> None:
    def places(**listen: object) -> list[tuple[str, ...]]:
        return named(read(text("full", more={"listen": listen})), "Listen")

    assert places() == [("80",), ("443", "https")]
    assert places(ipv6=False, http=False) == [("0.0.0.0:443", "https")]
    assert places(addresses=["192.0.2.1", "2001:db8::1"], https=8443, http=81) == [
        ("192.0.2.1:81",),
        ("[2001:db8::1]:81",),
        ("192.0.2.1:8443", "https"),
        ("[2001:db8::1]:8443", "https"),
    ]


def test_hsts_follows_the_site_and_its_absence_is_a_warning() -> None:
    assert 'Strict-Transport-Security "max-age=300; includeSubDomains"' in text(
        more={"hsts": {"max_age": 300, "include_subdomains": True}}
    )
    assert "max_age" in notes("warning", more={"hsts": {"max_age": 300}})
    off = {"hsts": {"enabled": False}}
    assert "hsts.enabled" in notes("warning", more=off)
    assert not [
        one
        for one in named(read(text(more=off)), "Header")
        if one[:3] == ("always", "set", "Strict-Transport-Security")
    ]
    assert notes("warning") == ""


def test_offloaded_says_whose_hsts_it_is_and_warns_of_nothing() -> None:
    assert "Strict-Transport-Security" in notes("info", more=OFFLOADED)
    assert notes("warning", more=OFFLOADED) == ""
    assert "SSL" not in " ".join(one.name for one in read(text(more=OFFLOADED)))


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"locations": [{"path": "/", "root": "C:\\ota"}]}, "locations[0].root"),
        ({"locations": [{"path": "/", "root": "/srv/${HOME}"}]}, "locations[0].root"),
        ({"certificates": [{"cert": "C:\\c.pem", "key": "/k"}]}, "certificates[0].cert"),
        ({"certificates": [{"cert": "/c", "key": "/${x"}]}, "certificates[0].key"),
        ({"redirect": {"acme_root": "C:\\acme"}}, "redirect.acme_root"),
        ({"log": {"error": "C:\\log"}}, "log.error"),
        ({"log": {"access": "/var/${x}"}}, "log.access"),
        ({"headers": {"X-Own": "expr=%{HTTP_HOST}"}}, "headers.X-Own"),
        ({"headers": {"X-Own": "a ${b}"}}, "headers.X-Own"),
        ({"locations": [{"path": "/", "upstream": "unix:/run/a|b.sock"}]}, "locations[0].upstream"),
        ({"locations": [{"path": "/", "upstream": "unix:/run/a#b.sock"}]}, "locations[0].upstream"),
        ({"locations": [{"path": "/", "upstream": "unix:/run/a?b.sock"}]}, "locations[0].upstream"),
        ({"locations": [{"path": "/", "upstream": "unix:/run/a<b.sock"}]}, "locations[0].upstream"),
        ({"locations": [{"path": "/", "upstream": "unix:/" + "a" * 107}]}, "locations[0].upstream"),
        (
            {"locations": [{"path": "/", "upstream": "https://a.example", "upstream_ca": "C:\\ca"}]},
            "locations[0].upstream_ca",
        ),
        (
            {"locations": [{"path": "/", "upstream": "https://a.example", "upstream_name": "b.example"}]},
            "locations[0].upstream_name",
        ),
    ],
)
def test_a_value_apache_cannot_take_is_refused_by_name_key_and_server(more: Raw, key: str) -> None:
    with pytest.raises(UsageError, match="Apache") as caught:
        rendered(more=more)
    assert caught.value.place == key
    assert caught.value.hint


def test_the_command_cannot_leave_its_comment() -> None:
    site = Site.model_validate(BASE)
    for command in ("a\\", "a\nListen 1", "b \\ ", "é"):
        out = render(site, resolve("apache"), "site", command).files[0].text
        assert read(out) == read(text())


def test_longer_prefixes_stand_first_where_the_first_match_wins() -> None:
    found = read(text(more=PROXIED))
    prefixes = [arguments[0] for arguments in named(found, "ProxyPass") if arguments[0].endswith("/")]
    assert [len(prefix) for prefix in prefixes] == sorted((len(prefix) for prefix in prefixes), reverse=True)
    sections = [arguments[0] for arguments in named(found, "<Location>")]
    assert [len(prefix) for prefix in sections] == sorted(len(prefix) for prefix in sections)


def test_an_upstream_that_is_an_address_is_warned_about() -> None:
    assert "192.0.2.7" in notes("warning", more={"locations": [{"path": "/", "upstream": "https://192.0.2.7"}]})


def test_a_network_of_all_addresses_is_written_in_halves_as_apache_takes_no_mask_of_0_bits() -> None:
    found = read(text(more={"access": {"allow": ["::/0"], "deny": ["0.0.0.0/0", "10.0.0.0/8"]}}))
    assert ("ip", "::/1", "8000::/1") in named(found, "Require")
    assert ("not", "ip", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8") in named(found, "Require")


@pytest.mark.parametrize("path", ["/" + "x" * 240 + "/", "/" + "ü" * 50 + "/"])
@pytest.mark.parametrize("upstream", ["http://127.0.0.1:9000", "unix:/run/app.sock"])
def test_an_upstream_with_a_longer_name_than_apache_keeps_is_refused(path: str, upstream: str) -> None:
    with pytest.raises(UsageError, match="at most 255 bytes of address and prefix") as refused:
        text(more={"locations": [{"path": path, "upstream": upstream}]})
    assert refused.value.key == ("locations", 0, "path")


@pytest.mark.parametrize(("server", "example"), [("apache", "2.4.62"), ("nginx", "1.26.3")])
def test_the_header_names_a_version_of_its_own_server_as_the_example(server: str, example: str) -> None:
    lines = header_lines(resolve(server), guideline.profile("intermediate"), "site", "x", [Note("would-add", "more")])
    assert any(f"(--server-version {example}, debian12" in line for line in lines)
