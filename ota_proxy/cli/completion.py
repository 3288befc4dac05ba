"""`ota-proxy completion SHELL`: what makes a shell complete our commands, or the man page; made from the command line's own grammar."""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import ota_proxy.rules
from ota_proxy.cli.parser import parser
from ota_proxy.cli.shells.tree import Command, read
from ota_proxy.cli.streams import emit
from ota_proxy.errors import EXIT_CLEAN


def run(args: argparse.Namespace) -> int:
    """Print it."""
    emit(rendered(args.what))
    return EXIT_CLEAN


def rendered(what: str) -> str:
    """Return one of `WHAT` as text."""
    top = read(parser())
    text: str = import_module(f"ota_proxy.cli.shells.{what}").render(top if what == "man" else _with_rules(top))
    return text


def _with_rules(top: Command) -> Command:
    """Let `explain` complete ids and names of rules; it takes other words too.

    The file is read by itself: a build has the standard library only, and the catalogue's own reader needs more.
    """
    text = Path(ota_proxy.rules.__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
    words = tuple(word for id_, rule in sorted(tomllib.loads(text)["rules"].items()) for word in (id_, rule["name"]))
    commands = (
        replace(one, arguments=tuple(replace(value, kind="words", choices=words) for value in one.arguments))
        if one.path == ("explain",)
        else one
        for one in top.commands
    )
    return replace(top, commands=tuple(commands))
