"""What the tests of nginx's syntax share: a file put together again from what its reader found, and names and arguments as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from ota_proxy.servers.nginx.syntax import Comment, Directive, Document, Item

Plain: TypeAlias = list[tuple[str, tuple[str, ...], "Plain | None"]]


def pieces(items: tuple[Item, ...]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of every token below some items, in the order of the file."""
    for item in items:
        if isinstance(item, Comment):
            yield item.start, item.end
            continue
        head = [(word.start, word.end) for word in item.words] + [(one.start, one.end) for one in item.comments]
        yield from sorted(head)
        if item.block is None:
            yield item.end - 1, item.end
        elif item.block.items or item.words[0].text.endswith("_by_lua_block") is False:
            yield item.block.start, item.block.start + 1
            yield from pieces(item.block.items)
            yield item.block.end - 1, item.block.end
        else:
            yield item.block.start, item.block.end


def put_together(document: Document) -> bytes:
    """Return the bytes of all tokens with what lies between them, which must be blanks."""
    data, at, found = document.source.data, document.source.bom, [document.source.data[: document.source.bom]]
    for start, end in pieces(document.items):
        assert start >= at, "tokens overlap"
        assert not data[at:start].strip(b" \t\r\n"), f"{data[at:start]!r} stands in no token"
        found += [data[at:start], data[start:end]]
        at = end
    assert not data[at:].strip(b" \t\r\n"), f"{data[at:]!r} stands in no token"
    return b"".join([*found, data[at:]])


def plain(items: tuple[Item, ...]) -> Plain:
    """Return names, arguments and blocks."""
    return [
        (one.name, one.args, plain(one.block.items) if one.block else None)
        for one in items
        if isinstance(one, Directive)
    ]
