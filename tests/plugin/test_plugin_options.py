"""Options, their ini twins and the header: what is asked for is said, and what cannot be meant is refused before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ota_proxy.testing.options import Settings, settings

pytest_plugins = ["pytester"]

PASSING = "def test_it():\n    pass\n"


def configured(pytester: pytest.Pytester, *flags: str, ini: str = "") -> Settings:
    """Configure a session of its own as far as the options, and return what the plugin made of them."""
    if ini:
        pytester.makeini(f"[pytest]\n{ini}")
    return settings(pytester.parseconfigure(*flags))


def refusal(pytester: pytest.Pytester, *flags: str, ini: str = "") -> str:
    with pytest.raises(pytest.UsageError) as caught:
        configured(pytester, *flags, ini=ini)
    return str(caught.value)


def test_without_options_docker_is_used_where_it_is_and_nothing_is_kept(pytester: pytest.Pytester) -> None:
    found = configured(pytester)
    assert found == Settings()
    assert found.header() == "ota-proxy: docker=auto"


def test_the_header_has_one_line_with_everything_that_was_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    flags = ("--ota-keep", "--ota-image=nginx=bookworm", "--ota-image", "apache=trixie", "--ota-artifacts=out")
    result = pytester.runpytest_subprocess("-W", "error", *flags)
    (line,) = [line for line in result.outlines if line.startswith("ota-proxy:")]
    assert line == (
        f"ota-proxy: docker=auto, keep, image nginx=bookworm, image apache=trixie, artifacts={pytester.path / 'out'}"
    )
    assert (pytester.path / "out").is_dir()


def test_every_option_has_its_twin_in_the_ini_file(pytester: pytest.Pytester) -> None:
    ini = "ota_docker = skip\nota_keep = true\nota_image =\n  nginx=nginx:1.28\n  apache=trixie\nota_artifacts = out"
    found = configured(pytester, ini=ini)
    assert found == Settings(
        docker="skip",
        keep=True,
        images={"nginx": "nginx:1.28", "apache": "trixie"},
        artifacts=(pytester.path / "out").resolve(),
    )
    assert configured(pytester, ini="ota_base_url = https://a.example.com").base_url == "https://a.example.com/"


def test_an_option_wins_over_the_ini_file(pytester: pytest.Pytester) -> None:
    ini = "ota_docker = require\nota_image = nginx=a\nota_base_url = https://a.example.com/"
    found = configured(pytester, "--ota-docker=auto", "--ota-image=apache=b", ini=ini)
    assert (found.docker, dict(found.images)) == ("auto", {"apache": "b"})
    assert configured(pytester, "--ota-base-url=https://b.example.com/x", ini=ini).base_url == "https://b.example.com/x"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--ota-docker=requre"], "--ota-docker: 'requre' is not a choice (did you mean 'require'?)"),
        (["--ota-docker=x"], "--ota-docker: 'x' is not a choice (write one of auto, require, skip)"),
        (["--ota-image=nginx"], "--ota-image: 'nginx' is not SERVER=REF (for instance --ota-image nginx=nginx:1.28)"),
        (["--ota-image=ngnix=a"], "--ota-image: 'ngnix' is not a server with an image (did you mean 'nginx'?)"),
        (["--ota-image=iis=a"], "--ota-image: 'iis' is not a server with an image (write one of nginx, apache)"),
        (["--ota-image=nginx="], "--ota-image: '' is not an image reference (for instance nginx:1.28, or bookworm)"),
        (
            ["--ota-image=nginx=a b"],
            "--ota-image: 'a b' is not an image reference (for instance nginx:1.28, or bookworm)",
        ),
        (["--ota-image=nginx=a", "--ota-image=nginx=b"], "--ota-image: there are two images for nginx (leave one out)"),
        (["--ota-base-url=http://a.example.com/x"], "did you mean https://a.example.com/x?"),
        (["--ota-base-url=a.example.com:8443"], "did you mean https://a.example.com:8443?"),
        (["--ota-base-url=staging"], "'staging' is not an https URL (for instance https://ota.example.com/ota/)"),
        (["--ota-base-url=https://a.example.com:99999/"], "is not a URL (its host or port cannot be read)"),
        (["--ota-base-url=https://a.example.com/?x=1"], "has a query or a fragment"),
        (["--ota-artifacts=a-file"], "--ota-artifacts: a-file is a file (give a folder that may be written to)"),
        (["--ota-docker=skip", "--ota-image=nginx=a"], "--ota-image: an image needs Docker, which is skipped"),
        (
            ["--ota-base-url=https://a.example.com", "--ota-keep"],
            "--ota-keep: with --ota-base-url no server is started",
        ),
        (["--ota-base-url=https://a.example.com", "--ota-image=nginx=a"], "--ota-image: with --ota-base-url no server"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_option_is_refused_with_what_was_meant(pytester: pytest.Pytester, flags: list[str], said: str) -> None:
    pytester.makefile("", **{"a-file": ""})
    assert said in refusal(pytester, *flags)


@pytest.mark.parametrize(
    ("ini", "said"),
    [
        ("ota_docker = requir", "ota_docker: 'requir' is not a choice (did you mean 'require'?)"),
        ("ota_keep = perhaps", "ota_keep: "),
        ("ota_image = nginx:1.28", "ota_image: 'nginx:1.28' is not SERVER=REF"),
        ("ota_base_url = ftp://a.example.com/", "ota_base_url: 'ftp://a.example.com/' is not an https URL"),
        ("ota_artifacts = a-file", "ota_artifacts: a-file is a file"),
    ],
)
def test_a_wrong_value_in_the_ini_file_is_refused_by_its_name(pytester: pytest.Pytester, ini: str, said: str) -> None:
    pytester.makefile("", **{"a-file": ""})
    assert said in refusal(pytester, ini=ini)


def test_what_the_ini_file_says_gives_way_to_an_option_that_excludes_it(pytester: pytest.Pytester) -> None:
    ini = "ota_keep = true\nota_image = nginx=a"
    assert configured(pytester, "--ota-base-url=https://a.example.com/", ini=ini).keep
    assert configured(pytester, "--ota-docker=skip", ini=ini).images == {"nginx": "a"}


def test_a_refused_option_ends_the_session_with_one_line_and_no_traceback(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    result = pytester.runpytest_subprocess("--ota-docker=requre", "-n", "2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.errlines if line] == [
        "ERROR: --ota-docker: 'requre' is not a choice (did you mean 'require'?)"
    ]


def test_an_unwritable_folder_for_artifacts_says_why(pytester: pytest.Pytester) -> None:
    pytester.makefile("", **{"a-file": ""})
    said = refusal(pytester, "--ota-artifacts=a-file/deeper")
    assert said.startswith("--ota-artifacts: a-file/deeper cannot be made: ")


def test_help_shows_the_options_and_the_ini_names(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest_subprocess("--help").stdout.str()
    for name in ("docker", "keep", "image", "base-url", "artifacts"):
        assert f"--ota-{name}" in text
        assert f"ota_{name.replace('-', '_')} (" in text


def test_fixtures_are_documented_with_scope_and_cost(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    text = pytester.runpytest_subprocess("--fixtures", "-v").stdout.str()
    names = [line.split(" ")[0] for line in text.splitlines() if line.startswith("ota_")]
    assert set(names) >= {"ota_ca", "ota_engine", "ota_site", "ota_device", "ota_manifest", "ota_package", "ota_config"}
    for name in names:
        paragraph = text.partition(f"\n{name} ")[2].partition("\n\n\n")[0]
        assert "Scope:" in paragraph.partition("\nota_")[0], name
        assert "Cost:" in paragraph.partition("\nota_")[0], name


# -- beside others ------------------------------------------------------------------------------------------------------

LOADED = """
import json, sys

def pytest_sessionfinish():
    names = {name.partition(".")[0] for name in sys.modules}
    ours = [name for name in sys.modules if name.startswith("ota_proxy")]
    open("loaded.json", "w").write(json.dumps([sorted(names - set(sys.stdlib_module_names)), sorted(ours)]))
"""
LIGHT = {"ota_proxy", "ota_proxy.pytest_plugin", "ota_proxy.errors", "ota_proxy.testing"}


def loaded(pytester: pytest.Pytester, *flags: str) -> tuple[set[str], set[str]]:
    """Return the foreign packages and our modules that a whole session has loaded; other plugins stay out."""
    pytester.makeconftest(LOADED)
    pytester.makepyfile(PASSING)
    others = ("testinfra", "xdist", "xdist.looponfail", "hypothesispytest", "_hypothesis_globals", "platformdirs")
    result = pytester.runpytest_subprocess(*(word for name in others for word in ("-p", f"no:{name}")), *flags)
    result.assert_outcomes(passed=1)
    foreign, ours = json.loads((pytester.path / "loaded.json").read_text(encoding="utf-8"))
    return set(foreign), set(ours)


def test_a_session_that_uses_no_fixture_loads_pytest_and_the_standard_library_only(pytester: pytest.Pytester) -> None:
    without, _ = loaded(pytester, "-p", "no:ota-proxy")
    foreign, ours = loaded(pytester)
    assert foreign - without == {"ota_proxy"}
    assert {name for name in ours if not name.startswith("ota_proxy.testing.")} == LIGHT
    assert {name.removeprefix("ota_proxy.testing.") for name in ours - LIGHT} == {"options", "markers", "record"}


def test_the_plugin_can_be_left_out(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING, test_other="def test_other(ota_site):\n    pass\n")
    result = pytester.runpytest_subprocess("-p", "no:ota-proxy")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.no_fnmatch_line("ota-proxy: *")
    result.stdout.fnmatch_lines(["*fixture 'ota_site' not found*"])


def test_testinfra_keeps_its_own_options_and_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "def test_it(host, ota_package):\n    assert host.run('true').rc == 0\n    assert ota_package().data\n"
    )
    result = pytester.runpytest_subprocess("-W", "error", "--hosts=local://", "--ota-docker=skip")
    result.assert_outcomes(passed=1)
    ours = [line for line in pytester.runpytest_subprocess("--help").outlines if line.strip().startswith("--hosts")]
    assert len(ours) == 1


def test_a_relative_folder_for_artifacts_is_the_same_for_every_worker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from ota_proxy.testing.options import settings\n"
        "def test_it(pytestconfig):\n    print(settings(pytestconfig).artifacts)\n    assert 0\n"
    )
    text = pytester.runpytest_subprocess("-n", "1", "--ota-artifacts=out").stdout.str()
    assert str(pytester.path / "out") in text.partition("Captured stdout")[2]


def test_settings_are_read_once_a_session(pytester: pytest.Pytester, tmp_path: Path) -> None:
    config = pytester.parseconfigure(f"--ota-artifacts={tmp_path / 'a'}")
    assert settings(config) is settings(config)
