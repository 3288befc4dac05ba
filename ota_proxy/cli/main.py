"""Entry point: reads the command line, runs one command, and turns what went wrong into a sentence and an exit code.

Data goes to stdout, everything else to stderr. Exit codes are in `errors.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from ota_proxy import __version__
from ota_proxy.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_USAGE, OtaError, did_you_mean

COMMANDS = ("render", "verify", "up", "check", "manifest", "page", "link", "explain", "rules", "config", "clean")

_DESCRIPTION = """\
Will an iPhone install this from that server, and if not, which line do I change?

  ota-proxy render nginx                  print a working nginx configuration for the example site
  ota-proxy render apache --domain ota.example.com --root /srv/ota --cert C.pem --key K.pem
  ota-proxy verify nginx                  start it, install from it as a simulated iPhone, report
  ota-proxy check https://ota.example.com/    the same iPhone in front of what already runs
  ota-proxy config show                   every setting, its value and where it came from
"""
_EPILOG = "Exit codes: 0 clean, 1 findings or drift, 2 usage or configuration, 3 no verdict, 70 bug in ota-proxy, 130 interrupted."


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose mistakes read like all our errors: a sentence and a way out, exit 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, with a did-you-mean for a misspelt command or choice."""
        print(f"{self.prog}: error: {message}", file=sys.stderr)
        print(f"  hint: {_suggestion(message) or f'`{self.prog} --help` shows what there is'}", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)


def _suggestion(message: str) -> str:
    if "invalid choice: '" not in message:
        return ""
    word, _, rest = message.partition("invalid choice: '")[2].partition("'")
    choices = rest.partition("(choose from ")[2].rstrip(")").replace("'", "").split(", ")
    return did_you_mean(word, choices)


def parser() -> Parser:
    """Build the whole command line."""
    top = Parser(
        prog="ota-proxy", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action="version", version=f"ota-proxy {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        import_module(f"ota_proxy.cli.{name}").register(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    args = parser().parse_args(argv)
    try:
        code = int(args.run(args))
        sys.stdout.flush()
    except OtaError as error:
        print(f"ota-proxy: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("ota-proxy: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the reader has gone; nothing to complain about at exit
        return 0
    except Exception as error:  # noqa: BLE001 - the last fence: whatever comes here is our bug and must say so
        return _bug(error)
    return code


def _bug(error: Exception) -> int:
    if os.environ.get("OTA_PROXY_DEBUG"):
        raise error
    print(f"ota-proxy: bug in ota-proxy {__version__}: {type(error).__name__}: {error}", file=sys.stderr)
    print("  hint: run it again with OTA_PROXY_DEBUG=1 and report what it prints", file=sys.stderr)
    return EXIT_BUG


if __name__ == "__main__":
    raise SystemExit(main())
