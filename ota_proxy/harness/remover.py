"""Removes a run's folder when the run is gone, whatever ended it; `python remover.py FOLDER` waits until its stdin ends.

Standard library only, started as a script. A run that ends in good order says so first: it has removed the folder itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time

DONE = b"done"
"""What a run says that keeps or has removed its folder."""
SECONDS = 10.0
"""How long a folder is removed again and again: servers that end a moment later may still write into it."""
_QUIET = 0.5
"""Seconds without the folder after which it stays away."""
_PAUSE = 0.05


def main(folder: str) -> None:
    """Wait for the end of stdin, and remove the folder unless the run has said that it did."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    said = b""
    with contextlib.suppress(OSError):
        while more := os.read(0, 64):
            said += more
    if said != DONE:
        remove(folder)


def remove(folder: str) -> None:
    """Remove a folder until it stays away; gives up after `SECONDS`."""
    end, gone = time.monotonic() + SECONDS, 0.0
    while gone < _QUIET and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_PAUSE)
        gone = 0.0 if os.path.lexists(folder) else gone + _PAUSE


if __name__ == "__main__":
    main(sys.argv[1])
