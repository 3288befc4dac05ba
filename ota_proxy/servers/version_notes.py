"""What a rendering lacks because of the server's version: what that version cannot enforce, or what naming one would add."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.result import Note


def version_notes(caps: Capabilities, features: Iterable[str]) -> Iterator[Note]:
    """Yield a note for each of these features that is not there and makes a difference."""
    for feature in features:
        if caps.has(feature):
            continue
        if feature in caps.unnamed:
            yield from (Note("would-add", text) for text in (caps.unnamed[feature],) if text)
        elif text := caps.cannot(feature):
            yield Note("cannot-enforce", text)
