"""Reads PowerShell as far as tests need it: code and string literals apart, comments dropped; knows nothing of how ota-proxy writes it."""

from __future__ import annotations

_SINGLE = "'\u2018\u2019\u201a\u201b"
_DOUBLE = '"\u201c\u201d\u201e'
_BEFORE_COMMENT = " \t\r\n(){};,|&@=" + _SINGLE + _DOUBLE


def read(text: str) -> tuple[str, list[str]]:
    """Return the code without blank lines, with a mark for each string, and the texts of all single-quoted strings in their order."""
    code: list[str] = []
    strings: list[str] = []
    place = 0
    while place < len(text):
        char = text[place]
        if char in _SINGLE:
            place, value = _single(text, place + 1)
            strings.append(value)
            code.append("<string>")
        elif char in _DOUBLE:
            end = _double(text, place + 1)
            code.append(text[place:end])
            place = end
        elif char == "#" and (not code or code[-1][-1] in _BEFORE_COMMENT) and not text.startswith("#Requires", place):
            place = _line_end(text, place)
        else:
            code.append(char)
            place += 1
    return "\n".join(line for line in "".join(code).split("\n") if line.strip()), strings


def _single(text: str, place: int) -> tuple[int, str]:
    value = ""
    while True:
        char = text[place]  # IndexError: the string never ends
        if char in _SINGLE:
            if text[place + 1 : place + 2] and text[place + 1] in _SINGLE:
                value += char
                place += 2
                continue
            return place + 1, value
        value += char
        place += 1


def _double(text: str, place: int) -> int:
    while text[place] not in _DOUBLE:
        place += 2 if text[place] == "`" else 1
    return place + 1


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end
