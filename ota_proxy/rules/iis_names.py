"""OTA610 and OTA611 on IIS: names that are refused, and missing files that are answered with a page."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

from ota_proxy.facts.configuration import Condition, ErrorPage, IisFacts, PathFacts, Rewrite
from ota_proxy.rules.iis_reach import MANIFEST, PACKAGE, affected, point, readable
from ota_proxy.rules.model import Facts, Finding
from ota_proxy.rules.registry import lints
from ota_proxy.servers.text import Span

_SUFFIXES = (*MANIFEST, *PACKAGE)
_PATHS = frozenset(
    {"REQUEST_URI", "URL", "PATH_INFO", "SCRIPT_NAME", "UNENCODED_URL", "HTTP_URL", "HTTP_X_ORIGINAL_URL"}
)
_FILES = frozenset({"REQUEST_FILENAME", "PATH_TRANSLATED", "SCRIPT_FILENAME"})
_ANY = frozenset({"HTTPS", "SERVER_PORT", "SERVER_PORT_SECURE", "HTTP_HOST", "SERVER_NAME", "HTTP_X_FORWARDED_PROTO"})
"""Variables that have the wanted value for some request of a device."""
_LONGEST = 16
"""A pattern is only tried on short paths: a hostile one takes its time on long ones."""


# -- names ---------------------------------------------------------------------------------------------------------------


@lints("OTA611")
def name_pattern_denied(facts: Facts) -> Iterator[Finding]:
    """Request filtering lets every OTA file through."""
    found = readable(facts)
    for extension in _SUFFIXES:
        yield from affected(found, (extension,), lambda path, one=extension: _denied(found, path, one))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    yield from _sequences(found)
    yield from _segments(found)
    yield from _double_escapes(found)


def _denied(found: IisFacts, path: PathFacts, extension: str) -> Finding | None:
    entry = next((one for one in path.extensions if one.name.lower() == extension), None)
    if entry is not None and not entry.on:
        return point(entry.at, f"Request filtering refuses {extension} (404.7)", found=found)
    if entry is None and not path.other_extensions:
        at = path.extensions_at or Span("")
        return point(at, f"Only listed extensions are allowed and {extension} is not among them (404.7)", found=found)
    return None


def _sequences(found: IisFacts) -> Iterator[Finding]:
    """A sequence counts where it is part of a name in the tree, or of every package's or manifest's."""
    seen: set[Span] = set()
    for name in (*found.names, *(f"/{suffix}" for suffix in _SUFFIXES)):
        for entry in found.at(name).sequences:
            sequence = entry.name.lower()
            if entry.at not in seen and sequence != "/" and sequence in name.lower():
                seen.add(entry.at)
                what = name if name in found.names else f"every {name[1:]}"
                yield point(entry.at, f"The denied URL sequence '{entry.name}' is part of {what} (404.5)", found=found)


def _segments(found: IisFacts) -> Iterator[Finding]:
    seen: set[tuple[Span, str]] = set()
    for name in found.names:
        steps = {step.lower() for step in name.split("/")}
        for entry in found.at(name).hidden:
            if entry.name.lower() in steps and (entry.at, entry.name) not in seen:
                seen.add((entry.at, entry.name))
                yield point(entry.at, f"{name} lies in the hidden segment '{entry.name}' (404.8)", found=found)


def _double_escapes(found: IisFacts) -> Iterator[Finding]:
    """A plus sign in a path counts as double escaping, an encoded percent sign is one."""
    for name in found.names:
        if {"+", "%"} & set(name) and not found.at(name).double_escaping:
            message = f"{name} is refused as double escaping (404.11): allowDoubleEscaping is false"
            yield point(found.root_line(), message, found=found, evidence=name)


# -- fallbacks -----------------------------------------------------------------------------------------------------------


@lints("OTA610")
def fallback_hides_missing_files(facts: Facts) -> Iterator[Finding]:
    """A missing manifest or package is a 404 and not a page."""
    found = readable(facts)
    seen: set[Span] = set()
    for suffix in _SUFFIXES:
        for finding in affected(found, (suffix,), lambda path, one=suffix: _fallback(found, path, one)):  # type: ignore[misc]  # as above
            if finding.span not in seen:
                seen.add(finding.span)
                yield finding


def _fallback(found: IisFacts, path: PathFacts, suffix: str) -> Finding | None:
    for page in path.errors:
        if page.status == 404 and page.mode in {"ExecuteURL", "Redirect"}:
            return point(page.at, _page(page), found=found)
    for rule in path.rewrites:
        if rule.action == "Rewrite" and _is_page(rule.url) and _catches(rule, path.path, suffix):
            return point(rule.at, f"The rule '{rule.name}' answers a missing {suffix} with {rule.url}", found=found)
    return None


def _page(page: ErrorPage) -> str:
    how = "runs" if page.mode == "ExecuteURL" else "redirects to"
    return f"httpErrors {how} {page.path} for a missing file, which then answers with a page and no 404"


def _is_page(url: str) -> bool:
    bare = url.partition("?")[0].lower()
    return "://" not in bare and (bare.endswith((".html", ".htm", "/")) or bare == "")


def _catches(rule: Rewrite, path: str, suffix: str) -> bool:
    """Say whether a rule takes a missing file of this suffix; False where nobody can tell."""
    folder = path.rstrip("/") if len(path) <= _LONGEST and not path.endswith(_SUFFIXES) else ""
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
    """Return whether a condition is true of a missing file; None where it depends on something else."""
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
