"""A run's folder goes with its run, whatever ends that; a dead run's is told from a living one's and from somebody else's."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.engine import refused
from ota_proxy.harness.run_directory import OWNER, RunDirectory, clean, me

_RUN = """\
import os, sys
from ota_proxy.harness.run_directory import RunDirectory
folder = RunDirectory()
(folder.path / "deep").mkdir()
(folder.path / "deep" / "file").write_text("x")
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def wait_until_empty(folder: Path) -> None:
    until = time.monotonic() + 30
    while list(folder.iterdir()):
        assert time.monotonic() < until, list(folder.iterdir())
        time.sleep(0.01)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_it_goes_with_its_process(sent: signal.Signals, temporary: Path) -> None:
    command = [sys.executable, "-c", _RUN]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stdout is not None
        folder = Path(run.stdout.readline().strip())
        assert (folder / "deep" / "file").is_file()
        os.killpg(run.pid, sent)
    wait_until_empty(temporary)


def test_it_goes_at_the_end_of_its_context_and_with_its_object(temporary: Path) -> None:
    with RunDirectory() as folder:
        assert folder.is_dir()
    assert list(temporary.iterdir()) == []
    held = RunDirectory()
    assert held.path.is_dir()
    del held
    assert list(temporary.iterdir()) == []


def test_it_stays_when_it_was_told_to_and_clean_leaves_it(temporary: Path) -> None:
    folder = RunDirectory()
    folder.stay()
    path = folder.path
    del folder
    assert clean() == 0
    assert list(temporary.iterdir()) == [path]


def test_clean_removes_what_names_a_dead_owner_and_nothing_else(temporary: Path) -> None:
    dead, spoilt, other, nobodys = (temporary / f"ota-proxy-{name}" for name in ("dead", "spoilt", "other", "nobodys"))
    for folder in (dead, spoilt, other, nobodys):
        folder.mkdir()
    gone = replace(me(), begun="1")  # a process of this number runs, but it is another one
    (dead / OWNER).write_text(json.dumps(asdict(gone)), encoding="utf-8")
    (other / OWNER).write_text(json.dumps(asdict(replace(gone, machine="elsewhere"))), encoding="utf-8")
    (spoilt / OWNER).write_text('{"machine": 1}', encoding="utf-8")
    (temporary / "ota-proxy-link").symlink_to(dead)
    living = RunDirectory()
    assert clean() == 1
    assert not dead.exists()
    assert all(path.exists() for path in (spoilt, other, nobodys, living.path))


def test_a_full_disk_is_no_verdict_with_a_way_out(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(NoVerdictError, match="the temporary folder cannot be used: No space left on device") as said:
        RunDirectory()
    assert str(temporary) in said.value.place
    assert "TMPDIR" in said.value.hint


def test_a_server_that_found_no_room_says_nothing_about_its_configuration() -> None:
    output = 'nginx: [emerg] open() "/tmp/x/nginx.pid" failed (28: No space left on device)'
    with pytest.raises(NoVerdictError, match="cannot run on this machine: No space left on device"):
        refused("the server", output, started=True)
