"""Whose a leftover container is, and whether it may go."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

from ota_proxy.harness.docker import sweep
from ota_proxy.harness.docker.daemon import Listed
from ota_proxy.harness.run_directory import me

OLD = sweep.GRACE + 60


class Yard:
    """A daemon with these containers."""

    def __init__(self, *found: Listed) -> None:
        self.found = {container.id: container for container in found}

    def containers(self, label: str) -> list[Listed]:
        return [found for found in self.found.values() if label in found.labels]

    def remove(self, container: str) -> None:
        del self.found[container]


def container(name: str, *, age: float = 0, state: str = "running", keep: bool = False, **said: str) -> Listed:
    labels = sweep.labels("run", "site", keep=keep) | {f"{sweep.PREFIX}.{key}": value for key, value in said.items()}
    return Listed(name, labels, time.time() - age, state)


def dead_pid() -> str:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return str(child.pid)


def test_this_process_owns_what_it_labels_and_lives() -> None:
    owner = sweep.owner(container("mine"))
    assert owner == me()
    assert owner.alive


def test_what_a_living_run_owns_stays_however_old_it_is() -> None:
    yard = Yard(container("mine", age=10 * OLD), container("exited", age=10 * OLD, state="exited"))
    assert sweep.sweep(yard) == sweep.clean(yard) == 0
    assert set(yard.found) == {"mine", "exited"}


def test_a_leftover_of_a_dead_run_is_swept_after_ten_minutes_and_cleaned_at_once() -> None:
    pid = dead_pid()
    yard = Yard(container("young", pid=pid, state="created"), container("old", pid=pid, age=OLD, state="created"))
    assert sweep.sweep(yard) == 1
    assert set(yard.found) == {"young"}
    assert sweep.clean(yard) == 1
    assert not yard.found


def test_a_later_process_with_the_same_pid_is_not_the_owner() -> None:
    yard = Yard(container("old", begun="1", pid=str(os.getpid())))
    assert sweep.clean(yard) == 1


def test_a_kept_container_is_never_swept_and_goes_with_clean() -> None:
    yard = Yard(container("kept", pid=dead_pid(), age=OLD, keep=True))
    assert sweep.sweep(yard) == 0
    assert sweep.clean(yard) == 1


def test_a_running_container_of_another_machine_is_in_use_and_a_stopped_one_is_not_after_ten_minutes() -> None:
    yard = Yard(
        container("runs", age=OLD, machine="another"),
        container("young", state="created", machine="another"),
        container("stopped", age=OLD, state="exited", machine="another"),
    )
    assert sweep.clean(yard) == 1
    assert set(yard.found) == {"runs", "young"}


def test_containers_of_others_are_not_even_looked_at() -> None:
    yard = Yard(replace(container("theirs", pid=dead_pid(), age=OLD), labels={"com.example": "1"}))
    assert sweep.clean(yard) == sweep.sweep(yard) == 0


def test_spoilt_labels_belong_to_nobody() -> None:
    yard = Yard(container("spoilt", pid="-1", age=OLD))
    assert sweep.clean(yard) == 1
