"""Servers as processes: tested, started on a lifeline (supervisor.py), waited for until they listen, and ended."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.engine import Endpoint, refused
from ota_proxy.harness.listening import LOOPBACK
from ota_proxy.harness.process import supervisor

START_DEADLINE = 15.0
"""Seconds a server has from its start until it listens."""
TEST_DEADLINE = 60
"""Seconds a server's own configuration test may take."""
STOP_DEADLINE = supervisor.GRACE + 5
_LOG_LIMIT = 200_000


@dataclass(frozen=True, slots=True)
class Command:
    """How to test and to run a server; it is up when all of `signs` are there: ports, sockets, files it writes when started."""

    name: str
    test: list[str]
    serve: list[str]
    signs: tuple[int | str | Path, ...]


def start(command: Command, running: ServerProcess, directory: Path, *, keep: bool) -> None:
    """Test the configuration, start the process and wait until it listens.

    ServerRefusedError when the server under test does not accept it, NoVerdictError for every other obstacle.
    """
    _test(command)
    log = directory / "log" / f"{command.name}.out"
    wrapped = command.serve
    if not keep:
        wrapped = [sys.executable, "-I", "-S", str(Path(supervisor.__file__)), *command.serve]
    with log.open("ab") as stream:
        process = subprocess.Popen(
            wrapped,
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            cwd=directory,
        )
    running.add(command.name, process)
    _wait_listening(command, process, running)


def _test(command: Command) -> None:
    try:
        done = subprocess.run(
            command.test, capture_output=True, timeout=TEST_DEADLINE, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoVerdictError(f"the configuration test of the {command.name} does not run: {error}") from None
    if done.returncode == 0:
        return
    output = (done.stderr + done.stdout).decode("utf-8", "replace").strip()
    if command.name != "server":
        raise NoVerdictError(f"the {command.name} beside the server does not accept its configuration: {output}")
    raise refused("the server", output, started=False)


def _wait_listening(command: Command, process: subprocess.Popen[bytes], running: ServerProcess) -> None:
    until = time.monotonic() + START_DEADLINE
    pause = 0.005
    waiting = list(command.signs)
    while waiting:
        if process.poll() is not None or time.monotonic() > until:
            _not_up(command, process, running)
        waiting = [place for place in waiting if not _is_there(place)]
        if waiting:
            time.sleep(pause)
            pause = min(pause * 2, 0.2)


def _not_up(command: Command, process: subprocess.Popen[bytes], running: ServerProcess) -> None:
    output = running.output(command.name).strip()
    ended = process.poll() is not None
    if not ended or command.name != "server":
        what = "ended" if ended else f"does not listen after {START_DEADLINE:.0f} seconds"
        raise NoVerdictError(f"the {command.name} {what}: {output[-2000:] or 'it wrote no log'}")
    raise refused("the server", output, started=True)


def _is_there(place: int | str | Path) -> bool:
    if isinstance(place, Path):
        return place.is_file()
    family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        return client.connect_ex(place if isinstance(place, str) else (LOOPBACK, place)) == 0


class ServerProcess:
    """A started server with the parts beside it."""

    def __init__(self, directory: Path, endpoint: Endpoint, error_log: str | None) -> None:
        self.endpoint = endpoint
        self._directory = directory
        self._error_logs = {directory / "log" / "error.log", Path(error_log or directory)}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def add(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Take charge of a process."""
        self._processes[name] = process

    def logs(self) -> str:
        """Return the server's output and its error log (the site's own too), the last 200 kB of each."""
        paths = sorted((self._directory / "log").glob("*"))
        own = [path for path in paths if path.name == "server.out" or path in self._error_logs]
        return "".join(map(_tail, own))

    def output(self, name: str) -> str:
        """Return what `server`, `upstream` or `tls-proxy` wrote so far."""
        return self.logs() if name == "server" else _tail(self._directory / "log" / f"{name}.out")

    def alive(self) -> bool:
        """Say whether every process still runs."""
        return all(process.poll() is None for process in self._processes.values())

    def to_end(self) -> str:
        """Return the commands that end it by hand."""
        pids = " ".join(str(process.pid) for process in self._processes.values())
        return f"kill {pids}\nrm -r {self._directory}"

    def end(self) -> None:
        """End the server first, then what is beside it."""
        for process in reversed(self._processes.values()):
            if process.stdin:
                with contextlib.suppress(OSError):
                    process.stdin.close()
        for process in self._processes.values():
            try:
                process.wait(STOP_DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _tail(path: Path) -> str:
    return path.read_bytes()[-_LOG_LIMIT:].decode("utf-8", "replace") if path.is_file() else ""
