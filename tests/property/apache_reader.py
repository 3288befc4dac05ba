"""A small reader of Apache configuration for tests: lines, sections and arguments, written without a look at the renderer."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Directive:
    """One directive: the sections around it, its name, its arguments as Apache would hand them to a module."""

    sections: tuple[str, ...]
    name: str
    arguments: tuple[str, ...]


def read(text: str) -> list[Directive]:
    """Read a file; AssertionError where sections do not pair up, a quote stays open or a line would go on."""
    found: list[Directive] = []
    stack: list[str] = []
    for line in logical_lines(text):
        if line.startswith("</"):
            assert line == f"</{stack.pop().split()[0]}>", line
            continue
        section = line.startswith("<")
        if section:
            assert line.endswith(">"), line
        name, _, rest = (line[1:-1] if section else line).partition(" ")
        found.append(Directive(tuple(stack), f"<{name}>" if section else name, arguments(rest)))
        if section:
            stack.append(f"{name} {rest}")
    assert not stack, stack
    return found


def logical_lines(text: str) -> list[str]:
    """Return the lines that count, without indentation."""
    lines = [line.strip(" \t") for line in text.split("\n")]
    assert not any(line.endswith("\\") for line in lines), "a line goes on in the next one"
    counted = [line for line in lines if line and not line.startswith("#")]
    assert not any("${" in line for line in counted), "a variable would be replaced"
    return counted


def arguments(text: str) -> tuple[str, ...]:
    """Split as ap_getword_conf does: blanks between, either quote around, a backslash before itself or the quote is dropped."""
    out: list[str] = []
    rest = text.strip(" ")
    while rest:
        if rest[0] in "\"'":
            word, rest = _quoted(rest)
        else:
            word, _, rest = rest.partition(" ")
        out.append(word)
        rest = rest.lstrip(" ")
    return tuple(out)


def _quoted(text: str) -> tuple[str, str]:
    quote, word, at = text[0], "", 1
    while text[at : at + 1] != quote:
        assert at < len(text), f"open quote: {text}"
        if text[at] == "\\" and text[at + 1 : at + 2] in ("\\", quote):
            at += 1
        word += text[at]
        at += 1
    return word, text[at + 1 :]


def directory_name(name: str) -> str:
    """Return the folder a <Directory> name stands for: without wildcards as written, else by apr_fnmatch's classes and escapes."""
    if not re.search(r"[*?]|\[[^]]*\]", name):
        return name
    return re.sub(r"\[(.)\]|\\(.)", lambda match: match[1] or match[2], name)


def header_value(value: str) -> str:
    """Return what a Header format sends: `%%` is a percent sign, a backslash escapes itself; nothing else may be special."""
    assert not value.startswith("expr="), value
    assert re.fullmatch(r"(?:[^%\\]|%%|\\\\)*", value), value
    return value.replace("%%", "%").replace("\\\\", "\\")
