"""Whole `ota-proxy verify` processes with Docker: one that is killed leaves nothing, two side by side do not meet."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.docker.sweep import PREFIX
from ota_proxy.report import json as report_json
from tests.support.command_line import environment

pytestmark = pytest.mark.container

SUITE = "bookworm"
GONE = 30.0
"""Seconds until a container that a killed run left is one too many, however busy the machine is; on an idle one it takes half a second."""
PATIENCE = 120
SCHEMA = json.loads(Path(report_json.__file__).with_name("schema.json").read_text(encoding="utf-8"))
Listed = Callable[[str], list[str]]


class Verify:
    """A running `ota-proxy verify`; what it says is collected while it runs."""

    def __init__(self, folder: Path, *words: str) -> None:
        command = [sys.executable, "-m", "ota_proxy", "verify", *words, "--engine", "docker", "--image", SUITE]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=folder, env=environment(), text=True)
        self.label = f"{PREFIX}.pid={self.process.pid}"
        self.lines: list[str] = []
        self.out = ""
        self._threads = [threading.Thread(target=read) for read in (self._read_err, self._read_out)]
        for thread in self._threads:
            thread.start()

    def _read_err(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    def _read_out(self) -> None:
        assert self.process.stdout is not None
        self.out = self.process.stdout.read()

    def reach(self, step: str) -> None:
        """Wait until it has said that it is at a step."""
        until = time.monotonic() + PATIENCE
        while not any(f"] {step}" in line for line in self.lines):
            assert self.process.poll() is None, self.lines
            assert time.monotonic() < until, self.lines
            time.sleep(0.01)

    def end(self) -> int:
        """Wait until it has ended and everything it said has been read."""
        code = self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        return code


@pytest.fixture
def verify(tmp_path: Path, engine_of: Callable[[str], DockerEngine]) -> Iterator[Callable[..., Verify]]:
    engine_of(SUITE)
    started: list[Verify] = []

    def start(*words: str) -> Verify:
        started.append(Verify(tmp_path, *words))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.end()
        assert one.process.stdout is not None
        assert one.process.stderr is not None
        one.process.stdout.close()
        one.process.stderr.close()


def report_of(one: Verify) -> list[str]:
    """Return the rules that failed, notes left out; the report must be a valid one."""
    document = json.loads(one.out)
    jsonschema.validate(document, SCHEMA)
    return [row["rule"] for row in document["outcomes"] if row["status"] == "failed" and row["severity"] != "note"]


# -- killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["starting", "waiting for", "reading the host", "page", "manifest", "another install"])
@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_a_killed_run_leaves_no_container(
    server: str, step: str, verify: Callable[..., Verify], containers: Listed
) -> None:
    one = verify(server)
    one.reach(step)
    before = containers(one.label)
    one.process.kill()
    one.process.wait(PATIENCE)
    wait_until_gone(one, containers)
    assert before or step in ("starting", "waiting for")


def test_a_killed_run_with_mock_servers_leaves_none_of_them(verify: Callable[..., Verify], containers: Listed) -> None:
    one = verify("nginx", "--domain", "ota.example.com", "--upstream", "http://127.0.0.1:8080")
    one.reach("page")
    assert containers(one.label)
    one.process.kill()
    one.process.wait(PATIENCE)
    wait_until_gone(one, containers)


def wait_until_gone(run: Verify, containers: Listed) -> None:
    killed = time.monotonic()
    while left := containers(run.label):
        assert time.monotonic() - killed < GONE, left
        time.sleep(0.05)


def test_an_interrupted_run_ends_with_130_and_has_no_container_left(
    verify: Callable[..., Verify], containers: Listed
) -> None:
    one = verify("nginx")
    one.reach("page")
    one.process.send_signal(signal.SIGINT)
    assert one.end() == 130
    assert one.lines[-1] == "ota-proxy: interrupted\n"
    assert containers(one.label) == []


# -- side by side -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("servers", [("nginx", "nginx"), ("nginx", "apache")], ids=" and ".join)
def test_two_runs_side_by_side_do_not_disturb_each_other(
    servers: tuple[str, str], verify: Callable[..., Verify], containers: Listed
) -> None:
    both = [verify(server, "--format", "json") for server in servers]
    for one in both:
        one.reach("page")
    names = [set(containers(one.label)) for one in both]
    codes = [one.end() for one in both]
    assert codes == [0, 0], [one.lines for one in both]
    assert [report_of(one) for one in both] == [[], []]
    assert all(names)
    assert names[0] & names[1] == set()
    assert [containers(one.label) for one in both] == [[], []]


def test_a_run_goes_on_when_its_neighbour_is_killed(verify: Callable[..., Verify], containers: Listed) -> None:
    first, second = verify("nginx", "--format", "json"), verify("nginx", "--format", "json")
    for one in (first, second):
        one.reach("page")
    first.process.kill()
    assert second.end() == 0, second.lines
    assert report_of(second) == []
    assert containers(second.label) == []


def test_a_kept_server_outlives_its_run(verify: Callable[..., Verify], containers: Listed) -> None:
    one = verify("nginx", "--keep")
    try:
        assert one.end() == 0, one.lines
        time.sleep(2)  # four times what a run without --keep takes to be gone
        (name,) = containers(one.label)
        assert f"docker rm -f {name}" in one.out
    finally:
        for name in containers(one.label):
            subprocess.run(["docker", "rm", "-f", name], capture_output=True, timeout=60, check=True)
