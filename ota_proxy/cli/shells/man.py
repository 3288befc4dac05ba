"""The man page ota-proxy(1) in the man macros that groff and mandoc share: every command with its flags and examples. No date: same bytes each time."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from ota_proxy import __version__
from ota_proxy.cli.shells.tree import Command, Flag, Value

_WIDTH = 64
"""Characters of a source line before hyphens and signs are escaped."""
_EXIT = {
    "0": "clean",
    "1": "findings at or above --fail-on, or drift",
    "2": "usage or configuration",
    "3": "no verdict",
    "70": "a bug in ota-proxy",
    "130": "interrupted",
}
_ENVIRONMENT = {
    "OTA_PROXY_…": "every key of the site file, such as OTA_PROXY_DOMAINS; `ota-proxy config show` names where a value came from",
    "OTA_PROXY_SITE": "the site file, where --site does not name one",
    "NO_COLOR": "set and not empty: no colours",
    "FORCE_COLOR, CLICOLOR_FORCE": "set and neither empty nor 0: colours even without a terminal",
    "CLICOLOR": "0: no colours",
    "COLUMNS": "width of help pages and, on a terminal, of reports",
    "GITHUB_STEP_SUMMARY": "the file that --format github adds its summary to",
}
_FILES = {
    "ota-proxy.toml, pyproject.toml": "the site, the nearest upwards; the table is [tool.ota-proxy] in the latter"
}


def render(top: Command) -> str:
    """Return the page."""
    return "\n".join(_page(top)) + "\n"


def _page(top: Command) -> Iterator[str]:
    headline, _, _ = top.description.partition("\n")
    yield f'.TH OTA\\-PROXY 1 "" "ota\\-proxy {_text(__version__)}" "User Commands"'
    yield from (".SH NAME", "ota\\-proxy \\- prove and check web servers that install iOS apps")
    yield ".SH SYNOPSIS"
    for number, command in enumerate(top.commands):
        yield from ([".br"] if number else [])
        yield f"\\fBota\\-proxy {_text(command.path[-1])}\\fR {_text(_short(command))}"
    yield from (".SH DESCRIPTION", _filled(headline))
    yield ".SH COMMANDS"
    for command in top.walk():
        if command.path:
            yield from _command(command)
    for title, rows in (("EXIT STATUS", _EXIT), ("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        yield f".SH {title}"
        for name, text in rows.items():
            yield from (".TP", f"\\fB{_text(name)}\\fR", _filled(text))


def _short(command: Command) -> str:
    """Return the arguments and one word for the flags; the whole usage is longer than a line."""
    if command.commands:
        return "|".join(one.path[-1] for one in command.commands)
    arguments = map(_shown, command.arguments)
    return " ".join([*arguments, "[flags]"])


def _shown(value: Value) -> str:
    """Return an argument as in a synopsis: choices instead of the name, brackets around what may be left out."""
    name = "|".join(value.choices) or value.name
    dots = " ..." * value.many
    return f"[{name}]{dots}" if value.optional else f"{name}{dots}"


def _command(command: Command) -> Iterator[str]:
    yield f".SS ota\\-proxy {_text(' '.join(command.path))}"
    yield from _description(command.description)
    for flag in command.flags:
        if flag.names != ("-h", "--help"):
            yield from (".TP", _names(flag), _filled(flag.value.help or f"one of: {', '.join(flag.value.choices)}"))
    for value in command.arguments:
        if value.help:
            yield from (".TP", f"\\fI{_text(value.name)}\\fR", _filled(value.help))


def _description(text: str) -> Iterator[str]:
    """Sentences as paragraphs, indented lines as they are."""
    for number, block in enumerate(re.split(r"\n\s*\n", text.strip())):
        lines = block.splitlines()
        kept = all(line.startswith(" ") for line in lines)
        if kept:
            yield from (".PP", ".nf", *map(_line, lines), ".fi")
        else:
            yield from ([".PP"] if number else [])  # the first stands right below its heading
            yield from map(_filled, lines)


def _names(flag: Flag) -> str:
    value = flag.value
    shown = (
        ""
        if value.kind == "none"
        else f" \\fI{_text(value.name if not value.choices else '|'.join(value.choices))}\\fR"
    )
    return ", ".join(f"\\fB{_text(name)}\\fR" for name in flag.names) + shown


def _filled(text: str) -> str:
    """Return running text in source lines of a usual length."""
    return "\n".join(map(_line, textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)))


def _line(text: str) -> str:
    """Return a line of text that cannot be a request."""
    shown = _text(text)
    return f"\\&{shown}" if shown.startswith((".", "'", " ")) else shown


def _text(text: str) -> str:
    """Escape backslashes, and hyphens so that they can be copied; other signs become their roff names."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "".join(char if ord(char) < 128 else f"\\[u{ord(char):04X}]" for char in text).replace("`", "\\(ga")
