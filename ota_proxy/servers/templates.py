"""Templates of the three servers: quoted text only, boxed titles, notes numbered in reading order, indentation by structure.

Each server's module turns raw values into `Quoted` tokens of that server's grammar; the Jinja environment refuses to print
anything else, so a template that forgets to quote fails in every test instead of on somebody's server.

Rendered in the style of a file, a template writes a section, and a note where a line needs it; numbers, list and box come from here:

    {% call section("The site", "A sentence below the title.") %}
    server {
    listen 443 ssl; {{ note("Why this line is as it is.") }}
    }
    {% endcall %}
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING

import jinja2

from ota_proxy import resources
from ota_proxy.servers.rendered import comment_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_WIDTH = 96  # columns of a comment, without the indentation of its section
_BOX = 72


class Quoted(str):
    """Text that is already a token (or a comment line) of its server's grammar. Never call it on a raw value outside a quoting function."""

    __slots__ = ()


class UnquotedTextError(TypeError):
    """A template printed a value that no quoting function has seen: a bug in ota-proxy, never the user's fault."""


def _only_quoted(value: object) -> object:
    if isinstance(value, (Quoted, bool, int)):
        return value
    raise UnquotedTextError(f"a template prints unquoted {type(value).__name__} {value!r}")


def _joined(pieces: Iterable[str]) -> Quoted:
    """Join pieces of a template, or of a macro in it: its own text, and what `_only_quoted` has let through."""
    return Quoted("".join(pieces))


class _Environment(jinja2.Environment):
    concat = staticmethod(_joined)  # so that what a macro returns can be printed


@cache
def environment() -> jinja2.Environment:
    """Return the one Jinja environment: strict, no autoescape, and printing nothing but `Quoted` text and integers."""
    return _Environment(
        loader=jinja2.FunctionLoader(resources.template_source),
        undefined=jinja2.StrictUndefined,
        finalize=_only_quoted,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # configuration files, not HTML; finalize above is stricter than escaping
    )


@dataclass(frozen=True, slots=True)
class Style:
    """How a kind of file writes comments and nests lines.

    A comment has a beginning for its first line, one for every further line, and an end; `rule` draws the lines of a box. `opens`
    is searched in a line that begins a level of indentation, of `step` spaces, `closes` in one that ends it.
    """

    comment: tuple[str, str, str]
    rule: str
    opens: re.Pattern[str]
    closes: re.Pattern[str]
    step: int

    def commented(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield lines as one comment."""
        first, further, end = self.comment
        for number, line in enumerate(lines):
            yield ((further if number else first) + line).rstrip()
        if end:
            yield end

    def mark(self, numbers: Iterable[int]) -> str:
        """Return the comment that names notes, such as `# (1) (2)`."""
        text = " ".join(f"({number})" for number in numbers)
        first, _, end = self.comment
        return f"{first}{text} {end}" if end else f"{first}{text}"


NGINX = Style(("# ", "# ", ""), "-", re.compile(r"\{(?: # [^\";]*)?$"), re.compile(r"^\}"), 4)
APACHE = Style(("# ", "# ", ""), "-", re.compile(r"^<(?!/)"), re.compile(r"^</"), 4)
XML = Style(("<!-- ", "     ", "-->"), "=", re.compile(r"^<(?![/!?])(?!.*(?:/>|</[^>]*>)$)"), re.compile(r"^</"), 2)
POWERSHELL = Style(("# ", "# ", ""), "-", re.compile(r"[{(]$"), re.compile(r"^[})]"), 4)


class Page:
    """The comments of one file while it is rendered. Numbers count from one in every outermost section."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._numbers: dict[str, int] = {}
        self._open: list[list[str]] = []

    def section(self, title: str, text: str = "", caller: Callable[[], str] | None = None) -> Quoted:
        """Return a boxed title, a text below it, the notes that the lines of the section use, and these lines.

        A section inside another goes on with its numbers, and lists only what was not said before. One without lines is nothing.
        """
        if not self._open:
            self._numbers.clear()
        self._open.append([])
        body = caller() if caller else ""
        notes = [(self._numbers[note], note) for note in self._open.pop()]
        if not body.strip():
            return Quoted("")
        return Quoted("\n".join([*self._style.commented(self._comment(title, text, notes)), "", body.lstrip("\n")]))

    def note(self, *texts: str) -> Quoted:
        """Return the comment that refers to these notes of the section; the same text has the same number."""
        for text in texts:
            if text not in self._numbers:
                self._numbers[text] = len(self._numbers) + 1
                self._open[-1].append(text)
        return Quoted(self._style.mark(self._numbers[text] for text in texts))

    def _comment(self, title: str, text: str, notes: Iterable[tuple[int, str]]) -> Iterator[str]:
        rule = self._style.rule * _BOX
        yield from (rule, f"| {title:<{_BOX - 4}} |", rule)
        for paragraph in filter(None, text.split("\n\n")):
            yield from ("", *wrapped(paragraph))
        for place, (number, note) in enumerate(notes):
            begin = f"({number}) "
            yield from ([] if place else [""])
            yield from wrapped(note, begin)


def wrapped(text: str, begin: str = "") -> list[str]:
    """Return a text of the templates as lines of a comment, the further ones below the end of `begin`."""
    plain = comment_text(" ".join(text.split()))
    return textwrap.wrap(
        plain,
        _WIDTH,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )


def indented(text: str, style: Style) -> str:
    """Indent lines by the structure of the file, whatever their template did; one empty line at most, none at a section's edge.

    A comment over several lines, as XML has it, is moved as a whole.
    """
    out: list[str] = []
    depth, comment, shift = 0, False, 0
    for raw in text.splitlines():
        line = raw.strip()
        if comment:
            out.append((" " * max(0, depth * style.step - shift + len(raw) - len(raw.lstrip())) + line).rstrip())
            comment = not line.endswith("-->")
            continue
        if not line:
            out += [""] if out and out[-1] and not style.opens.search(out[-1].strip()) else []
            continue
        if style.closes.search(line):
            depth -= 1
            out = out if out[-1] else out[:-1]
        out.append(" " * style.step * depth + line)
        comment, shift = line.startswith("<!--") and "-->" not in line, len(raw) - len(raw.lstrip())
        depth += bool(not line.startswith("#") and style.opens.search(line))
    return "\n".join(out).rstrip("\n") + "\n"


def variables(view: DataclassInstance) -> dict[str, object]:
    """Return the fields of a server's view as the variables of its templates."""
    return {field.name: getattr(view, field.name) for field in fields(view)}


def render_template(name: str, view: Mapping[str, object], style: Style | None = None) -> Quoted:
    """Render `templates/<name>` with a view whose texts are all `Quoted`; with a style it has `section` and `note`, and is indented."""
    template = environment().get_template(name)
    if style is None:
        return Quoted(template.render(view))
    page = Page(style)
    return Quoted(indented(template.render(view, section=page.section, note=page.note), style))
