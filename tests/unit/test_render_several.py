"""Several sites for one server: a file each, what they share once, and an order in which Apache finds the right one."""

from __future__ import annotations

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.servers.several import COMMON_FILE
from tests.support.golden import assert_golden
from tests.support.several import BOTH, PROXIED, WIDE, raw, several, texts

NAMES = {
    "nginx": (COMMON_FILE, "100-ota.example.com.conf", "100-builds.example.com.conf"),
    "apache": (COMMON_FILE, "200-ota.example.com.conf", "100-builds.example.com.conf"),
}


@pytest.mark.parametrize("server", NAMES)
def test_each_site_is_its_golden_file_and_so_is_what_they_share(server: str) -> None:
    made = texts(several(server, *BOTH))
    assert tuple(made) == NAMES[server]
    for name, text in made.items():
        assert_golden(f"{server}/several/{name}", text)


@pytest.mark.parametrize("server", NAMES)
@pytest.mark.parametrize("version", ["debian11", "debian12", "portable"])
def test_every_file_is_plain_text_without_trailing_blanks_or_empty_line_pairs(server: str, version: str) -> None:
    for scope in ("site", "full"):
        for text in texts(several(server, *BOTH, version=version, scope=scope)).values():
            assert text.isascii()
            assert text.endswith("\n")
            assert not [line for line in text.splitlines() if line != line.rstrip()]
            assert "\n\n\n" not in text


def test_nginx_has_each_default_server_and_each_shared_map_once() -> None:
    whole = "\n".join(texts(several("nginx", *BOTH)).values())
    assert whole.count("listen 443 ssl http2 default_server;") == 1
    assert whole.count("listen 80 default_server;") == 1
    assert whole.count(" $ota_proxy_silent__shared {") == 1
    assert whole.count('map "$uri:$status" $ota_proxy_cache_') == len(BOTH)
    assert whole.count(" $ota_proxy_hsts_") == len(BOTH) + 1 + whole.count("Security $ota_proxy_hsts_")
    assert {line.split(":")[1] for line in whole.splitlines() if "ssl_session_cache" in line} == {"ota_proxy__shared"}


def test_unknown_hosts_are_told_what_all_sites_say_else_the_least() -> None:
    assert 'on "max-age=63072000";' in texts(several("nginx", *BOTH))[COMMON_FILE]
    alike = [one | {"hsts": {"max_age": 70_000_000}} for one in BOTH]
    assert 'on "max-age=70000000";' in texts(several("nginx", *alike))[COMMON_FILE].replace("on max-age=70000000;", 'on "max-age=70000000";')  # fmt: skip
    silent = [one | {"hsts": {"enabled": False}} for one in BOTH]
    assert "Strict-Transport-Security $" not in texts(several("nginx", *silent))[COMMON_FILE]


@pytest.mark.parametrize("server", NAMES)
def test_a_port_of_its_own_has_a_catch_all_of_its_own(server: str) -> None:
    other = raw("third.example.com", public_url="https://third.example.com:8443", listen={"http": False})
    shared = texts(several(server, *BOTH, other))[COMMON_FILE]
    if server == "nginx":
        assert "listen 8443 ssl http2 default_server;" in shared
        assert shared.count("return 421;") == 2
    else:
        assert [line for line in shared.splitlines() if line.startswith("<VirtualHost")] == [
            "<VirtualHost *:443>",
            "<VirtualHost *:8443>",
            "<VirtualHost *:80>",
        ]


@pytest.mark.parametrize("server", NAMES)
def test_sites_that_leave_unknown_hosts_alone_have_no_catch_all(server: str) -> None:
    shared = texts(several(server, *(one | {"unknown_hosts": "ignore"} for one in BOTH)))[COMMON_FILE]
    assert "default_server;" not in shared
    assert "<VirtualHost" not in shared


@pytest.mark.parametrize("server", NAMES)
def test_a_name_of_another_site_is_no_name_of_the_wildcard(server: str) -> None:
    name = next(name for name in NAMES[server] if "ota.example" in name)
    text = texts(several(server, *BOTH))[name]
    marks = {"nginx": r'"^(?:builds\\.example\\.com)$"', "apache": '"^(?:builds[.]example[.]com)$"'}
    assert marks[server] in text


def test_apache_reads_a_wildcard_after_the_names_that_it_would_take() -> None:
    deep = raw("x.example.org", "*.team.example.com")
    names = list(texts(several("apache", WIDE, deep, raw("a.team.example.com"))))
    assert sorted(names) == [COMMON_FILE, "100-a.team.example.com.conf", "200-x.example.org.conf", "300-ota.example.com.conf"]  # fmt: skip


def test_wildcards_over_names_of_each_other_are_refused_for_apache_only() -> None:
    pair = (raw("a.example.com", "*.example.org"), raw("b.example.org", "*.example.com"))
    assert len(several("nginx", *pair).files) == 3
    with pytest.raises(UsageError, match="cover names of each other") as caught:
        several("apache", *pair)
    assert caught.value.key == ("domains",)


@pytest.mark.parametrize("server", NAMES)
def test_a_whole_configuration_is_one_file_for_all(server: str) -> None:
    rendered = several(server, *BOTH, scope="full")
    assert [file.name for file in rendered.files] == ["nginx.conf" if server == "nginx" else "httpd.conf"]
    text = rendered.files[0].text
    assert "for 2000 phones" in text or "2000 phones that download" in text
    for name in ("ota.example.com", "builds.example.com"):
        assert text.count(f'ServerName "{name}:443"') + text.count(f"server_name {name}") >= 1
    assert text.count("Listen 443") == (server == "apache")


def test_iis_gets_a_folder_for_each_site() -> None:
    names = [file.name for file in several("iis", *BOTH, version="2022").files]
    assert names == [
        f"{site}/{file}"
        for site in ("ota.example.com", "builds.example.com")
        for file in ("web.config", "setup.ps1", "undo.ps1", "OtaProxy.psm1")
    ]


def test_two_sites_of_one_name_are_one_site_of_iis_and_refused() -> None:
    again = raw("ota.example.com", public_url="https://ota.example.com:8443", listen={"http": False})
    with pytest.raises(UsageError, match=r"would both be the site 'ota\.example\.com' of IIS"):
        several("iis", WIDE, again, version="2022")
    assert "100-ota.example.com-8443.conf" in texts(several("nginx", WIDE, again))


def test_a_snippet_is_for_one_site() -> None:
    with pytest.raises(UsageError, match="a snippet is for one site, and there are 2") as caught:
        several("nginx", *BOTH, scope="snippet")
    assert caught.value.place == "--scope"


@pytest.mark.parametrize("server", NAMES)
def test_what_the_server_must_have_stands_in_the_shared_file_only(server: str) -> None:
    made = texts(several(server, WIDE, PROXIED))
    shared = made.pop(COMMON_FILE)
    assert "2000" in shared.partition("\n\n")[0]
    for text in made.values():
        header = text.partition("\n\n")[0]
        assert COMMON_FILE in header
        assert "2000" not in header
        assert "Listen" not in header


@pytest.mark.parametrize(("number", "expected"), [(12, 0), (13, 1), (40, 1)])
def test_many_sites_need_a_larger_hash_for_their_variables_else_nginx_warns(number: int, expected: int) -> None:
    raws = [raw(f"build{index}.example.com") for index in range(number)]
    full = texts(several("nginx", *raws, scope="full"))["nginx.conf"]
    assert full.count("\n    variables_hash_bucket_size 128;\n") == expected
    shared = texts(several("nginx", *raws))["000-ota-proxy.conf"]
    assert shared.count("in the http block: variables_hash_bucket_size 128") == expected
