"""Reads files that others may have made: bounded, only what is a file, and below a folder only what does not lead out of it.

What is refused is an OSError whose `strerror` says why, so that whoever reports files that cannot be read reports these too.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from ota_proxy.limits import CONFIG_FILE

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A pipe without a writer is opened at once, and then refused: without O_NONBLOCK the opening itself would wait for ever."""
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_KINDS: Final = (
    (stat.S_ISDIR, errno.EISDIR, "it is a folder, not a file"),
    (stat.S_ISFIFO, errno.EINVAL, "it is a pipe, not a file"),
    (stat.S_ISSOCK, errno.EINVAL, "it is a socket, not a file"),
    (stat.S_ISCHR, errno.EINVAL, "it is a device, not a file"),
    (stat.S_ISBLK, errno.EINVAL, "it is a device, not a file"),
)


def read_file(path: Path, most: int = CONFIG_FILE) -> bytes:
    """Return what a file holds; OSError where it cannot be read, is not a file, or has more than `most` bytes."""
    with open_file(path) as file:
        return _read(file, most)


def open_file(path: Path) -> BinaryIO:
    """Open what must be a file; OSError where it is something else."""
    return opened(os.fspath(path), _FLAGS)


def read_below(path: Path, root: Path, most: int = CONFIG_FILE) -> bytes:
    """Return what a file below a folder holds; OSError as in `read_file`, and where a link leads out of the folder."""
    with open_below(path, root) as file:
        return _read(file, most)


def read_stream(path: Path, most: int = CONFIG_FILE) -> bytes:
    """Return what a file, a pipe (`<(command)`) or a device that a person named gives, at most `most` bytes; OSError where it is more."""
    with path.open("rb") as file:
        return _read(file, most)


def open_below(path: Path, root: Path) -> BinaryIO:
    """Open a file below a folder; links inside the folder are followed, one that leads out of it is refused.

    The file that was opened must be the one that the path leads to afterwards too, so that a link which is put into the way
    between the look and the opening gains nothing.
    """
    real = _inside(path, root)
    file = opened(real, _FLAGS | _NO_LINK)
    try:
        same = os.path.samestat(os.lstat(_inside(path, root)), os.fstat(file.fileno()))
    except OSError:
        file.close()
        raise
    if not same:
        file.close()
        raise OSError(errno.EACCES, "it was replaced while it was opened")
    return file


def is_below(path: Path, root: Path) -> bool:
    """Say whether a path, with all links followed, lies in a folder."""
    try:
        _inside(path, root)
    except OSError:
        return False
    return True


def _inside(path: Path, root: Path) -> str:
    top, real = os.path.realpath(root), os.path.realpath(path)
    if real != top and not real.startswith(top.rstrip(os.sep) + os.sep):
        raise OSError(errno.EACCES, "a link leads out of the folder")
    return real


def opened(path: str, flags: int) -> BinaryIO:
    """Open what must be a file, with flags of `os.open`; OSError where it is something else."""
    try:
        descriptor = os.open(path, flags)
    except ValueError:  # a zero byte
        raise OSError(errno.EINVAL, "the name is not a valid file name") from None
    except OSError as error:
        if error.errno == errno.ENXIO:  # open(2): the file is a UNIX domain socket
            raise OSError(errno.EINVAL, "it is a socket, not a file") from None
        raise
    mode = os.fstat(descriptor).st_mode
    for test, number, words in _KINDS:
        if test(mode):
            os.close(descriptor)
            raise OSError(number, words)
    return os.fdopen(descriptor, "rb")


def _read(file: BinaryIO, most: int) -> bytes:
    data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most} bytes")
    return data
