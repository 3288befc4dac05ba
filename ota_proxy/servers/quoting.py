"""Quoted text: the only text that may reach a template.

Each server's module turns raw values into `Quoted` tokens of that server's grammar; the Jinja environment refuses to print
anything else, so a template that forgets to quote fails in every test instead of on somebody's server.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import jinja2

from ota_proxy import resources


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


def render_template(name: str, view: dict[str, object]) -> str:
    """Render `templates/<name>` with a view whose texts are all `Quoted`."""
    return environment().get_template(name).render(view)
