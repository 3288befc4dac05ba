"""`ota-proxy completion SHELL`: what makes a shell complete our commands, or the man page; made from the command line's own grammar."""

from __future__ import annotations

import argparse
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ota_proxy.cli.streams import emit
from ota_proxy.errors import EXIT_CLEAN

if TYPE_CHECKING:
    from ota_proxy.cli.shells.tree import Command

WHAT = ("bash", "zsh", "fish", "powershell", "man")
"""Values of the argument; each is a module of `shells` with a function `render`."""
_DESCRIPTION = """\
Print a completion for a shell, or the man page. A wheel installs them in share/ too, where shells and man look.

  ota-proxy completion bash > ~/.ota-proxy.bash
  ota-proxy completion zsh > ~/.zsh/completions/_ota-proxy
  ota-proxy completion fish > ~/.config/fish/completions/ota-proxy.fish
  ota-proxy completion powershell > ota-proxy.ps1
  ota-proxy completion man > ota-proxy.1

For bash and PowerShell, source the file in ~/.bashrc or $PROFILE; for zsh the folder must be in $fpath before compinit.
"""


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("completion", help="completion for a shell, man page", description=_DESCRIPTION)
    command.add_argument("what", metavar="|".join(WHAT), choices=WHAT, help="the shell, or the man page ota-proxy(1)")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print it."""
    emit(rendered(args.what))
    return EXIT_CLEAN


def rendered(what: str) -> str:
    """Return one of `WHAT` as text."""
    from ota_proxy.cli.main import parser  # noqa: PLC0415 - it imports this module
    from ota_proxy.cli.shells.tree import read  # noqa: PLC0415

    top = read(parser())
    text: str = import_module(f"ota_proxy.cli.shells.{what}").render(top if what == "man" else _with_rules(top))
    return text


def _with_rules(top: Command) -> Command:
    """Let `explain` complete ids and names of rules; it takes other words too.

    The file is read by itself: a build has the standard library only, and the catalogue's own reader needs more.
    """
    import tomllib  # noqa: PLC0415

    import ota_proxy.rules  # noqa: PLC0415

    text = Path(ota_proxy.rules.__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
    words = tuple(word for id_, rule in sorted(tomllib.loads(text)["rules"].items()) for word in (id_, rule["name"]))
    commands = (
        replace(one, arguments=tuple(replace(value, kind="words", choices=words) for value in one.arguments))
        if one.path == ("explain",)
        else one
        for one in top.commands
    )
    return replace(top, commands=tuple(commands))
