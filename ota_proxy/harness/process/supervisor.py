"""Runs one server and ends it when the writer of our stdin is gone, whatever ended that; `python supervisor.py COMMAND…`.

Standard library only, started as a script.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

GRACE = 3.0
"""Seconds a server has between TERM and KILL."""


def main(command: list[str]) -> int:
    """Run the command in a session of its own until it ends or stdin does; returns its status."""
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    stopping = threading.Event()
    watcher = threading.Thread(target=_watch, args=(child, stopping), daemon=True)
    watcher.start()
    status = child.wait()
    _end_group(child.pid)
    if stopping.is_set():
        watcher.join()
    return status


def _watch(child: subprocess.Popen[bytes], stopping: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 64):
            pass
    stopping.set()
    _end(child)


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
    sys.exit(main(sys.argv[1:]))
