"""What a landing page speaks of, found by words in many languages (`page_words.toml`); it names topics and never judges a page."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ota_proxy.policy.tables import table
from ota_proxy.printable import stream_safe

_ALPHABETS = "\u0500"
"""Latin, Greek and Cyrillic letters stand before this code point."""
_MOST_PLACES = 1000
"""Places of one word that are looked at."""


def topics(text: str) -> frozenset[str]:
    """Return the topics (`open-in-safari`, `trust`, `restart`, `developer-mode`) that a text speaks of."""
    plain = " ".join(unicodedata.normalize("NFC", stream_safe(text)).lower().split())
    return frozenset(row.get("topic", name) for name, row in table("page_words").items() if _spoken(plain, row))


def _spoken(text: str, row: Mapping[str, Any]) -> bool:
    words = _places(text, row["words"])
    if not words or "beside" not in row:
        return bool(words)
    return _near(words, _places(text, row["beside"]), row["near"])


def _places(text: str, words: Sequence[str]) -> list[int]:
    return sorted(place for word in words for place in islice(_begins(text, word), _MOST_PLACES))


def _begins(text: str, word: str) -> Iterator[int]:
    """Find a word; one of an alphabet has to begin where a word of the text does, scripts without blanks know no such place."""
    place = text.find(word)
    while place >= 0:
        before = text[place - 1 : place]
        if word[0] > _ALPHABETS or before > _ALPHABETS or not before.isalnum():
            yield place
        place = text.find(word, place + 1)


def _near(ones: list[int], others: list[int], distance: int) -> bool:
    """Say whether a place of `ones` has one of `others` within the distance; both are sorted."""
    for one in ones:
        index = bisect_left(others, one - distance)
        if index < len(others) and others[index] <= one + distance:
            return True
    return False
