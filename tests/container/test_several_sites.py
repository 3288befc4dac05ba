"""Several sites on one real server: each installs, each name has its own certificate, unknown hosts get nothing."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from ota_proxy.commands.verify import verify_all
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.trial import Trial, start
from ota_proxy.servers.rendered import Scope
from ota_proxy.site import Site
from tests.support.named_client import Client
from tests.support.reports import failed, warnings_of
from tests.support.several import PROXIED, WIDE, raw

FIRST, SECOND = Site.model_validate(WIDE), Site.model_validate(PROXIED)
BOTH = {server: Trial(server, FIRST, beside=(SECOND,)) for server in ("nginx", "apache")}
pytestmark = pytest.mark.container


@pytest.mark.parametrize("server", BOTH)
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_sites_of_one_server_install_without_a_finding(
    suite: str, server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    reports = verify_all(BOTH[server], engine_of(suite), lambda _: None)
    assert [report.target for report in reports] == ["https://ota.example.com", "https://builds.example.com"]
    for report in reports:
        assert failed(report) == []
        assert report.facts is not None
        assert report.facts.install is not None
        assert len(report.facts.install.packages) == 1
    own = [
        line for line in warnings_of(reports[0]) if "AH02032" not in line
    ]  # Apache tells of Hosts that are not the SNI's
    assert own == []


@pytest.mark.parametrize("server", BOTH)
@pytest.mark.parametrize(("suite", "scope"), [("bullseye", "site"), ("forky", "full")])
def test_the_oldest_and_the_newest_server_take_them_too(
    suite: str, scope: Scope, server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    for report in verify_all(replace(BOTH[server], scope=scope), engine_of(suite), lambda _: None):
        assert failed(report) == []


@pytest.mark.parametrize("server", BOTH)
def test_each_name_is_its_own_site_and_unknown_hosts_are_refused(
    server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    engine = engine_of("trixie")
    with start(BOTH[server], engine, lambda _: None) as started:
        device = Client(started)
        wide = ["ota.example.com", "*.example.com"]
        names = {name: device.names(name) for name in ("ota.example.com", "x.example.com", "builds.example.com")}
        assert names == {"ota.example.com": wide, "x.example.com": wide, "builds.example.com": ["builds.example.com"]}
        for name, age in (("ota.example.com", ""), ("builds.example.com", "; includeSubDomains")):
            path = "/ota/app.plist" if age else "/app.plist"
            answer = device.get(name, name, path)
            assert (answer.status, answer.getheader("Strict-Transport-Security")) == (200, f"max-age=63072000{age}")
            assert device.get_plain(name).getheader("Location") == f"https://{name}/a%2Fb?x=1"
        for sni, host in (
            ("builds.example.com", "x.example.com"),
            ("x.example.com", "builds.example.com"),
            ("ota.example.com", "unknown.example.net"),
            ("builds.example.com", "unknown.example.net"),
        ):
            refused = device.get(sni, host)
            assert (refused.status, refused.getheader("Strict-Transport-Security", "")[:8]) == (421, "max-age=")
        _unknown_hosts(device, server)


def _unknown_hosts(device: Client, server: str) -> None:
    if server == "nginx":
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            device.names("unknown.example.net")
        with pytest.raises(http.client.RemoteDisconnected):
            device.get_plain("unknown.example.net")
    else:
        assert device.get("unknown.example.net", "unknown.example.net").status == 421
        assert device.get_plain("unknown.example.net").status == 421


@pytest.mark.parametrize("server", BOTH)
def test_what_is_broken_in_one_site_is_found_there_and_not_in_the_other(
    server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    def exchange(text: str) -> str:
        return text.replace("/etc/ssl/builds.", "/etc/ssl/third.")

    third = Site.model_validate(raw("third.example.com"))
    trial = Trial(server, FIRST, beside=(SECOND, third), edit=exchange)
    found: Mapping[str, list[str]] = {
        report.target: sorted({row.split()[0] for row in failed(report)})
        for report in verify_all(trial, engine_of("bookworm"), lambda _: None)
    }
    assert found == {
        "https://ota.example.com": [],
        "https://builds.example.com": ["OTA209"],
        "https://third.example.com": [],
    }
