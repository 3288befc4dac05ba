"""What a failing test says, leaves behind and leaves running: in a terminal, quietly, and from a worker of xdist."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.plugin.process_engine import needs_nginx

pytest_plugins = ["pytester"]
pytestmark = needs_nginx

FLAGS = ("--ota-docker=skip", "-p", "no:cacheprovider")
BROKEN = """
import pytest

@pytest.fixture
def ota_content(ota_package):
    return {"package": ota_package(size=200_000), "manifest": b"<html>please log in</html>"}

@pytest.mark.parametrize("name", ["app.plist"])
def test_it_installs(ota_site, ota_device, name):
    report = ota_device.install(ota_site.url(name))
    assert report.installable

def test_true_report(ota_site, ota_device):
    assert ota_device.install()

def test_good(ota_site):
    assert ota_site.log == ""
"""
SAYS = [
    "E * assert no: OTA302 manifest-is-html at 'manifest', the phone shows 'Cannot connect to ota.example.com'",
    "*- ota-proxy: https://ota.example.com/app.plist -*",
    "https://ota.example.com/app.plist  (nginx *)",
    "  tap * manifest ✗ *",
    "  › On the phone, at 'manifest': Cannot connect to ota.example.com",
    "  ✗ OTA302 manifest-is-html  error",
    "    │ GET https://ota.example.com/app.plist",
    "    *ota-proxy.conf:*",
    "    >*location ~[*] *plist)$ {",
    "    → Give the folder a location of its own with try_files $uri =404; instead of /index.html.",
    "  The server's log (* line*):",
]


def run(pytester: pytest.Pytester, *flags: str, test: str = BROKEN) -> pytest.RunResult:
    pytester.makepyfile(test_broken=test)
    return pytester.runpytest_subprocess(*FLAGS, *flags)


@pytest.mark.parametrize(
    "flags",
    [("-q",), ("--tb=short", "--show-capture=no"), ("-n", "1", "-vv")],
    ids=["quiet", "short", "xdist"],
)
def test_a_failure_shows_stage_alert_text_rule_remedy_log_and_line(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    result = run(pytester, "-k", "installs", *flags)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(SAYS)


def test_the_summary_line_of_a_report_says_that_it_is_not_installable(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    result = run(pytester, "-k", "true_report", "-q")
    result.stdout.fnmatch_lines(
        ["FAILED *assert <report on https://ota.example.com/, nginx *: not installable, OTA302>*"]
    )


def test_a_terminal_that_knows_only_ascii_is_spared_other_signs(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    result = run(pytester, "-k", "true_report")
    result.stdout.fnmatch_lines(["*x OTA302 manifest-is-html  error"])


def artifacts(folder: Path) -> dict[str, set[str]]:
    """Return the files of each test's folder, by the folder's name without its digest."""
    return {
        re.sub(r"-[0-9a-f]{8}$", "", place.name): {
            path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()
        }
        for place in folder.iterdir()
    }


@pytest.mark.parametrize("flags", [(), ("-n", "2")], ids=["here", "xdist"])
def test_artifacts_are_written_for_failing_tests_only(pytester: pytest.Pytester, flags: tuple[str, ...]) -> None:
    result = run(pytester, "--ota-artifacts=out", *flags)
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.no_fnmatch_line("*left running*")
    found = artifacts(pytester.path / "out")
    assert set(found) == {"test_broken.py-test_it_installs-app.plist", "test_broken.py-test_true_report"}
    for files in found.values():
        assert {"report.json", "report.html", "server.log"} <= files
        assert [name for name in files if name.startswith("config/") and name.endswith("ota-proxy.conf")]
        assert not [name for name in files if name.endswith((".key", ".pem"))]
    (report,) = (pytester.path / "out").glob("*true_report*/report.json")
    assert json.loads(report.read_text(encoding="utf-8"))["schema"] == "ota-proxy/report/1"
    result.stdout.fnmatch_lines(["*- ota-proxy: artifacts -*", f"{pytester.path / 'out'}/test_broken.py-*: config/*"])


def test_artifacts_that_cannot_be_written_do_not_hide_the_failure(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        "import shutil\nfrom pathlib import Path\n"
        "def pytest_runtest_setup(item):\n    shutil.rmtree('out')\n    Path('out').write_text('in the way')\n"
    )
    result = run(pytester, "--ota-artifacts=out", "-k", "installs")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([*SAYS[:1], "*- ota-proxy: artifacts -*", "not written to *: *"])


KEPT = "def test_it(ota_site, ota_device):\n    assert ota_device.install().installable\n"


@pytest.mark.parametrize("flags", [(), ("-n", "1")], ids=["here", "xdist"])
def test_a_kept_server_runs_on_and_the_summary_says_how_to_go_on(
    pytester: pytest.Pytester, flags: tuple[str, ...]
) -> None:
    result = run(pytester, "--ota-keep", *flags, test=KEPT)
    result.assert_outcomes(passed=1)
    text = result.stdout.str().partition("ota-proxy: left running")[2]
    pids = [int(pid) for pid in re.findall(r"\d+", re.findall(r"^  kill ([\d ]+)$", text, re.MULTILINE)[0])]
    ca: list[str] = []
    (folder,) = re.findall(r"^  rm -r (\S+)$", text, re.MULTILINE)
    try:
        assert re.search(
            r"^<nginx .* at https://ota.example.com/>, first of test_broken.py::test_it$", text, re.MULTILINE
        )
        ca = re.findall(
            r"curl --cacert (\S+) --connect-to ota.example.com:443:127.0.0.1:\d+ https://ota.example.com/", text
        )
        assert Path(ca[0]).read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
        for pid in pids:
            os.kill(pid, 0)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        pytester.run("rm", "-r", folder, *(str(Path(place).parent) for place in ca))
