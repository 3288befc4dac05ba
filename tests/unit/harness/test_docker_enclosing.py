"""What Apache's own configuration gets beside a site, and that nothing else of it changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ota_proxy.harness.docker.enclosing import Enclosing, supply
from ota_proxy.harness.engine import Scenario
from ota_proxy.policy import capabilities
from ota_proxy.servers.apache.notes import needed_modules
from ota_proxy.servers.apache.render import render
from ota_proxy.site import Certificate, Listen, Location, Site, Tls

PORTS = "# stock\n\nListen 80\n\n<IfModule ssl_module>\n\tListen 443\n</IfModule>\n"
HTTPD = """ServerRoot "/usr/local/apache2"
Listen 80
LoadModule mpm_event_module modules/mod_mpm_event.so
#LoadModule ssl_module modules/mod_ssl.so
# LoadModule rewrite_module modules/mod_rewrite.so
#LoadModule lua_module modules/mod_lua.so
DocumentRoot "/usr/local/apache2/htdocs"
#Include conf/extra/httpd-ssl.conf
"""


def site(**changes: object) -> Site:
    certificate = Certificate(cert="/etc/ssl/ota.pem", key="/etc/ssl/ota.key")
    plain = Site(
        domains=("ota.example.com",), locations=(Location(path="/", root="/srv/ota"),), certificates=(certificate,)
    )
    return plain.model_copy(update=changes)


def scenario(wanted: Site, layout: str = "debian", server: str = "apache") -> Scenario:
    caps = capabilities.resolve(server, layout=layout)
    return Scenario(server, wanted, caps, {caps.layout.site: "# a site\n"}, ())


def supplied(wanted: Site, stock: str, layout: str = "debian") -> Enclosing:
    return supply(scenario(wanted, layout), lambda _: stock)


def test_a_stock_debian_configuration_that_listens_where_the_site_wants_is_left_alone() -> None:
    assert supplied(site(), PORTS) == Enclosing()


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"listen": Listen(https=8443)}, ["Listen 80", "Listen 8443 https"]),
        ({"listen": Listen(http=False)}, ["Listen 443"]),
        ({"listen": Listen(ipv6=False)}, ["Listen 0.0.0.0:80", "Listen 0.0.0.0:443"]),
        (
            {"listen": Listen(addresses=("192.0.2.1/32", "2001:db8::1/128"))},
            ["Listen 192.0.2.1:80", "Listen [2001:db8::1]:80", "Listen 192.0.2.1:443", "Listen [2001:db8::1]:443"],
        ),
        ({"listen": Listen(http=8080), "tls": Tls(offloaded=True)}, ["Listen 8080"]),
    ],
)
def test_other_ports_and_addresses_replace_the_listen_lines_and_are_told(
    changes: dict[str, object], lines: list[str]
) -> None:
    enclosing = supplied(site(**changes), PORTS)
    assert enclosing.files["/etc/apache2/ports.conf"].splitlines() == lines
    assert ", ".join(lines) in enclosing.said


def test_a_rendered_file_gets_the_server_wide_lines_its_header_asks_for_and_a_person_s_own_none() -> None:
    own = scenario(site())
    made = render(own.site, own.caps, "site", "ota-proxy verify")
    header = " ".join(note.text for note in made.notes if note.kind == "needs-parent")
    enclosing = supply(replace(own, config={own.caps.layout.site: made.files[0].text}), lambda _: PORTS)
    (added,) = enclosing.files.values()
    assert added.splitlines()
    assert all(line in header and line in enclosing.said for line in added.splitlines())
    assert supply(own, lambda _: PORTS) == Enclosing()


def test_the_official_main_file_keeps_its_lines_and_gains_modules_listen_and_include() -> None:
    enclosing = supplied(site(), HTTPD, "official")
    lines = enclosing.files["/usr/local/apache2/conf/httpd.conf"].splitlines()
    assert "LoadModule ssl_module modules/mod_ssl.so" in lines
    assert "LoadModule rewrite_module modules/mod_rewrite.so" in lines
    assert "#LoadModule lua_module modules/mod_lua.so" in lines
    assert lines.count("Listen 80") == lines.count("Listen 443") == 1
    assert lines[-1] == "Include /usr/local/apache2/conf/ota-proxy.conf"
    assert 'DocumentRoot "/usr/local/apache2/htdocs"' in lines
    assert any(line.startswith("SSLSessionCache ") for line in lines)
    assert {"ssl", "rewrite"} <= set(needed_modules(site(), "site"))


def test_a_main_file_that_includes_the_site_s_folder_gets_no_second_include() -> None:
    stock = "ServerRoot /etc/httpd\nListen 80\nIncludeOptional conf.d/*.conf\n"
    text = supplied(site(), stock, "rhel").files["/etc/httpd/conf/httpd.conf"]
    assert "Include /etc" not in text


def test_a_main_file_of_the_scenario_s_own_is_not_touched() -> None:
    plain = scenario(site(listen=Listen(https=8443)))
    both = {**plain.config, plain.caps.layout.main: "# whole\n"}
    assert supply(replace(plain, config=both), lambda _: PORTS) == Enclosing()
    whole = {plain.caps.layout.main: "# whole\n"}
    assert supply(replace(plain, config=whole), lambda _: PORTS) == Enclosing()


def test_ports_of_a_person_s_own_tree_are_not_touched() -> None:
    plain = scenario(site(listen=Listen(https=8443)))
    own = {**plain.config, "/etc/apache2/ports.conf": "Listen 8443\n"}
    assert supply(replace(plain, config=own), lambda _: PORTS) == Enclosing()


def test_nginx_needs_nothing() -> None:
    assert supply(scenario(site(listen=Listen(https=8443)), server="nginx"), lambda _: "") == Enclosing()
