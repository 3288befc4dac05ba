"""The command line's grammar: argparse with one sentence, a way out and a did-you-mean for each mistake, and help that fits."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ota_proxy import __version__
from ota_proxy.cli.flags.apps import add_link, add_manifest, add_page
from ota_proxy.cli.flags.help import add_completion, add_explain, add_rules
from ota_proxy.cli.flags.machine import add_clean, add_config, add_doctor
from ota_proxy.cli.flags.servers import add_render, add_up, add_verify
from ota_proxy.cli.flags.shared import Commands
from ota_proxy.cli.flags.targets import add_check, add_effective, add_lint
from ota_proxy.cli.streams import tell
from ota_proxy.errors import EXIT_USAGE, did_you_mean

_ADD: Mapping[str, Callable[[Commands], None]] = {
    "render": add_render,
    "verify": add_verify,
    "up": add_up,
    "check": add_check,
    "lint": add_lint,
    "effective": add_effective,
    "manifest": add_manifest,
    "page": add_page,
    "link": add_link,
    "explain": add_explain,
    "rules": add_rules,
    "config": add_config,
    "clean": add_clean,
    "doctor": add_doctor,
    "completion": add_completion,
}
COMMANDS = tuple(_ADD)
"""Every command, in the order in which help shows them."""
_DESCRIPTION = """\
Will an iPhone install this from that server, and if not, which line do I change?

  ota-proxy render nginx           print a working example configuration
  ota-proxy verify nginx           start it, install from it as an iPhone would
  ota-proxy check https://ota.example.com/       the same on a live server
  ota-proxy config show            every setting and where it came from

  ota-proxy render apache --domain ota.example.com --root /srv/ota \\
      --cert /etc/ssl/ota.pem --key /etc/ssl/ota.key -o ota.conf

`ota-proxy COMMAND --help` shows the flags of a command.
"""
_EPILOG = """\
Exit codes: 0 clean, 1 findings or drift, 2 usage or configuration, 3 no verdict, 70 bug in ota-proxy, 130 interrupted.
"""
_UNKNOWN = "unrecognized arguments: "
_CHOICE = re.compile(r"invalid choice: '(.*?)' \(choose from (.*)\)$", re.DOTALL)


class Help(argparse.HelpFormatter):
    """Wraps the sentences of a description; lines that are indented are examples and stay as they are."""

    def add_argument(self, action: argparse.Action) -> None:
        """Add an action; argparse forgets the indent of commands when it measures them, and would break the line after a long name."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse has no public name for it
            longest = max(map(len, action.choices), default=0)
            self._action_max_length = max(
                self._action_max_length, longest + self._current_indent + self._indent_increment
            )

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = []
        for line in text.strip("\n").splitlines():
            kept = not line.strip() or line.startswith(" ")
            lines += (
                [indent + line] if kept else textwrap.wrap(line, width, initial_indent=indent, subsequent_indent=indent)
            )
        return "\n".join(lines)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose mistakes read like all our errors, with exit code 2. Flags are written in full."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - argparse's own arguments
        super().__init__(**{"formatter_class": Help, "allow_abbrev": False, **settings})

    def parse_known_args(  # type: ignore[override]  # the overloads of typeshed differ in the namespace only
        self,
        args: Sequence[str] | None = None,
        namespace: Any = None,  # noqa: ANN401 - any namespace
    ) -> tuple[Any, list[str]]:
        """Refuse what is not known at once: only the command itself knows which of its flags was meant."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(_UNKNOWN + " ".join(unknown))
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, with a did-you-mean for a misspelt command, flag or choice."""
        hint = self._suggestion(message) or f"`{self.prog} --help` shows what there is"
        tell(f"{self.prog}: error: {message}\n  hint: {hint}\n")
        raise SystemExit(EXIT_USAGE)

    def _suggestion(self, message: str) -> str:
        if match := _CHOICE.search(message):
            word, choices = match[1], re.findall(r"[\w-]+", match[2])
            return did_you_mean(word, choices)
        if not message.startswith(_UNKNOWN):
            return ""
        flag = message.removeprefix(_UNKNOWN).split()[0].partition("=")[0]
        return did_you_mean(flag, self._option_string_actions) if flag.startswith("-") else ""


def parser() -> Parser:
    """Build the whole command line."""
    top = Parser(prog="ota-proxy", description=_DESCRIPTION, epilog=_EPILOG)
    top.add_argument("--version", action="version", version=f"ota-proxy {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in _ADD.values():
        add(commands)
    return top
