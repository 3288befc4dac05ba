"""An address that was meant to be an install link and is none: something stands before its scheme, or the scheme is gone.

Content filters and editors do that: WordPress's kses and mail gateways drop schemes that they do not know, Angular writes `unsafe:` before
them, link fields of editors write `http://` before everything.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass

SCHEME = "itms-services:"
_MEANT = re.compile(r"action=download-manifest|action%3Ddownload-manifest", re.IGNORECASE)
_NO_COLON = re.compile(r"(?is)(?P<before>(?:https?:/{1,3})?)itms-services(?P<colon>%3A|)(?P<rest>/{0,3}\?.*)")
_NO_SCHEME = re.compile(r"(?s):?/{1,3}(?P<rest>\?.*)")
_OTHER = re.compile(r"(?is)(?P<scheme>[a-z][a-z0-9+._-]{2,24})(?::|%3A)(?P<rest>/{0,3}\?.*)")
_LIKE = 0.7
_LEGITIMATE = frozenset({"http", "https", "itms-services", "javascript", "mailto"})


@dataclass(frozen=True, slots=True)
class Lost:
    """What happened to a link, the cause's name in `remedy_causes.toml`, and the link as it was meant."""

    detail: str
    cause: str
    link: str


def lost_link(value: str) -> Lost | None:
    """Say what became of an install link; None for a text that is one, or was never meant to be."""
    at = value.lower().find(SCHEME)
    if at > 0:
        return _behind(value[:at], value[at:])
    if at == 0 or not _MEANT.search(value):
        return None
    if match := _NO_COLON.fullmatch(value):
        detail = f"the colon after itms-services is {'encoded' if match['colon'] else 'missing'}"
        return Lost(f"{detail}, so it is an ordinary address", "editor", f"{SCHEME}//{match['rest'].lstrip('/')}")
    if match := _NO_SCHEME.fullmatch(value):
        return Lost("its scheme itms-services: is missing", "filter", f"{SCHEME}//{match['rest']}")
    return _misspelt(value)


def _behind(before: str, link: str) -> Lost | None:
    if "?" in before or re.match(r"(?i)(?:javascript|data|mailto):", before):
        return None  # the parameter of another address
    shown = before.strip()
    if shown.lower() == "unsafe:":
        return Lost("'unsafe:' stands before its scheme, which Angular writes there", "angular", link)
    if not shown or all(unicodedata.category(char)[0] in "CZ" for char in shown):
        named = ", ".join(dict.fromkeys(f"U+{ord(char):04X}" for char in before if char > "\x20"))
        return Lost(f"an invisible character ({named}) stands before its scheme", "invisible", link)
    return Lost(f"'{shown[:60]}' stands before its scheme", "editor", link)


def _misspelt(value: str) -> Lost | None:
    match = _OTHER.fullmatch(value)
    if match is None or match["scheme"].lower() in _LEGITIMATE:
        return None
    scheme = match["scheme"]
    if difflib.SequenceMatcher(None, scheme.lower(), "itms-services").ratio() < _LIKE and not scheme.lower().startswith(
        "itms"
    ):
        return None
    return Lost(f"its scheme is '{scheme}:' instead of {SCHEME}", "scheme", f"{SCHEME}//{match['rest'].lstrip('/')}")
