"""Fixtures and markers on real servers that are processes of this machine: what a person's test gets, and how it says what it wants."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import ota_proxy.testing
from ota_proxy.testing import TestSite
from tests.plugin.process_engine import needs_nginx

pytest_plugins = ["pytester"]
pytestmark = needs_nginx

FLAGS = ("-W", "error", "--ota-docker=skip", "-p", "no:cacheprovider")


def run(pytester: pytest.Pytester, test: str, *flags: str, conftest: str = "") -> pytest.RunResult:
    pytester.makepyfile(test)
    if conftest:
        pytester.makeconftest(conftest)
    return pytester.runpytest_subprocess(*FLAGS, "-rs", *flags)


def test_a_test_of_three_lines_installs_from_a_rendered_site(pytester: pytest.Pytester) -> None:
    test = """
def test_it_installs(ota_site, ota_device):
    report = ota_device.install(ota_site.base_url)
    assert report.installable
"""
    run(pytester, test).assert_outcomes(passed=1)


SITE = """
import plistlib, ssl, socket
import pytest

def test_the_site_says_everything_about_itself(ota_site, ota_ca, ota_device):
    assert ota_site.base_url == "https://ota.example.com/"
    assert ota_site.manifest_url == "https://ota.example.com/app.plist"
    assert ota_site.package_url == "https://ota.example.com/App.ipa"
    assert ota_site.url("My App.ipa") == "https://ota.example.com/My%20App.ipa"
    assert ota_site.content[ota_site.package_url] == ota_site.package
    assert plistlib.loads(ota_site.content[ota_site.manifest_url])["items"]
    assert ota_site.server == "nginx" and ota_site.version and ota_site.engine in ("local", "embedded")
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in ota_site.config
    assert ota_site.ca_pem == ota_ca.ca_pem == ota_site.ca_file.read_bytes()
    assert repr(ota_site).endswith("at https://ota.example.com/>")

def test_any_client_can_talk_to_it(ota_site):
    context = ssl.create_default_context(cafile=ota_site.ca_file)
    with socket.create_connection(ota_site.resolve["ota.example.com", 443], 10) as plain:
        with context.wrap_socket(plain, server_hostname="ota.example.com") as secure:
            secure.sendall(b"GET /nowhere HTTP/1.0\\r\\nHost: ota.example.com\\r\\n\\r\\n")
            assert b" 404 " in secure.recv(4096)
    assert "/nowhere" in ota_site.log

def test_the_log_begins_with_the_test(ota_site, ota_device):
    assert ota_site.log == ""
    ota_device.install()
    assert "/nowhere" not in ota_site.log

def test_a_report_says_everything_about_the_install(ota_site, ota_device):
    report = ota_device.install()
    assert report and report.installable and report.installable == True
    assert (report.url, report.sees, report.stage) == (ota_site.base_url, "", None)
    assert report.errors == report.warnings == ()
    assert report.status("package-no-range") == report.status("OTA406") == "passed"
    assert "OTA406" not in report.rules
    assert {one.status for one in report.exchanges} >= {200, 206, 304, 404}
    assert '"schema": "ota-proxy/report/1"' in report.json() and "<!doctype html>" in report.html()
    with pytest.raises(Exception, match="no rule 'packge-no-range'.*\\n.*did you mean 'package-no-range'"):
        report.status("packge-no-range")

@pytest.mark.parametrize("name", ["", "app.plist", "App.ipa"])
def test_page_manifest_and_package_are_all_a_start(ota_site, ota_device, name):
    assert ota_device.install(ota_site.url(name)).installable

def test_a_link_is_a_start_too(ota_site, ota_device):
    report = ota_device.install("itms-services://?action=download-manifest&url=" + ota_site.manifest_url)
    assert report.target.server == "nginx"
    assert report.errors == ()

def test_check_goes_through_the_door_of_live_urls(ota_site, ota_device):
    assert ota_device.check(ota_site.base_url).installable
    assert not ota_device.check(ota_site.base_url, ca=b"", resolve="ota.example.com:443:127.0.0.1:1", timeout=5)

def test_a_test_may_run_in_an_event_loop(ota_site, ota_device):
    import asyncio
    async def inside():
        return ota_device.install()
    assert asyncio.run(inside()).installable

def test_wrong_words_are_refused_with_what_was_meant(ota_site, ota_device, ota_package):
    with pytest.raises(Exception, match="no keyword 'resolv'.*did you mean 'resolve'"):
        ota_device.check(ota_site.base_url, resolv=[])
    with pytest.raises(Exception, match="did you mean https://ota.example.com/x"):
        ota_device.install("ota.example.com/x")
    with pytest.raises(Exception, match="no field 'bundleid'.*did you mean 'bundle_id'"):
        ota_package(bundleid="x")
    with pytest.raises(Exception, match="the CA file nowhere.pem cannot be read"):
        ota_device.check(ota_site.base_url, ca="nowhere.pem")
"""


def test_site_device_and_report_do_what_they_promise(pytester: pytest.Pytester) -> None:
    result = run(pytester, SITE)
    result.assert_outcomes(passed=11)


FLAWS = """
import pytest

EXPECTED = {
    "expired": "OTA208", "not-yet-valid": "OTA208", "wrong-host": "OTA209", "missing-intermediate": "OTA210", "unknown-ca": "OTA207",
    "too-long": "OTA212",
}

def check(ota_site, ota_device, flaw):
    report = ota_device.install()
    assert not report.installable
    assert EXPECTED[flaw] in report.rules
    assert report.stage == "connect" and report.sees
"""


def test_each_flaw_of_a_certificate_is_what_the_phone_sees(pytester: pytest.Pytester) -> None:
    flaws = ("expired", "not-yet-valid", "wrong-host", "missing-intermediate", "unknown-ca", "too-long")
    tests = [
        f"@pytest.mark.ota_tls({flaw!r})\ndef test_{index}(ota_site, ota_device):\n    check(ota_site, ota_device, {flaw!r})\n"
        for index, flaw in enumerate(flaws)
    ]
    run(pytester, FLAWS + "\n".join(tests)).assert_outcomes(passed=len(flaws))


OVERRIDDEN = """
import pytest

@pytest.fixture
def ota_settings():
    return {"domain": ["builds.example.org"], "root": "/ota/=/srv/builds", "set": "hsts.max_age=31536000"}

@pytest.fixture
def ota_content(ota_package, ota_manifest):
    package = ota_package(bundle_id="org.example.app", title="Ours", version="7.1", size=300_000)
    manifest = ota_manifest("https://builds.example.org/ota/App.ipa", package=package, title="Renamed")
    return {"package": package, "manifest": manifest}

def test_settings_and_content_are_ours(ota_site, ota_device):
    assert ota_site.base_url == "https://builds.example.org/ota/"
    assert "max-age=31536000" in ota_site.config
    assert b"org.example.app" in ota_site.content[ota_site.manifest_url]
    assert b"<string>Renamed</string>" in ota_site.content[ota_site.manifest_url]
    assert 300_000 < len(ota_site.package) < 400_000
    assert ota_device.install().installable

class TestBroken:
    @pytest.fixture
    def ota_content(self):
        return {"manifest": b"<html>not here</html>"}

    def test_a_broken_manifest_is_found(self, ota_site, ota_device):
        report = ota_device.install(ota_site.manifest_url)
        assert "OTA302" in report.rules
        assert report.stage == "manifest"

class TestUnknown:
    @pytest.fixture
    def ota_content(self):
        return {"manifst": b""}

    def test_never(self, ota_site):
        pass
"""


def test_every_fixture_can_be_overridden_where_it_is_needed(pytester: pytest.Pytester) -> None:
    result = run(pytester, OVERRIDDEN)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["ota_content does not know 'manifst' (did you mean 'manifest'?)"])


def test_the_nearest_site_file_is_read_and_its_mistakes_are_told(pytester: pytest.Pytester) -> None:
    (pytester.path / "ota-proxy.toml").write_text('domains = ["file.example.org"]\n', encoding="utf-8")
    test = "def test_it(ota_site):\n    assert ota_site.base_url == 'https://file.example.org/'\n"
    run(pytester, test).assert_outcomes(passed=1)
    (pytester.path / "ota-proxy.toml").write_text('domain = ["file.example.org"]\n', encoding="utf-8")
    result = run(pytester, test)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ota-proxy.toml:1: unknown key 'domain'", "*did you mean 'domains'?*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    lines = 'domains = ["file.example.org"]\n[options]\nserver_version = "1.18.0"\n'
    (pytester.path / "ota-proxy.toml").write_text(lines, encoding="utf-8")
    result = run(pytester, test)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ota-proxy.toml:3: the engine * has nginx *, not 1.18.0"])


ENGINES = """
import pytest

@pytest.fixture(scope="session")
def ota_engine():
    return "{engine}"

def test_it(ota_site):
    pass
"""


def test_an_engine_that_cannot_run_skips_with_the_reason(pytester: pytest.Pytester) -> None:
    result = run(pytester, ENGINES.format(engine="docker"))
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*nginx needs Docker here, and --ota-docker=skip leaves it out*"])


def test_an_engine_that_there_is_not_is_refused(pytester: pytest.Pytester) -> None:
    result = run(pytester, ENGINES.format(engine="lokal"))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["ota_engine: there is no engine 'lokal'", "*did you mean 'local'?*"])


def test_tests_of_a_module_that_want_the_same_share_the_server_and_others_do_not(pytester: pytest.Pytester) -> None:
    test = """
import pytest
seen = {}

def ports(site):
    return site.resolve["ota.example.com", 443]

def test_first(ota_site):
    seen["first"] = ports(ota_site)

def test_second(ota_site):
    assert ports(ota_site) == seen["first"]

@pytest.mark.ota_tls("expired")
def test_third(ota_site):
    assert ports(ota_site) != seen["first"]
"""
    run(pytester, test).assert_outcomes(passed=3)


def test_one_test_can_run_on_each_server(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    test = """
import pytest

@pytest.mark.ota_server("nginx", "apache", "iis")
class TestAll:
    def test_it(self, ota_site, ota_device, ota_server):
        assert ota_site.server == ota_server
        report = ota_device.install()
        assert report.installable
        assert ("L1 emulated" in report.text()) == (ota_server == "iis")

    def test_without(self):
        pass
"""
    with tempfile.TemporaryDirectory() as folder, monkeypatch.context() as patch:
        Path(folder).chmod(0o755)  # the server's workers have to enter it
        patch.setenv("TMPDIR", folder)
        result = run(pytester, test, "-v", "--ota-keep", "-k", "iis or without")
        result.assert_outcomes(passed=2, deselected=2)
        assert not list(Path(folder).glob("ota-proxy-kept-*"))
    result.stdout.no_fnmatch_line("*left running*")  # the emulator is a part of the session
    result = run(pytester, test, "-v")
    names = ("it?nginx? PASSED", "it?apache? ", "it?iis? PASSED", "without PASSED")
    result.stdout.fnmatch_lines([f"*::test_{name}*" for name in names], consecutive=True)


def test_a_server_that_nothing_here_can_run_skips_with_the_reason(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    test = "import pytest\n@pytest.mark.ota_server('apache')\ndef test_it(ota_site):\n    pass\n"
    conftest = "from ota_proxy.policy import server_values as local\nimport dataclasses\n"
    conftest += (
        "places = local.binaries\nlocal.binaries = lambda server: dataclasses.replace(places(server), folders=())\n"
    )
    result = run(pytester, test, conftest=conftest)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        ["SKIPPED*no engine can run Apache here: local: no apache2 or httpd is on the PATH (install *"]
    )


LIVE = """
import pytest

@pytest.fixture(scope="session")
def ota_base_url(request):
    return "https://ota.example.com/"

@pytest.fixture
def ota_way():
    return {"ca": "root.pem", "resolve": "ota.example.com:443:127.0.0.1:%d"}

@pytest.mark.ota_server("nginx", "apache")
def test_it(ota_site, ota_device):
    assert ota_site.server == ota_site.log == ota_site.config == ""
    assert ota_device.install(ota_site.base_url).installable
    assert ota_device.install().installable

@pytest.mark.ota_tls("expired")
def test_a_flaw(ota_site):
    pass
"""


def test_what_already_runs_is_the_site_when_its_address_is_given(pytester: pytest.Pytester, ota_site: object) -> None:
    assert isinstance(ota_site, TestSite)
    (pytester.path / "root.pem").write_bytes(ota_site.ca_pem)
    port = ota_site.resolve["ota.example.com", 443][1]
    result = run(pytester, LIVE % port, "--ota-base-url=https://ota.example.com/")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*ota_tls is for servers that the test starts, and https://ota.example.com/*"])


def test_a_device_without_a_site_needs_a_url(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_it(ota_device):\n    ota_device.install()\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E*UsageError: ota_device.install() needs a URL*", "E*hint: add the fixture ota_site to the test*"]
    )
    result.stdout.no_fnmatch_line("*testing/device.py:*")  # the traceback ends in the person's own line


def test_annotations_of_a_typed_test_are_importable() -> None:
    for name in ota_proxy.testing.__all__:
        assert getattr(ota_proxy.testing, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = ota_proxy.testing.Nothing
