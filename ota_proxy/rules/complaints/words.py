"""Words of a complaint: any spelling, the languages of `glossary.toml`, one token for words that mean the same.

Nothing of a text is trusted: it may have any length and any characters.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from ota_proxy.printable import stream_safe

MOST_CHARACTERS = 8_000
"""Of a longer text only the beginning counts; a complaint that has not said by then what is wrong does not say it."""
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_RUN = re.compile(f"[{_CJK}]+")
_WORD = re.compile(r"[^\W_]+(?:\.\d+)+|[^\W_]+")
_URL = re.compile(r"(?i)\b(https?)://(\S*)")
_FILES = "ipa|plist|config|conf|html?|php|aspx?|js|mjs|css|png|jpe?g|svg|ico|pem|crt|cer|der|key|p12|pfx|types|json|xml|ya?ml|toml|zip|app|mobile\\w+|apk|log|txt|py|rb|swift|t?gz|exe|dmg|pkg|sh|md"
_HOST = re.compile(
    rf"(?<![\w/])(?!asp\.net)(?:[\w-]+\.)+(?!(?:{_FILES})\b)[^\W\d_]{{2,}}(?::\d+)?(?![\w/.-]*\.(?:{_FILES})\b)"
)
_SCHEME = re.compile(r"(?i)itms-services:\S*")
_SIZE = re.compile(r"\b(\d+)\s?(k|m|g)i?b?\b")
_VERSION = re.compile(
    r"\b(?:(iphone|ipad)s?(?: (?:pro|air|mini|se|xr|xs|x))? ?\d{1,2}s?\b|(ios|ipados|nginx|apache|httpd|openssl|ubuntu|debian|xcode|macos|centos|php|node) ?v?\d+\.\d[\d.]*)"
)
"""A phone's model, or a version to the point: people add both to every complaint, and they tell nothing; `iOS 18` and `Windows 2008` may."""
_QUOTES = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‐": "-", "‑": "-", "–": "-"}
)


def plain(text: str) -> str:
    """Return a text in lower case with one form for each character, quote and dash."""
    return unicodedata.normalize("NFKC", stream_safe(text)).translate(_QUOTES).casefold()


@cache
def _glossary() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("glossary.toml").read_text(encoding="utf-8"))


@cache
def _silent() -> frozenset[str]:
    return frozenset(_glossary()["silent"]["words"])


@cache
def _meanings() -> dict[str, str]:
    return {plain(word): key for key, words in _glossary()["words"].items() for word in words}


@cache
def _spoken() -> re.Pattern[str]:
    """Match every word of the glossary, longer ones first."""
    words = sorted(_meanings(), key=len, reverse=True)
    inside = "|".join(re.escape(word) for word in words if _RUN.search(word))
    whole = "|".join(re.escape(word).replace(r"\*", r"\w*") for word in words if not _RUN.search(word))
    return re.compile(rf"({inside})|(?<!\w)({whole})(?!\w)")


def _meaning(match: re.Match[str]) -> str:
    word = match[0]
    known = _meanings()
    if word in known:
        return f" {known[word]} "
    return next(f" {key} " for stem, key in known.items() if stem.endswith("*") and word.startswith(stem[:-1]))


def _address(match: re.Match[str]) -> str:
    """Leave of a URL its scheme and the kind of file that it names."""
    kind = re.search(r"\.(ipa|plist|mobileconfig|apk|html?)\b", match[2])
    return f" {match[1]}url {kind[1] if kind else ''} "


def tokens(text: str) -> tuple[str, ...]:
    """Return the words of a text that say something, each once, in their order."""
    text = _SCHEME.sub(_link, plain(text[:MOST_CHARACTERS]))
    text = _VERSION.sub(lambda match: f" {match[1] or match[2]} ", text)
    text = _HOST.sub(" server ", _URL.sub(_address, text))
    text = _spoken().sub(_meaning, _SIZE.sub(r"\1 \2b", text))
    found = _WORD.findall(_RUN.sub(_pairs, text))
    return tuple(dict.fromkeys(stem(_bare(word)) for word in found if word not in _silent()))


def _link(match: re.Match[str]) -> str:
    """Leave of an install link its scheme, and the marks of what can be wrong with it."""
    link = match[0]
    marks = {
        "&amp;": " amp ampersand ",
        "url=http:": " httpurl ",
        "url=http%3a": " httpurl ",
        "services:?": " slashes ",
        "%20": " space ",
        "%2520": " encoded ",
    }
    return " itms services link " + "".join(mark for sign, mark in marks.items() if sign in link)


def _pairs(match: re.Match[str]) -> str:
    """Cut a run of Chinese, Japanese or Korean into its pairs; nobody writes blanks there."""
    run = match[0]
    return " " + " ".join(run[at : at + 2] for at in range(max(1, len(run) - 1))) + " "


def _bare(word: str) -> str:
    """Return a word without its accents."""
    if word.isascii() or _RUN.search(word):
        return word
    return "".join(sign for sign in unicodedata.normalize("NFD", word) if not unicodedata.combining(sign))


_ENDINGS = (
    ("sses", "ss"),
    ("ies", "y"),
    ("ing", ""),
    ("edly", ""),
    ("ed", ""),
    ("ly", ""),
    ("es", ""),
    ("s", ""),
    ("e", ""),
)
_SHORTEST = 4


@cache
def stem(word: str) -> str:
    """Return a word without its inflection, as far as English endings tell; both sides are treated alike, so it need be no word."""
    if not word.isascii() or not word.isalpha() or len(word) <= _SHORTEST or word.endswith(("ss", "us", "is")):
        return word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST - 1:
            word = word[: -len(ending)] + instead
            break
    doubled = len(word) > _SHORTEST and word[-1] == word[-2] and word[-1] not in "lsz"
    return word[:-1] if doubled else word.removesuffix("e") if len(word) > _SHORTEST else word
