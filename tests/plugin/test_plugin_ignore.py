"""What a project's ota-proxy.toml ignores is in no list of a test's report but `suppressed`, on our own server and on any other."""

from __future__ import annotations

import pytest

from tests.plugin.process_engine import needs_nginx

pytest_plugins = ["pytester"]
pytestmark = needs_nginx

FLAGS = ("--ota-docker=skip", "-p", "no:cacheprovider", "-q")
TEST = """
import pytest

@pytest.fixture
def ota_content(ota_package):
    return {"package": ota_package(size=200_000), "manifest": b"<html>please log in</html>"}

@pytest.mark.parametrize("ask", ["install", "check"])
def test_it(ota_site, ota_device, ask):
    report = getattr(ota_device, ask)(ota_site.url("app.plist"))
    assert report.installable
    assert report.rules.isdisjoint({"OTA302"})
    assert not report.errors
    assert not report.sees
    assert {one.rule: one.suppressed for one in report.suppressed} == {"OTA302": "the login is on its way"}
    assert report.status("OTA302") == "failed"
    assert "suppressed: OTA302 manifest-is-html" in report.text()
"""
SETTINGS = """
domains = ["ota.example.com"]
locations = [{ path = "/", root = "/srv/ota" }]
[options]
ignore = [{ rule = "OTA302", reason = "the login is on its way" }]
"""


def test_settings_beside_the_test_suppress_in_both_ways_to_install(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=TEST)
    pytester.makefile(".toml", **{"ota-proxy": SETTINGS})
    pytester.runpytest_subprocess(*FLAGS).assert_outcomes(passed=2)


def test_without_the_settings_the_same_test_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=TEST)
    result = pytester.runpytest_subprocess(*FLAGS)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["E * assert no: OTA302 manifest-is-html at 'manifest', *"])


def test_a_site_file_that_the_test_names_is_the_one_that_counts(pytester: pytest.Pytester) -> None:
    named = 'import pytest\npytestmark = pytest.mark.ota_config(site="other.toml")\n'
    pytester.makepyfile(test_it=named + TEST)
    pytester.makefile(".toml", other=SETTINGS, **{"ota-proxy": SETTINGS.replace("OTA302", "OTA406")})
    pytester.runpytest_subprocess(*FLAGS).assert_outcomes(passed=2)


def test_a_rule_that_is_none_is_an_error_with_file_and_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it="def test_it(ota_device):\n    assert ota_device\n")
    pytester.makefile(".toml", **{"ota-proxy": SETTINGS.strip().replace("OTA302", "OTA3O2")})
    result = pytester.runpytest_subprocess(*FLAGS)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ota-proxy.toml:4: options.ignore[[]0].rule: there is no rule 'OTA3O2'"])
