"""Entry point: reads the command line, runs one command, and turns what went wrong into a sentence and an exit code.

Data goes to stdout, everything else to stderr. Exit codes are in `errors.py`.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence

from ota_proxy import __version__
from ota_proxy.cli import streams
from ota_proxy.cli.parser import parser
from ota_proxy.errors import EXIT_BUG, EXIT_CLEAN, EXIT_INTERRUPTED, EXIT_NO_VERDICT, OtaError
from ota_proxy.late import late

_SHORT = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What a machine can be out of; none of it is our bug, nor a fault of what is looked at."""
_FIRST = ("-h", "--help", "--version")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Without `argv` this is the program itself: SIGTERM and SIGHUP end it as ^C does, with everything it started.
    """
    streams.prepare()
    if argv is None:
        _end_in_good_order()
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except OtaError as error:
        streams.tell(f"ota-proxy: error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        streams.tell("ota-proxy: interrupted\n")
        return EXIT_INTERRUPTED
    except streams.ReaderGoneError:
        return EXIT_CLEAN
    except OSError as error:
        return _out_of_room(error) if error.errno in _SHORT else _bug(error)
    except Exception as error:  # noqa: BLE001 - the last fence: whatever comes here is our bug and must say so
        return _bug(error)


def _end_in_good_order() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, once: nothing interrupts the clean-up. One that is ignored (nohup) stays so."""
    ends = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

    def end(*_: object) -> None:
        for one in ends:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    for one in ends:
        if signal.getsignal(one) is signal.SIG_DFL:
            signal.signal(one, end)


def _run(argv: Sequence[str]) -> int:
    top = parser()
    if argv and argv[0].startswith("-") and argv[0] not in _FIRST:
        top.error(f"{argv[0]} comes before the command; write `ota-proxy COMMAND {argv[0]} …`")
    try:
        args = top.parse_args(argv)
    except SystemExit:
        streams.flush()  # a help that nobody reads to its end is no error
        raise
    try:
        code = int(late(args.run)(args))  # named by the flags, so that a help page needs none of it
    except OSError:
        streams.flush()  # raises what it was where stdout takes no more; else it is ours
        raise
    streams.flush()
    return code


def _out_of_room(error: OSError) -> int:
    place = f"{error.filename}: " if error.filename else ""
    streams.tell(f"ota-proxy: error: {place}this machine cannot go on: {error.strerror}\n")
    streams.tell("  hint: free some room (TMPDIR names another folder for temporary files) and run it again\n")
    return EXIT_NO_VERDICT


def _bug(error: Exception) -> int:
    if os.environ.get("OTA_PROXY_DEBUG"):
        raise error
    streams.tell(f"ota-proxy: bug in ota-proxy {__version__}: {type(error).__name__}: {error}\n")
    streams.tell("  hint: run it again with OTA_PROXY_DEBUG=1 and report what it prints\n")
    return EXIT_BUG


if __name__ == "__main__":
    raise SystemExit(main())
