"""Reads the argparse tree into plain values: commands, their flags and arguments, and what each value may be."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["none", "words", "file", "folder", "text"]
"""What a value is: there is none, one of `choices`, a path, a folder, or any text."""

_FILES = re.compile(r"(?:^|[\]=])(?:FILE|PATH|IPA)$")
_FOLDERS = re.compile(r"(?:^|[\]=])DIR$")
_LISTED = re.compile(r"\{([\w,.-]+)\}")


@dataclass(frozen=True, slots=True)
class Value:
    """What a flag or argument takes. `name` is shown to people; `many` says that it may be repeated, `optional` that it may be left out."""

    kind: Kind
    name: str
    choices: tuple[str, ...]
    help: str
    many: bool
    optional: bool


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag with all its names; `value.kind` is `none` for a switch."""

    names: tuple[str, ...]
    value: Value
    group: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command by its path, `()` for the program itself."""

    path: tuple[str, ...]
    help: str
    description: str
    epilog: str
    usage: str
    flags: tuple[Flag, ...]
    arguments: tuple[Value, ...]
    commands: tuple[Command, ...]

    def walk(self) -> Iterator[Command]:
        """Yield this command and everything below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def read(parser: argparse.ArgumentParser, path: tuple[str, ...] = (), help_: str = "") -> Command:
    """Read a parser and everything below it; what argparse hides stays hidden."""
    shown = [one for one in parser._actions if one.help != argparse.SUPPRESS]  # noqa: SLF001 - argparse has no public way to its tree
    groups = {id(action): group.title or "" for group in parser._action_groups for action in group._group_actions}  # noqa: SLF001 - likewise
    inner = [one for one in shown if isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001 - likewise
    return Command(
        path=path,
        help=help_,
        description=parser.description or "",
        epilog=parser.epilog or "",
        usage=" ".join(parser.format_usage().removeprefix("usage: ").split()),
        flags=tuple(
            Flag(tuple(one.option_strings), _value(one), groups[id(one)]) for one in shown if one.option_strings
        ),
        arguments=tuple(_value(one) for one in shown if not one.option_strings and one not in inner),
        commands=tuple(command for one in inner for command in _below(one, path)),
    )


def _below(action: argparse._SubParsersAction[argparse.ArgumentParser], path: tuple[str, ...]) -> Iterator[Command]:
    told = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001 - likewise
    for name, parser in action.choices.items():
        yield read(parser, (*path, name), told.get(name, ""))


def _value(action: argparse.Action) -> Value:
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    listed = _LISTED.fullmatch(metavar)  # a metavar such as {site,full} leaves choices out on purpose
    choices = tuple(listed[1].split(",")) if listed else tuple(map(str, action.choices or ()))
    many = action.nargs in ("*", "+") or isinstance(action, argparse._AppendAction)  # noqa: SLF001 - likewise
    optional = bool(action.option_strings) or action.nargs in ("?", "*")
    return Value(_kind(action, metavar, choices), metavar, choices, _help(action), many, optional)


def _kind(action: argparse.Action, metavar: str, choices: tuple[str, ...]) -> Kind:
    if action.nargs == 0:
        return "none"
    if choices:
        return "words"
    return "file" if _FILES.search(metavar) else "folder" if _FOLDERS.search(metavar) else "text"


def _help(action: argparse.Action) -> str:
    """Return the help with its defaults filled in, as argparse prints it."""
    return (
        (action.help or "") % {**vars(action), "prog": "ota-proxy"}
        if "%(" in (action.help or "")
        else action.help or ""
    )
