"""What an Apache rendering says, read as directives: what stands where, once, and for which site."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.property.apache_reader import Directive, read
from tests.support.apache_variants import NAMES, OFFLOADED, PROXIED, VARIANTS, Raw, named, text

FOLDER = "/srv/ota"
MANY = {"locations": [{"path": f"/{name}/", "root": f"/srv/{name}"} for name in ("a", "b", "c")]}


def inside(found: list[Directive], *sections: str) -> list[Directive]:
    """Return what stands directly in a section whose path ends so; a section is named by how it begins."""
    return [
        one
        for one in found
        if len(one.sections) >= len(sections)
        and all(got.startswith(want) for got, want in zip(one.sections[-len(sections) :], sections, strict=True))
    ]


def headers(found: list[Directive], *beginning: str) -> list[tuple[str, ...]]:
    return [one[len(beginning) :] for one in named(found, "Header") if one[: len(beginning)] == beginning]


def hosts(found: list[Directive]) -> list[list[Directive]]:
    """Return the directives of each virtual host."""
    groups = itertools.groupby(found, key=lambda one: one.name == "<VirtualHost>")
    return [list(some) for begins, some in groups if not begins]


def comments(out: str) -> list[str]:
    return [line.strip() for line in out.splitlines() if line.strip().startswith("# ")]


@pytest.mark.parametrize("name", ["site", "site-debian11", "site-offloaded", "snippet"])
def test_an_ordinary_file_fits_on_a_few_pages(name: str) -> None:
    assert len(text(*VARIANTS[name]).splitlines()) <= 170


@pytest.mark.parametrize("name", VARIANTS)
def test_no_remark_is_a_number_that_one_has_to_look_up(name: str) -> None:
    assert not [line for line in comments(text(*VARIANTS[name])) if re.match(r"# \(\d+\)", line)]


@pytest.mark.parametrize("more", [MANY, PROXIED])
def test_a_remark_stands_once_where_a_line_repeats(more: Raw) -> None:
    body = text(more=more).partition("\n\n")[2]
    host = body.partition("</VirtualHost>")[0]
    found = [line for line in comments(host) if not line.startswith(("# ---", "# |"))]
    assert [line for line in found if found.count(line) > 1] == []


def test_each_media_type_is_one_section_and_only_a_manifest_is_never_stored() -> None:
    found = read(text(more={"media_types": {".pkg": "application/octet-stream", ".xml": "text/xml"}}))
    types = {one.arguments[0]: one.sections[-1] for one in found if one.name == "ForceType"}
    assert types["application/octet-stream"] == 'FilesMatch "(?i)[.](?:ipa|mobileprovision|pkg)$"'
    plists, others = (inside(found, f'FilesMatch "(?i)[.](?:{name})$"') for name in ("plist", "xml"))
    assert headers(plists, "always", "set") == [("Cache-Control", "no-store")]
    assert [one.name for one in others] == ["ForceType"]


def test_a_package_that_caches_may_keep_says_so_on_every_answer_but_an_error() -> None:
    found = read(text(more={"cache": {"packages": "immutable", "max_age": 60}}))
    (kept,) = headers(inside(found, 'FilesMatch "(?i)[.](?:ipa)$"'), "always", "set", "Cache-Control")
    assert kept == ("public, max-age=60, immutable", "expr=%{REQUEST_STATUS} -lt 400")
    assert not headers(inside(found, 'FilesMatch "(?i)[.](?:mobileprovision)$"'), "always")


@pytest.mark.parametrize("scope", ["site", "snippet"])
def test_handlers_of_other_extensions_do_not_count_in_a_folder_and_never_for_an_application(scope: str) -> None:
    for more, beginning in (({}, "%{REQUEST_URI} =~"), (PROXIED, "%{HANDLER} != 'proxy-server' && %{REQUEST_URI} =~")):
        found = read(text("snippet" if scope == "snippet" else "site", more=more))
        (handler,) = [one for one in found if one.name == "SetHandler"]
        assert handler.arguments == ("default-handler",)
        assert handler.sections[-1].startswith(f'If "{beginning} m#^(?:')
        removed = inside(found, handler.sections[-1])
        assert {one.name for one in removed} == {
            "RemoveEncoding",
            "RemoveLanguage",
            "RemoveOutputFilter",
            "SetHandler",
        }


def test_languages_are_removed_in_lines_that_one_can_read() -> None:
    lines = named(read(text()), "RemoveLanguage")
    assert {".de", ".fr", ".zh-tw"} <= {name for line in lines for name in line}
    assert max(len(" ".join(line)) for line in lines) <= 126


def test_every_set_of_certificates_has_a_virtual_host_plain_names_first() -> None:
    found = hosts(read(text(more=NAMES)))
    assert [named(host, "ServerName")[0][0] for host in found] == [
        "ota.example.com:443",
        "builds.example.org:443",
        "wildcard.example.com:443",
        "ota.example.com:80",
    ]
    assert [len(named(host, "SSLCertificateFile")) for host in found] == [2, 1, 1, 0]
    assert named(found[2], "ServerAlias") == [("*.example.com",)]
    assert ("%{SSL:SSL_TLS_SNI}", "^(?:ota[.]example[.]com)$", "[NC]") in named(found[2], "RewriteCond")


def test_what_holds_for_every_application_stands_once_in_a_site_and_below_each_prefix_in_a_snippet() -> None:
    site, snippet = read(text(more=PROXIED)), read(text("snippet", more=PROXIED))
    assert len(inside(site, "VirtualHost", 'Proxy "*"')) > 20
    assert {one.name for one in inside(site, 'Location "/store/"')} == {"ProxyPreserveHost", "<If>"}
    assert not inside(snippet, 'Proxy "*"')
    for prefix in ("/", "/store/", "/builds/"):
        assert ("set", "X-Forwarded-Proto", "https") in named(inside(snippet, f'Location "{prefix}"'), "RequestHeader")


def test_an_https_application_is_verified_and_reached_by_its_own_name() -> None:
    found = read(text(more=PROXIED))
    worker = inside(found, 'Proxy "https://store.example.net:443/store/"')
    assert ("require",) in named(worker, "SSLProxyVerify")
    assert named(worker, "SSLProxyCACertificateFile") == [("/etc/ssl/store-ca.pem",)]
    assert [named(inside(found, f'Location "{path}"'), "ProxyPreserveHost") for path in ("/", "/store/")] == [
        [("On",)],
        [("Off",)],
    ]


def test_networks_of_access_hold_for_folders_and_applications() -> None:
    found = read(text(more=PROXIED | {"access": {"allow": ["192.0.2.0/24"], "deny": ["192.0.2.66"]}}))
    for section in (f'Directory "{FOLDER}"', 'Proxy "*"'):
        assert named(inside(found, section, "RequireAll"), "Require") == [
            ("ip", "192.0.2.0/24"),
            ("not", "ip", "192.0.2.66/32"),
        ]


def test_behind_a_proxy_that_ends_tls_there_is_one_plain_host_without_hsts() -> None:
    (host,) = hosts(read(text(more=OFFLOADED)))
    assert named(host, "Protocols") == [("http/1.1",)]
    assert named(host, "RemoteIPInternalProxy") == [("10.0.0.0/8", "2001:db8::/32")]
    assert headers(host, "always", "unset") == [("Strict-Transport-Security",)]
    (said,) = [one[1] for one in named(host, "RewriteCond") if one[0] == "expr"]
    assert said.startswith("!((%{CONN_REMOTE_ADDR} -ipmatch '10.0.0.0/8'")


def test_a_site_behind_a_proxy_serves_the_challenge_over_both_and_redirects_what_came_over_http() -> None:
    found = hosts(read(text(more={"trusted_proxies": ["10.0.0.0/8"]})))
    assert [len(inside(host, "Directory")) > 0 for host in found] == [True, True]
    for host in found:
        assert "/.well-known/acme-challenge/" in [one[0] for one in named(host, "Alias")]
        assert [one[2] for one in named(host, "RewriteRule") if one[1].startswith("https:")] == ["[R=308,NE,L]"]


def test_without_http_nothing_redirects_and_no_host_is_plain() -> None:
    (host,) = hosts(read(text(more={"listen": {"http": False}})))
    assert named(host, "SSLEngine") == [("on",)]
    assert not [one for one in named(host, "RewriteRule") if "308" in one[2]]


def test_the_redirect_serves_no_files_but_the_challenge() -> None:
    _, plain = hosts(read(text()))
    assert named(plain, "Alias") == [
        ("/.well-known/acme-challenge/", "/var/www/acme/.well-known/acme-challenge/"),
    ]
    assert not named(plain, "DocumentRoot")
    assert not headers(plain, "always", "set")
    assert ("%{ENV:REDIRECT_STATUS}", "^$") in named(plain, "RewriteCond")


def test_only_the_errors_a_site_answers_with_are_set_back_to_apaches_own() -> None:
    def statuses(more: Raw) -> list[str]:
        return [one[0] for one in named(hosts(read(text(more=more)))[0], "ErrorDocument") if one[1] == "default"]

    assert statuses({}) == ["403", "404", "405", "500"]
    assert statuses({"auth": {"htpasswd": "/etc/ota/htpasswd"}}) == ["401", "403", "404", "405", "500"]
    assert set(statuses(PROXIED)) == {"403", "404", "405", "411", "413", "500", "502", "503", "504"}
    assert statuses({"error_pages": {"folder": "/srv/errors", "statuses": [403, 404]}}) == ["405", "500"]


def test_trace_is_refused_by_every_virtual_host_and_not_sent_on() -> None:
    for name in ("site", "site-proxied", "site-names", "site-offloaded", "site-fronted"):
        for host in hosts(read(text(*VARIANTS[name]))):
            assert named(host, "TraceEnable") == [("Off",)]
            conditions = [one[1] for one in named(host, "RewriteCond") if one[0] == "%{THE_REQUEST}"]
            assert all(one.startswith("^(?!TRACE )") for one in conditions)


def test_the_level_of_the_error_log_is_the_servers_own_unless_the_site_says_another() -> None:
    assert not named(read(text()), "LogLevel")
    assert named(read(text(more={"log": {"level": "info"}})), "LogLevel") == [("info",), ("info",)]
    assert named(read(text("full")), "LogLevel") == [("warn",)]
