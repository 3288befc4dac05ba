"""Edits of a rendered nginx configuration, made in its parsed tree: what they change is found by meaning, however the text is laid out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import crossplane

Edit = Callable[[str], str]
Directive = dict[str, Any]
Block = list[Directive]
_REPEATED = ("if", "set", "add_header", "return", "rewrite", "location")
"""Directives that stand beside others of their name; any other takes the place of the one that is there."""


def parsed(text: str) -> Block:
    """Parse a configuration, or a piece of one."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        payload = crossplane.parse(file.name, single=True, check_ctx=False, check_args=False)
    assert payload["status"] == "ok", payload["errors"]
    block: Block = payload["config"][0]["parsed"]
    return block


def every(block: Block) -> Iterator[Directive]:
    """Yield every directive, those inside others too."""
    for directive in block:
        yield directive
        yield from every(directive.get("block", []))


def named(block: Block, name: str, *args: str) -> list[Directive]:
    """Return the directives of this name whose first arguments are these."""
    return [one for one in every(block) if one["directive"] == name and one["args"][: len(args)] == list(args)]


def changed(change: Callable[[Block], None]) -> Edit:
    """Return an edit that must change something: a fault that changes nothing would prove nothing."""

    def edit(text: str) -> str:
        before, tree = parsed(text), parsed(text)
        change(tree)
        assert tree != before, "the edit changes nothing"
        built: str = crossplane.build(tree)
        return built + "\n"

    return edit


def into(wanted: Callable[[Block], list[Block]], lines: str) -> Edit:
    """Return an edit that puts lines before what stands in some blocks."""

    def change(tree: Block) -> None:
        blocks = wanted(tree)
        assert blocks
        for block in blocks:
            block[:0] = parsed(lines)

    return changed(change)


# -- where something stands ------------------------------------------------------------------------------------------


def _servers(tree: Block) -> list[Block]:
    return [one["block"] for one in named(tree, "server") if "block" in one]


def _with_tls(tree: Block) -> list[Block]:
    return [block for block in _servers(tree) if any("ssl" in one["args"] for one in named(block, "listen"))]


def _sites(tree: Block) -> list[Block]:
    return [block for block in _servers(tree) if named(block, "location", "^~", "/")]


def _ports(tree: Block) -> list[Block]:
    return [
        block for block in _with_tls(tree) if any("default_server" in one["args"] for one in named(block, "listen"))
    ]


def _folders(tree: Block) -> list[Block]:
    return [one["block"] for one in named(tree, "location", "^~", "/")]


def _redirects(tree: Block) -> list[Directive]:
    return [one for block in _servers(tree) if block not in _with_tls(tree) for one in named(block, "location", "/")]


def site(lines: str) -> Edit:
    """Return an edit of the site's own server."""
    return into(_sites, lines)


def tls(lines: str) -> Edit:
    """Return an edit of every server with TLS."""
    return into(_with_tls, lines)


def port(lines: str, *, without: tuple[str, ...] = ()) -> Edit:
    """Return an edit of the default server of the TLS port, which loses the directives of these names."""

    def change(tree: Block) -> None:
        for block in _ports(tree):
            block[:] = parsed(lines) + [one for one in block if one["directive"] not in without]

    return changed(change)


def folder(lines: str) -> Edit:
    """Return an edit of the folder at `/`; a location there goes before the others."""
    return into(_folders, lines)


def plain(lines: str) -> Edit:
    """Return an edit that lets the plain port do this in place of the redirect."""

    def change(tree: Block) -> None:
        for location in _redirects(tree):
            location["block"] = parsed(lines)

    return changed(change)


def files(extension: str, lines: str) -> Edit:
    """Return an edit that gives files of one extension a location of their own: these lines, and what the location for them has else."""
    own = parsed(lines)
    replaced = {one["directive"] for one in own} - {*_REPEATED}
    if "default_type" in replaced:
        replaced.add("types")

    def change(tree: Block) -> None:
        for block in _folders(tree):
            (place,) = (number for number, one in enumerate(block) if _serves(one, extension))
            rest = [one for one in block[place]["block"] if one["directive"] not in replaced]
            args = ["~*", rf"\.{extension}$"]
            block.insert(place, {**block[place], "args": args, "block": deepcopy(own) + deepcopy(rest)})

    return changed(change)


def _serves(location: Directive, extension: str) -> bool:
    types = [row for one in location.get("block", []) if one["directive"] == "types" for row in one["block"]]
    return location["directive"] == "location" and any(extension in row["args"] for row in types)


def cached(extension: str, value: str) -> Edit:
    """Return an edit that gives files of one extension this Cache-Control."""

    def change(tree: Block) -> None:
        for rules in named(tree, "map", "$uri:$status"):
            rules["block"].insert(0, {**rules["block"][0], "directive": rf"~*\.{extension}:\d+$", "args": [value]})

    return changed(change)


# -- single directives -----------------------------------------------------------------------------------------------


def value(name: str, *args: str) -> Edit:
    """Return an edit of the arguments of every directive of this name."""

    def change(tree: Block) -> None:
        for directive in named(tree, name):
            directive["args"] = list(args)

    return changed(change)


def argument(name: str, first: str, new: str) -> Edit:
    """Return an edit of the second argument of directives that begin with this one, such as a header's value."""

    def change(tree: Block) -> None:
        for directive in named(tree, name, first):
            directive["args"][1] = new

    return changed(change)


def without_word(name: str, *words: str, of: str = "") -> Edit:
    """Return an edit that takes words away from every directive of this name, or from those whose first argument is `of`."""

    def change(tree: Block) -> None:
        for directive in named(tree, name, *filter(None, [of])):
            directive["args"] = [word for word in directive["args"] if word not in words]

    return changed(change)


def renamed(name: str, new: str) -> Edit:
    """Return an edit of a directive's name."""

    def change(tree: Block) -> None:
        for directive in named(tree, name):
            directive["directive"] = new

    return changed(change)


def without(name: str, *args: str) -> Edit:
    """Return an edit that takes these directives away, wherever they stand."""

    def prune(block: Block) -> None:
        block[:] = [one for one in block if not (one["directive"] == name and one["args"][: len(args)] == list(args))]
        for one in block:
            prune(one.get("block", []))

    return changed(prune)
