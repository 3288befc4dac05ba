"""`ota-proxy explain`: what it is asked on the command line, or reads from standard input."""

from __future__ import annotations

import argparse
import sys

from ota_proxy.cli.parser import COMMANDS
from ota_proxy.cli.streams import emit, tell
from ota_proxy.commands.explain import Answering, explained, explained_log
from ota_proxy.errors import EXIT_CLEAN, UsageError
from ota_proxy.report.paint import paint_for
from ota_proxy.rules.complaints.logs import MOST_BYTES

_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"PK": "a ZIP archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"bplist": "a binary property list",
    b"(\xb5/\xfd": "zstd",
}


def run(args: argparse.Namespace) -> int:
    """Print a page, causes or what a log says."""
    asked = " ".join(args.what).strip()
    how = Answering(args.format == "json", paint_for(sys.stdout), COMMANDS)
    answer = explained_log(_standard_input(MOST_BYTES + 1), how) if asked == "-" else explained(asked, how)
    emit(answer + "\n")
    return EXIT_CLEAN


def _standard_input(most: int) -> bytes:
    """Return at most so many bytes of standard input; UsageError if there is none, or what comes is no text."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise UsageError("there is no standard input to read", hint="ota-proxy explain - < console.log")
    if sys.stdin.isatty():
        tell("ota-proxy: paste the log; it ends with ^D on a line of its own\n")
    try:
        data = bytes(stream.read(most))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read: {error}", place="stdin", hint="ota-proxy explain - < console.log") from None
    for magic, name in _ARCHIVES.items():
        if data.startswith(magic):
            raise UsageError(
                f"this is {name}, not a log",
                place="stdin",
                hint="unpack it first, such as `zcat LOG.gz | ota-proxy explain -`",
            )
    return data
