"""Completion for zsh: a function a command, each an `_arguments` call. Works as an autoloaded `_ota-proxy` and sourced."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ota_proxy.cli.shells.tree import Command, Flag, Value

_HEAD = """\
#compdef ota-proxy
# Completion of ota-proxy for zsh, made by `ota-proxy completion zsh`.

"""
_TAIL = """\
if [ "$funcstack[1]" = "_ota-proxy" ]; then
    _ota_proxy "$@"
else
    compdef _ota_proxy ota-proxy
fi
"""
_ACTIONS = {"file": "_files", "folder": "_files -/", "text": " "}


def render(top: Command) -> str:
    """Return the script."""
    functions = ["\n".join(_function(command)) for command in top.walk()]
    return _HEAD + "\n\n".join(functions) + "\n\n" + _TAIL


def _name(path: tuple[str, ...]) -> str:
    return "_".join(("_ota_proxy", *path))


def _function(command: Command) -> Iterator[str]:
    flags = [spec for flag in command.flags for spec in _flag(flag)]
    yield f"{_name(command.path)}() {{"
    if command.commands:
        yield from _choice(command, flags)
    else:
        rows = [*flags, *(_argument(number, one) for number, one in enumerate(command.arguments, 1))]
        yield "    _arguments -S \\"
        yield " \\\n".join(f"        {row}" for row in rows)
    yield "}"


def _choice(command: Command, flags: list[str]) -> Iterator[str]:
    """Offer the commands below, and hand over to the one that is there."""
    yield '    local curcontext="$curcontext" state line'
    yield "    typeset -A opt_args"
    yield "    local -a below"
    yield "    below=("
    yield from (f"        {_quoted(f'{one.path[-1]}:{_plain(one.help)}')}" for one in command.commands)
    yield "    )"
    rows = [*flags, "'1: :->command'", "'*:: :->rest'"]
    yield "    _arguments -C \\"
    yield " \\\n".join(f"        {row}" for row in rows)
    yield '    case "$state" in'
    yield "        command) _describe -t commands command below ;;"
    yield "        rest)"
    yield '            case "$line[1]" in'
    yield from (f"                {one.path[-1]}) {_name(one.path)} ;;" for one in command.commands)
    yield "            esac"
    yield "            ;;"
    yield "    esac"


def _flag(flag: Flag) -> Iterator[str]:
    """Yield one specification a name; a name rules the others out unless it may be repeated."""
    value = flag.value
    for name in flag.names:
        others = "*" if value.many else f"({' '.join(flag.names)})"
        takes = "=" if value.kind != "none" and name.startswith("--") else ""
        tail = "" if value.kind == "none" else f":{_plain(value.name)}:{_action(value)}"
        yield _quoted(f"{others}{name}{takes}[{_plain(value.help)}]{tail}")


def _argument(number: int, value: Value) -> str:
    place = "*" if value.many else str(number)
    return _quoted(f"{place}:{_plain(value.name)}:{_action(value)}")


def _action(value: Value) -> str:
    return f"({' '.join(value.choices)})" if value.kind == "words" else _ACTIONS[value.kind]


def _plain(text: str) -> str:
    """Escape what `_arguments` and `_describe` read as their own signs."""
    return re.sub(r"([\\:\[\]])", r"\\\1", text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
