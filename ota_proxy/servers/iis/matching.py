"""Which requests a rewrite rule of IIS takes, as far as its text tells; None or False if nobody can tell without running it."""

from __future__ import annotations

import re
import warnings

from ota_proxy.servers.iis.effective_paths import Condition, Rewrite

_SCHEME = ("HTTPS", "SERVER_PORT", "SERVER_PORT_SECURE", "HTTP_X_FORWARDED_PROTO")
_PATH = re.compile(
    r"\{(?:R:\d|C:\d|REQUEST_URI|UNENCODED_URL|URL|PATH_INFO|HTTP_URL|HTTP_X_ORIGINAL_URL)\}", re.IGNORECASE
)
_WHOLE = re.compile(r"\{(?:REQUEST_URI|UNENCODED_URL|HTTP_URL|HTTP_X_ORIGINAL_URL|QUERY_STRING)\}", re.IGNORECASE)
_PATHS = frozenset(
    {"REQUEST_URI", "URL", "PATH_INFO", "SCRIPT_NAME", "UNENCODED_URL", "HTTP_URL", "HTTP_X_ORIGINAL_URL"}
)
_FILES = frozenset({"REQUEST_FILENAME", "PATH_TRANSLATED", "SCRIPT_FILENAME"})
_ANY = frozenset({"HTTPS", "SERVER_PORT", "SERVER_PORT_SECURE", "HTTP_HOST", "SERVER_NAME", "HTTP_X_FORWARDED_PROTO"})
"""Variables that have the wanted value for some request of a device."""
_LONGEST = 16
"""A pattern is only tried on short paths: a hostile one takes its time on long ones."""


def about_scheme(conditions: tuple[Condition, ...]) -> bool:
    """Say whether a rule asks if the request came over https."""
    return any(one.input.strip().strip("{}").upper() in _SCHEME for one in conditions)


def drops_path(url: str) -> bool:
    """Say whether nothing of the path asked for is part of a redirect's URL."""
    return _PATH.search(url) is None


def keeps_query(url: str) -> bool:
    """Say whether a redirect's URL has the query that was asked with."""
    return _WHOLE.search(url) is not None


def catches(rule: Rewrite, path: str, suffix: str) -> bool:
    """Say whether a rule takes a missing file of this suffix; False if nobody can tell."""
    folder = path.rstrip("/") if len(path) <= _LONGEST and not path.endswith((".plist", ".ipa")) else ""
    url = f"{folder}/a{suffix}"
    base = rule.base.rstrip("/")
    inner = url.removeprefix(f"{base}/") if url.startswith(f"{base}/") else url.lstrip("/")
    hit = _matches(rule.syntax, rule.pattern, inner, ignore_case=rule.ignore_case)
    if hit is None or hit == rule.negate:
        return False
    answers = [_holds(one, rule.syntax, url, inner) for one in rule.conditions]
    if not answers:
        return True
    return any(answers) if rule.any_condition else all(answers)


def _holds(condition: Condition, syntax: str, url: str, inner: str) -> bool | None:
    """Return whether a condition is true of a missing file; None if it depends on something else."""
    name = condition.input.strip().strip("{}").upper()
    if condition.kind in {"IsFile", "IsDirectory"}:
        return condition.negate if name in _FILES else None
    if name in _ANY:
        return True
    texts = {
        **dict.fromkeys(_PATHS, url),
        **dict.fromkeys(_FILES, f"C:{url}".replace("/", "\\")),
        "R:0": inner,
        "QUERY_STRING": "",
        "REQUEST_METHOD": "GET",
    }
    if name not in texts:
        return None
    hit = _matches(syntax, condition.pattern, texts[name], ignore_case=condition.ignore_case)
    return None if hit is None else hit != condition.negate


def _matches(syntax: str, pattern: str, text: str, *, ignore_case: bool) -> bool | None:
    """Return whether a pattern matches; None for one that Python reads differently from ECMAScript."""
    flags = re.IGNORECASE if ignore_case else 0
    if syntax == "ExactMatch":
        return text.lower() == pattern.lower() if ignore_case else text == pattern
    if syntax == "Wildcard":
        wild = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(wild, text, flags) is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of brackets in sets, ECMAScript means them
        try:
            return re.search(pattern, text, flags) is not None
        except (re.error, RecursionError, OverflowError):
            return None
