"""Completion for PowerShell 5.1 and later; for files it leaves the work to PowerShell's own completion."""

from __future__ import annotations

from collections.abc import Iterable

from ota_proxy.cli.shells.tree import Command

_HEAD = """\
# Completion of ota-proxy for PowerShell, made by `ota-proxy completion powershell`.

Register-ArgumentCompleter -Native -CommandName 'ota-proxy' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $grammar = @{
"""
_TAIL = """\
    }
    $before = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
    $path = ''
    foreach ($word in @($before | Select-Object -Skip 1)) {
        $next = "$path $word".Trim()
        if (-not $grammar.ContainsKey($next)) { break }
        $path = $next
    }
    $here = $grammar[$path]
    $last = if ($before.Count -gt 1) { $before[-1] } else { '' }
    if ($here.Takes.ContainsKey($last)) { $words = $here.Takes[$last] }
    elseif ($wordToComplete -like '-*') { $words = $here.Flags }
    else { $words = $here.Words }
    $words | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
"""


def render(top: Command) -> str:
    """Return the script."""
    return _HEAD + "".join(map(_entry, top.walk())) + _TAIL


def _entry(command: Command) -> str:
    words = [one.path[-1] for one in command.commands] or [word for one in command.arguments for word in one.choices]
    flags = [name for flag in command.flags for name in flag.names]
    values = {name: flag.value.choices for flag in command.flags if flag.value.kind != "none" for name in flag.names}
    pairs = "; ".join(f"{_quoted(name)} = {_array(choices)}" for name, choices in values.items())
    return (
        f"        {_quoted(' '.join(command.path))} = @{{\n"
        f"            Words = {_array(words)}\n"
        f"            Flags = {_array(flags)}\n"
        f"            Takes = @{{ {pairs} }}\n"
        "        }\n"
    )


def _array(words: Iterable[str]) -> str:
    return f"@({', '.join(map(_quoted, words))})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
