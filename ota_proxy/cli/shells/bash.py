"""Completion for bash from 3.2 on, without the package bash-completion."""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.cli.shells.tree import Command, Value

_HEAD = """\
# Completion of ota-proxy for bash, made by `ota-proxy completion bash`.

_ota_proxy_grammar() {
    # Sets what may come after the command $1: commands, flags, flags that take a value, kind of each argument.
    commands="" flags="" takes="" arguments=()
    case "$1" in
"""
_VALUES = """\
    esac
}

_ota_proxy_value() {
    # Sets kind: what the value of the flag $2 of the command $1 may be.
    kind="text"
    case "$1 $2" in
"""
_TAIL = """\
    esac
}

_ota_proxy_reply() {
    # Adds what fits to COMPREPLY; $1 is a kind: file, folder, text, or words:a b c.
    local line
    case "$1" in
        file) type compopt &>/dev/null && compopt -o filenames ;;
        folder) type compopt &>/dev/null && compopt -o filenames ;;
    esac
    while IFS= read -r line; do
        [[ -n $line ]] && COMPREPLY+=("$line")
    done < <(
        case "$1" in
            file) compgen -f -- "$2" ;;
            folder) compgen -d -- "$2" ;;
            words:*) compgen -W "${1#words:}" -- "$2" ;;
        esac
    )
}

_ota_proxy() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD - 1]}"
    local path="" word expects="" place=0 i commands flags takes kind
    local -a arguments
    COMPREPLY=()
    if [[ $cur == "=" ]]; then
        cur=""
    elif [[ $prev == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD - 2]}"
    fi
    _ota_proxy_grammar "$path"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if [[ $word == "=" ]]; then
            expects=1
        elif [[ -n $expects ]]; then
            expects=""
        elif [[ $word == -* ]]; then
            [[ " $takes " == *" $word "* && ${COMP_WORDS[i + 1]} != "=" ]] && expects=1
        elif [[ $place == 0 && " $commands " == *" $word "* ]]; then
            path="${path:+$path }$word"
            _ota_proxy_grammar "$path"
        else
            place=$((place + 1))
        fi
    done
    if [[ " $takes " == *" $prev "* ]]; then
        _ota_proxy_value "$path" "$prev"
        _ota_proxy_reply "$kind" "$cur"
    elif [[ $cur == -* ]]; then
        _ota_proxy_reply "words:$flags" "$cur"
    elif [[ -n $commands ]]; then
        _ota_proxy_reply "words:$commands" "$cur"
    elif [[ ${#arguments[@]} -gt 0 ]]; then
        [[ $place -ge ${#arguments[@]} ]] && place=$((${#arguments[@]} - 1))
        _ota_proxy_reply "${arguments[place]}" "$cur"
    fi
}

complete -F _ota_proxy ota-proxy
"""


def render(top: Command) -> str:
    """Return the script."""
    commands = list(top.walk())
    rows = [row for command in commands for row in _grammar(command)]
    values = [row for command in commands for row in _values(command)]
    return _HEAD + "\n".join(rows) + "\n" + _VALUES + "\n".join(values) + "\n" + _TAIL


def _grammar(command: Command) -> Iterator[str]:
    flags = " ".join(name for flag in command.flags for name in flag.names)
    takes = " ".join(name for flag in command.flags if flag.value.kind != "none" for name in flag.names)
    arguments = [_kind(one) for one in command.arguments]
    if arguments and not command.arguments[-1].many:
        arguments.append("text")  # nothing more to say after the last
    yield f'        "{" ".join(command.path)}")'
    yield f'            commands="{" ".join(one.path[-1] for one in command.commands)}"'
    yield f'            flags="{flags}"'
    yield f'            takes="{takes}"'
    yield f"            arguments=({' '.join(f'{chr(34)}{kind}{chr(34)}' for kind in arguments)})"
    yield "            ;;"


def _values(command: Command) -> Iterator[str]:
    for flag in command.flags:
        if flag.value.kind not in ("none", "text"):
            names = " | ".join(f'"{" ".join(command.path)} {name}"' for name in flag.names)
            yield f'        {names}) kind="{_kind(flag.value)}" ;;'


def _kind(value: Value) -> str:
    return f"words:{' '.join(value.choices)}" if value.kind == "words" else value.kind
