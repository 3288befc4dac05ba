"""The itms-services link: `install_link` writes it, `read_link` reads one as the device does, with exactly one percent-decoding.

`lost_link` knows an address that was meant to be one and no longer is: WordPress's kses and mail gateways drop schemes that they do not
know, Angular writes `unsafe:` before them, link fields of editors write `http://` before everything.
"""

from __future__ import annotations

import difflib
import html
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from ota_proxy.errors import UsageError
from ota_proxy.facts.install import LinkFacts

Context = Literal["html-attribute", "script", "text", "qr", "redirect", "given", "browser"]
SCHEME = "itms-services:"
ACTION = "download-manifest"
_PARAMETERS = frozenset({"action", "url", "digest"})
_URL = re.compile(r"(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})+", re.ASCII)
"""Characters of a URI, RFC 3986 §2; everything else has to be percent-encoded."""
_TWICE = re.compile(r"https?(?::|%3A)%2F%2F", re.IGNORECASE)
"""What a URL begins with after one decoding if it was encoded twice."""
_LONGEST = 8192


def install_link(manifest_url: str, context: Literal["text", "html"] = "text") -> str:
    """Return the link that installs what the manifest at `manifest_url` (https, already a valid URL) names.

    `text` is for scripts, QR codes and redirects, `html` for an attribute. Everything but unreserved characters is encoded.
    """
    if not manifest_url.startswith("https://") or not _is_url(manifest_url):
        raise UsageError(f"the manifest URL '{manifest_url}' cannot be used in a link", hint=_instead(manifest_url))
    link = f"{SCHEME}//?action={ACTION}&url={quote(manifest_url, safe='')}"
    return html.escape(link) if context == "html" else link


def _instead(url: str) -> str:
    if url.lower().startswith(SCHEME):
        return "this is already an install link; give the URL of its manifest"
    https = f"https://{url.rpartition('://')[2]}"
    if https != url and _is_url(https):
        return f"did you mean {https}?"
    return "it starts with https:// and has spaces and other characters percent-encoded"


def is_install_link(text: str) -> bool:
    """Say whether a text is meant to install: the scheme, and no other action of it (purchaseIntent tests a purchase)."""
    if not text.strip().lower().startswith(SCHEME):
        return False
    action = dict(_pairs(_query(text.replace("&amp;", "&")))).get("action", "")
    return action in ("", ACTION) or action.startswith("download")


def read_link(text: str, context: Context, target: str = "") -> LinkFacts:
    """Read a link as it stands in its place, an HTML attribute after entity decoding; the problems are `LinkFacts`' codes.

    `manifest_url` is what the device would ask for; where one decoding leaves no valid URL, the nearest valid one.
    """
    link = text.strip()
    problems: dict[str, str] = {}
    if "&amp;" in link:
        code = "double-escaped" if context == "html-attribute" else "amp-outside-html"
        problems[code] = "the separator is &amp; where the device needs a plain &"
    plain = link.replace("&amp;", "&")
    url = _read(plain, problems)
    detail = "; ".join(dict.fromkeys(problems.values()))
    return LinkFacts(link, context, tuple(problems), detail, url, target)


def _read(link: str, problems: dict[str, str]) -> str:
    if len(link) > _LONGEST:
        problems["malformed"] = f"the link is longer than {_LONGEST} characters"
        return ""
    if not link.lower().startswith(SCHEME):
        problems["malformed"] = f"the link does not start with {SCHEME}//"
        return ""
    if not link[len(SCHEME) :].startswith("//"):
        problems["slashes-lost"] = f"the two slashes after {SCHEME} are lost"
    if link.lower().count(SCHEME) > 1:
        problems["malformed"] = f"{SCHEME} is in it twice"
    pairs = _pairs(_query(link))
    _check_action(dict(pairs), problems)
    return _manifest_url(pairs, link, problems)


def _query(link: str) -> str:
    return link.partition("?")[2].partition("#")[0]


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&")) if name]


def _check_action(values: dict[str, str], problems: dict[str, str]) -> None:
    action = values.get("action")
    if action != ACTION:
        said = f"'{action}'" if action is not None else "missing"
        problems.setdefault("malformed", f"the action is {said}; it must be {ACTION}")


def _manifest_url(pairs: list[tuple[str, str]], link: str, problems: dict[str, str]) -> str:
    raw = dict(pairs).get("url", "")
    if not raw:
        problems.setdefault("malformed", "it has no url=")
        return ""
    strange = [name for name, _ in pairs if name not in _PARAMETERS]
    if strange or "#" in link:
        cut = f"& before '{strange[0][:40]}'" if strange else "#"
        problems["not-encoded"] = f"the manifest URL is cut off at the {cut}: it is not percent-encoded"
    url = _decode_once(raw, problems)
    _check_url(url, problems)
    return url


def _decode_once(raw: str, problems: dict[str, str]) -> str:
    decoded = unquote(raw, errors="replace")
    if _TWICE.match(decoded):
        problems["not-encoded"] = "it is percent-encoded twice"
        decoded = unquote(decoded, errors="replace")
        return decoded if _is_url(decoded) else ""
    if not _is_url(raw) or not _is_url(decoded):
        problems["not-encoded"] = f"after one percent-decoding '{decoded[:200]}' is not a valid URL"
    return quote(decoded, safe="/:?#[]@!$&'()*+,;=%~") if not _is_url(decoded) else decoded


def _is_url(text: str) -> bool:
    if not _URL.fullmatch(text):
        return False
    try:
        urlsplit(text).port  # noqa: B018 - reading the port is the check: ValueError when it is none
    except ValueError:
        return False
    return True


def _check_url(url: str, problems: dict[str, str]) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        problems.setdefault("malformed", "the manifest URL cannot be read")
        return
    if parts.scheme == "http":
        problems["not-https"] = "the manifest URL is http; a device accepts https only"
    elif parts.scheme != "https" or not parts.hostname:
        problems.setdefault("malformed", "the manifest URL is not absolute: it has no https:// and host")


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
        return Lost("'unsafe:' is in front of its scheme, where Angular writes it", "angular", link)
    if not shown or all(unicodedata.category(char)[0] in "CZ" for char in shown):
        named = ", ".join(dict.fromkeys(f"U+{ord(char):04X}" for char in before if char > "\x20"))
        return Lost(f"an invisible character ({named}) is in front of its scheme", "invisible", link)
    return Lost(f"'{shown[:60]}' is in front of its scheme", "editor", link)


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
