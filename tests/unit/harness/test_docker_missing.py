"""Docker that is not there, not running or not allowed: no verdict, with the reason and one thing to do."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from ota_proxy.errors import EXIT_NO_VERDICT, NoVerdictError
from ota_proxy.harness.docker import daemon
from ota_proxy.harness.docker.docker_engine import DockerEngine, clean
from ota_proxy.pytest_plugin import docker_obstacle


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point Docker's client at a socket of ours that is not there yet."""
    path = tmp_path / "d.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    return path


def refusal() -> NoVerdictError:
    with pytest.raises(NoVerdictError) as caught:
        DockerEngine().capabilities("nginx")
    assert caught.value.exit_code == EXIT_NO_VERDICT
    assert caught.value.hint
    return caught.value


@pytest.mark.usefixtures("address")
def test_no_socket_says_so_and_names_the_engines_that_need_none() -> None:
    error = refusal()
    assert "there is no Docker socket" in error.message
    assert "--engine local or embedded" in error.hint


def test_a_socket_that_nobody_listens_on_says_that_the_daemon_does_not_run(address: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unused:
        unused.bind(str(address))
    error = refusal()
    assert "does not run" in error.message
    assert "systemctl start docker" in error.hint


@pytest.mark.skipif(
    not hasattr(os, "seteuid") or os.geteuid() != 0, reason="needs root to become a user without rights"
)
def test_a_socket_that_is_not_ours_says_which_group_to_join(address: Path) -> None:
    with socket.socket(socket.AF_UNIX) as guarded:
        guarded.bind(str(address))
        guarded.listen()
        address.chmod(0o600)
        for part in list(address.parents)[:4]:
            part.chmod(part.stat().st_mode | 0o711)
        os.seteuid(65534)  # nobody
        try:
            error = refusal()
        finally:
            os.seteuid(0)
    assert "may not use the Docker socket" in error.message
    assert "group docker" in error.hint


def test_a_daemon_that_takes_the_call_and_says_nothing_is_given_up(
    address: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "TIMEOUT", 1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(address))
        silent.listen()
        error = refusal()
    assert "did not answer" in error.message
    assert "restart" in error.hint


def test_a_daemon_that_talks_nonsense_is_no_bug_of_ours(address: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        server.listen()

        def answer() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    if connection.recv(4096):  # the first caller only looks whether somebody is there
                        connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert "cannot reach Docker" in refusal().message


def test_a_daemon_on_another_machine_is_refused_because_its_ports_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    error = refusal()
    assert error.place == "DOCKER_HOST"
    assert "not on this machine" in error.message


def test_a_missing_client_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ota_proxy.harness.docker.daemon")
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(NoVerdictError, match="the Python package docker is missing"):
        clean()


@pytest.mark.usefixtures("address")
def test_the_pytest_plugin_passes_reason_and_hint_on() -> None:
    assert "no Docker socket" in docker_obstacle()
    assert "hint:" in docker_obstacle()
