"""Markers: registered, and refused with what was meant before any test runs."""

from __future__ import annotations

import pytest

from ota_proxy.harness.authority import FLAWS
from ota_proxy.testing import markers

pytest_plugins = ["pytester"]

MARKED = "import pytest\n@pytest.mark.{}\ndef test_it():\n    pass\n"


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ('ota_server("ngnix")', "ota_server does not know 'ngnix' (did you mean 'nginx'?)"),
        ("ota_server(1)", "ota_server does not know 1 (known: nginx, apache, iis)"),
        ("ota_server", "ota_server needs at least one, and each once, of nginx, apache, iis"),
        ('ota_server(server="nginx")', "ota_server takes no keyword 'server'"),
        ('ota_tls("expird")', "ota_tls does not know 'expird' (did you mean 'expired'?)"),
        ('ota_tls("expired", "wrong-host")', "ota_tls needs exactly one of expired, not-yet-valid, "),
        ("ota_tls()", "ota_tls needs exactly one of expired, not-yet-valid, "),
        ("ota_config()", 'ota_config needs a path, for instance ota_config("nginx.conf", domain="ota.example.com")'),
        ('ota_config("a", "b")', "ota_config takes one path: the main file, a site file, or the folder"),
        ('ota_config("a", domian="x")', "ota_config does not know the keyword 'domian' (did you mean 'domain'?)"),
    ],
)
def test_a_wrong_marker_ends_the_session_with_what_was_meant(pytester: pytest.Pytester, mark: str, said: str) -> None:
    items, _ = pytester.inline_genitems(pytester.makepyfile(MARKED.format(mark)))
    with pytest.raises(pytest.UsageError) as caught:
        markers.check(items)
    assert str(caught.value).startswith("test_a_wrong_marker_ends_the_session_with_what_was_meant.py::test_it: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("mark", ['ota_server("nginx", "iis")', 'ota_tls("too-long")', 'ota_config("a", site="b")'])
def test_a_right_marker_is_taken(pytester: pytest.Pytester, mark: str) -> None:
    items, _ = pytester.inline_genitems(pytester.makepyfile(MARKED.format(mark)))
    markers.check(items)
    assert len(items) == 1


@pytest.mark.parametrize("flags", [(), ("-n", "1")], ids=["here", "xdist"])
def test_the_session_shows_one_sentence_and_does_not_run_the_test(
    pytester: pytest.Pytester, flags: tuple[str, ...]
) -> None:
    pytester.makepyfile(MARKED.format('ota_tls("expird")'), test_other="def test_other():\n    pass\n")
    result = pytester.runpytest_subprocess(*flags)
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if flags else pytest.ExitCode.USAGE_ERROR)
    result.stdout.no_fnmatch_line("INTERNALERROR*")
    assert "ota_tls does not know 'expird' (did you mean 'expired'?)" in result.stdout.str() + result.stderr.str()
    result.assert_outcomes(passed=1 if flags else 0, errors=1 if flags else 0)


def test_markers_are_registered_and_listed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MARKED.format('ota_server("nginx")'))
    pytester.runpytest_subprocess("--strict-markers").assert_outcomes(passed=1)
    text = pytester.runpytest_subprocess("--markers").stdout.str()
    assert all(f"@pytest.mark.{line.partition('(')[0]}(" in text for line in markers.LINES)


def test_a_test_without_our_fixtures_is_not_multiplied(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MARKED.format('ota_server("nginx", "apache")'))
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_the_flaws_of_the_marker_are_those_of_the_authority_that_a_server_takes() -> None:
    assert {*markers.FLAWS, "weak-key"} == set(FLAWS)
