"""Strings with braces, as rules write them: server variables, back references, rewrite maps and functions.

Source: URL Rewrite configuration reference, "Using server variables", "back-references", "String functions", "Rewrite maps".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, unquote

from ota_proxy.iis_emulator.ecma import Groups
from ota_proxy.iis_emulator.refused import UnmodelledError
from ota_proxy.iis_emulator.variables import check_name

_HIGHEST = 9
"""Back references are {R:0} to {R:9}; {C:n} goes on where all captures are tracked."""


@dataclass(frozen=True, slots=True)
class RewriteMap:
    """A map by name: keys are compared without case unless it says otherwise; `default` stands for every other key."""

    entries: Mapping[str, str]
    default: str = ""
    ignore_case: bool = True

    def look_up(self, key: str) -> str:
        """Return the value of a key."""
        if not self.ignore_case:
            return self.entries.get(key, self.default)
        wanted = key.lower()
        return next((value for name, value in self.entries.items() if name.lower() == wanted), self.default)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a string may refer to while it is expanded."""

    variable: Callable[[str], str]
    rule: Groups
    conditions: Groups
    maps: Mapping[str, RewriteMap]


Part = Callable[[Scope], str]


@dataclass(frozen=True, slots=True)
class Template:
    """A string in parts; `text` is how it was written."""

    text: str
    parts: tuple[Part, ...]

    def expand(self, scope: Scope) -> str:
        """Return the string with everything filled in."""
        return "".join(part(scope) for part in self.parts)


def template(text: str, maps: Collection[str], where: str) -> Template:
    """Read a string; UnmodelledError for a brace, name or function whose meaning is not documented."""
    reader = _Reader(text, {name.lower(): name for name in maps}, where)
    parts = reader.parts(inside=False)
    return Template(text, parts)


class _Reader:
    def __init__(self, text: str, maps: Mapping[str, str], where: str) -> None:
        self.text, self.maps, self.where, self.at = text, maps, where, 0

    def parts(self, *, inside: bool) -> tuple[Part, ...]:
        found: list[Part] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "}":
                if inside:
                    return tuple(found)
                raise self._bad("a closing brace without its opening one")
            found.append(self._reference() if char == "{" else self._literal())
        if inside:
            raise self._bad("an opening brace without its closing one")
        return tuple(found)

    def _literal(self) -> Part:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in "{}":
            self.at += 1
        literal = self.text[start : self.at]
        return lambda _: literal

    def _reference(self) -> Part:
        self.at += 1
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ":{}":
            self.at += 1
        name, sign = self.text[start : self.at], self.text[self.at : self.at + 1]
        self.at += 1
        if sign == "}":
            return self._variable(name)
        if sign != ":":
            raise self._bad("braces that are not closed, or nested without a function")
        argument = self.parts(inside=True)
        self.at += 1
        return self._called(name, argument, self.text[start + len(name) + 1 : self.at - 1])

    def _variable(self, name: str) -> Part:
        check_name(name, self.where)
        return lambda scope: scope.variable(name)

    def _called(self, name: str, argument: tuple[Part, ...], written: str) -> Part:
        if name in ("R", "C"):
            return self._back_reference(name, written)
        inner = Template(written, argument)
        if name.lower() in _FUNCTIONS:
            change = _FUNCTIONS[name.lower()]
            return lambda scope: change(inner.expand(scope))
        if name.lower() not in self.maps:
            raise self._bad(f"{{{name}:…}}, which is neither a function nor a rewrite map that is defined")
        known = self.maps[name.lower()]
        return lambda scope: scope.maps[known].look_up(inner.expand(scope))

    def _back_reference(self, name: str, written: str) -> Part:
        if not (written.isascii() and written.isdigit() and len(written) < 4) or (
            name == "R" and int(written) > _HIGHEST
        ):
            raise self._bad(f"{{{name}:{written}}}, which is not a back reference")
        number = int(written)

        def value(scope: Scope) -> str:
            groups = scope.rule if name == "R" else scope.conditions
            return (groups[number] or "") if number < len(groups) else ""

        return value

    def _bad(self, why: str) -> UnmodelledError:
        return UnmodelledError(
            f"'{self.text}' of {self.where}", why=f"it has {why}; what IIS does then is not documented"
        )


def url_encode(text: str) -> str:
    """Return the text percent-encoded as UTF-8, all but letters, digits and `-._~`."""
    return quote(text, safe="", errors="surrogateescape")


def _url_decode(text: str) -> str:
    return unquote(text, errors="replace")


_FUNCTIONS: Mapping[str, Callable[[str], str]] = {
    "tolower": str.lower,
    "urlencode": url_encode,
    "urldecode": _url_decode,
    "htmlencode": escape,
}
