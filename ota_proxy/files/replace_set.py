"""Puts finished files in their places, all of them or none; `python replace_set.py SOURCE…` reads the places from stdin.

Standard library only, started as a script in a session of its own: whoever kills the writer does not stop this between two files.
stdin is one line of JSON, `[[source, place], …]`; where it does not come the writer is gone, and the sources are removed.
stdout is `null`, or `[errno, place]` of what could not be done; everything is as it was then.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence

BEFORE = ".before"
"""End of the name under which the file that was there stays until all of them are in place."""


def replace(pairs: Sequence[tuple[str, str]]) -> tuple[int, str] | None:
    """Rename each source to its place; return what failed as (errno, place), with every place as it was before."""
    touched: list[tuple[str, str]] = []
    try:
        for source, place in pairs:
            failed = _one(source, place, touched)
            if failed is not None:
                _restore(touched)
                return failed
    finally:
        for _, before in touched:
            _remove(before)
    for folder in {os.path.dirname(place) or "." for _, place in pairs}:  # noqa: PTH120 - pathlib would double the start
        _settle(folder)
    return None


def _one(source: str, place: str, touched: list[tuple[str, str]]) -> tuple[int, str] | None:
    before = source + BEFORE
    try:
        with contextlib.suppress(FileNotFoundError):
            _copy(place, before)
        touched.append((place, before))
        os.replace(source, place)  # noqa: PTH105 - likewise
    except OSError as error:
        return error.errno or 0, place
    return None


def _copy(place: str, before: str) -> None:
    try:
        os.link(place, before)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links
        shutil.copy2(place, before)


def _restore(touched: Sequence[tuple[str, str]]) -> None:
    for place, before in reversed(touched):
        with contextlib.suppress(OSError):
            if os.path.lexists(before):
                os.replace(before, place)  # noqa: PTH105 - likewise
            else:
                os.unlink(place)  # noqa: PTH108 - likewise


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - likewise


def _settle(folder: str) -> None:
    """Bring the renames onto the disk, where folders can be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def main(sources: Sequence[str]) -> None:
    """Read the places and put the files there."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        for source in sources:
            _remove(source)
        return
    failed = replace([(source, place) for source, place in json.loads(line)])
    with contextlib.suppress(OSError):
        print(json.dumps(failed), flush=True)  # noqa: T201 - this is how it answers


if __name__ == "__main__":
    main(sys.argv[1:])
