"""Completion for fish: a `complete` line for each command, flag and choice."""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.cli.shells.tree import Command, Flag, Value

_HEAD = """\
# Completion of ota-proxy for fish, made by `ota-proxy completion fish`.

function __ota_proxy_at --description 'the command line begins with ota-proxy and these words'
    set -l words (commandline -opc)
    test (count $words) -gt (count $argv); or return 1
    set -l last (math (count $argv) + 1)
    test $last -eq 1; or test "$words[2..$last]" = "$argv"
end

function __ota_proxy_next --description 'and the next word is the one that is typed'
    set -l words (commandline -opc)
    __ota_proxy_at $argv; and test (count $words) -eq (math (count $argv) + 1)
end

complete -c ota-proxy -f
"""
_VALUES = {"file": " -r -F", "folder": " -x -a '(__fish_complete_directories)'", "text": " -x", "none": ""}


def render(top: Command) -> str:
    """Return the script."""
    return _HEAD + "\n".join(line for command in top.walk() for line in _command(command)) + "\n"


def _command(command: Command) -> Iterator[str]:
    at = " ".join(command.path)
    for below in command.commands:
        yield f"complete -c ota-proxy -n '__ota_proxy_next {at}' -a {below.path[-1]} -d {_quoted(below.help)}"
    condition = f"__ota_proxy_next {at}" if command.commands else f"__ota_proxy_at {at}"
    for flag in command.flags:
        yield f"complete -c ota-proxy -n '{condition}'{_names(flag)}{_takes(flag.value)} -d {_quoted(flag.value.help)}"
    for value in command.arguments:
        yield from _argument(at, value)


def _names(flag: Flag) -> str:
    return "".join(f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in flag.names)


def _takes(value: Value) -> str:
    return f" -x -a {_quoted(' '.join(value.choices))}" if value.kind == "words" else _VALUES[value.kind]


def _argument(at: str, value: Value) -> Iterator[str]:
    if value.kind == "words":
        yield f"complete -c ota-proxy -n '__ota_proxy_next {at}' -a {_quoted(' '.join(value.choices))}"
    elif value.kind in ("file", "folder"):
        yield f"complete -c ota-proxy -n '__ota_proxy_at {at}'{_VALUES[value.kind].replace(' -r', '')}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
