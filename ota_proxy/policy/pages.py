"""What a web page speaks of: topics of landing pages in many languages (`page_words.toml`), and what a login looks like (`logins.toml`).

It names things and judges nothing. A login is known by its address or by its page.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

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


_TITLE = re.compile(r"<title\b[^>]{0,200}>\s*([^<]{0,200})", re.IGNORECASE)
_PASSWORD = re.compile(r"""<input\b[^>]{0,500}?\btype\s*=\s*["']?password\b""", re.IGNORECASE)
_HANDED_ON = re.compile(r"""\bname\s*=\s*["']?(?:SAMLRequest|RelayState|wresult)\b""", re.IGNORECASE)
_REFRESH = re.compile(
    r"""<meta\b[^>]{0,200}?http-equiv\s*=\s*["']?refresh[^>]{0,200}?url\s*=\s*["']?([^"'>\s]{1,2000})""", re.IGNORECASE
)
_FORMS = re.compile(r"""<form\b[^>]{0,500}?\baction\s*=\s*["']?([^"'>\s]{1,2000})""", re.IGNORECASE)
_SENT_BY_ITSELF = re.compile(r"\.submit\s*\(", re.IGNORECASE)
_APART = re.compile(r"[._-]+")
_MOST_PARAMETERS = 50


def names_login(url: str) -> bool:
    """Say whether an address, absolute or relative, is called as logins are."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        return False
    path = unquote(parts.path).lower()
    return _host(host) or _path(path) or _query(pairs)


def _host(host: str) -> bool:
    rows = table("logins")
    first = host.partition(".")[0]
    return first in rows["labels"] or any(host == end or host.endswith(f".{end}") for end in rows["hosts"])


def _path(path: str) -> bool:
    rows = table("logins")
    if any(part in path for part in rows["paths"]):
        return True
    words: set[str] = set()
    for segment in path.split("/"):
        words |= {segment, segment.rpartition(".")[0], *_APART.split(segment)}
    return bool(words & _words("segments"))


def _query(pairs: Sequence[tuple[str, str]]) -> bool:
    names = {name.lower() for name, _ in pairs}
    if names & _words("parameters"):
        return True
    back = (value for name, value in pairs if name.lower() in _words("returns"))
    return any(value.lower().startswith(("http://", "https://", "//")) for value in back)


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(table("logins")[name])


def is_login_page(text: str) -> bool:
    """Say whether a page asks who is there: a field for a password, a title that says so, or a form or refresh that hands on to a login."""
    if _PASSWORD.search(text) or _HANDED_ON.search(text):
        return True
    if _SENT_BY_ITSELF.search(text) and any(names_login(html.unescape(form)) for form in _FORMS.findall(text)):
        return True
    title = _TITLE.search(text)
    words = " ".join(title[1].lower().split()) if title else ""
    if words and any(_stands_in(word, words) for word in table("logins")["titles"]):
        return True
    onward = _REFRESH.search(text)
    return bool(onward and names_login(onward[1].replace("&amp;", "&")))


def _stands_in(word: str, text: str) -> bool:
    """Say whether a word stands in a text, as a word of its own where the script has blanks."""
    if not word.isascii():
        return word in text
    return re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text) is not None
