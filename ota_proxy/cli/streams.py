"""How anything leaves the program: data to stdout as UTF-8 bytes, everything else to stderr, and what happens where nobody reads on."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import BinaryIO, TextIO

from ota_proxy.errors import UsageError
from ota_proxy.printable import as_bytes, shown


class ReaderGoneError(Exception):
    """Who read our stdout has what it wanted (`| head -1`); there is nothing to complain about."""


def emit(text: str) -> None:
    """Write data to stdout as UTF-8, the same bytes on every machine.

    ReaderGoneError when nobody reads it to the end, UsageError where it cannot be written.
    """
    buffer = getattr(sys.stdout, "buffer", None)
    try:
        sys.stdout.flush()
        if buffer is None:
            sys.stdout.write(text)
        else:
            _write_all(buffer, as_bytes(text))
        sys.stdout.flush()
    except OSError as error:
        raise _lost(error) from None


def _write_all(buffer: BinaryIO, data: bytes) -> None:
    """Write to the last byte: with PYTHONUNBUFFERED the stream is the file itself, which may take less at once."""
    view = memoryview(data)
    while view:
        view = view[buffer.write(view) or 0 :]


def flush() -> None:
    """Send what other writers have left; errors as in `emit`."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise _lost(error) from None


def prepare() -> None:
    """Make both streams something that can always be written to: nowhere where closed, an escape for a sign the encoding lacks."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - it lives as long as the process
    if getattr(sys.stdout, "errors", "") == "strict" and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def tell(text: str) -> None:
    """Write a piece of a line for people to stderr, seen at once; where nobody reads it, the work goes on.

    Whatever it quotes from outside is made visible, and is no command to a terminal or a CI service.
    """
    try:
        sys.stderr.write(shown(text))
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)


def say(text: str) -> None:
    """Print one line for people, to stderr."""
    tell(f"{text}\n")


def _give_up(stream: TextIO) -> None:
    """Send what is still to be flushed nowhere, so that Python does not complain again at its end."""
    with Path(os.devnull).open("wb") as nowhere, contextlib.suppress(OSError, ValueError):  # not every stream is a file
        os.dup2(nowhere.fileno(), stream.fileno())


def _lost(error: OSError) -> Exception:
    _give_up(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return ReaderGoneError()
    return UsageError(f"cannot write: {error.strerror}", place="stdout", hint="choose a place with room for the output")
