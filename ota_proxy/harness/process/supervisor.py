"""Runs one server and ends it when the writer of our stdin is gone, whatever ended that; `python supervisor.py FOLDER COMMAND…`.

Standard library only, started as a script. FOLDER (empty: none) is removed after such a loss, when nobody else can do it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

GRACE = 3.0
"""Seconds a server has between TERM and KILL."""
DONE = b"done"
"""What the writer says before it closes the pipe on purpose: the folder is its own business then."""


def main(folder: str, command: list[str]) -> int:
    """Run the command in a session of its own until it ends or stdin does; returns its status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    stopping = threading.Event()
    watcher = threading.Thread(target=_watch, args=(child, folder, stopping), daemon=True)
    watcher.start()
    status = child.wait()
    _end_group(child.pid)
    if stopping.is_set():
        watcher.join()
    return status


def _watch(child: subprocess.Popen[bytes], folder: str, stopping: threading.Event) -> None:
    said = b""
    with contextlib.suppress(OSError):
        while more := os.read(0, 64):
            said += more
    stopping.set()
    _end(child)
    if folder and said != DONE:
        shutil.rmtree(folder, ignore_errors=True)


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        child.terminate()
    until = time.monotonic() + GRACE
    while child.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    _end_group(child.pid)


def _end_group(group: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
