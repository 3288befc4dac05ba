"""Commands inside a running container, and a reload that is waited for."""

from __future__ import annotations

import subprocess

import pytest

from ota_proxy.harness.trial import Started

_PID = {"nginx": "/run/nginx.pid", "apache": "/run/apache2/apache2.pid"}


_SIGNAL = {"nginx": "HUP", "apache": "USR1"}


_CHILDREN = 'for d in /proc/[0-9]*; do while read -r k v; do [ "$k" = PPid: ] && [ "$v" = $(cat {pid}) ] && echo ${{d#/proc/}}; done <$d/status; done 2>/dev/null; true'


def inside(started: Started, script: str, *, check: bool = True) -> str:
    name = started.running.endpoint.spec.removeprefix("docker://")
    command = ["docker", "exec", name, "sh", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=check).stdout


def reload(started: Started, server: str) -> None:
    """Reload gracefully and wait until none of the old workers is left; they go with the server when it ends."""
    children = _CHILDREN.format(pid=_PID[server])
    before = set(inside(started, children).split())
    assert before
    inside(started, f"kill -{_SIGNAL[server]} $(cat {_PID[server]})")
    for _ in range(300):
        if not before & set(
            inside(started, children, check=False).split()
        ):  # nothing is said in a container that ended
            return
    pytest.fail("the old workers did not end")
