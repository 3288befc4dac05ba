"""OTA314, OTA315, OTA411, OTA601, OTA605, OTA606, OTA613 on IIS: how files of a build would be served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from ota_proxy.facts.configuration import Entry, IisFacts, PathFacts
from ota_proxy.policy.media_types import accepted, ota_types
from ota_proxy.rules.iis_reach import MANIFEST, PACKAGE, affected, point, readable, see_site
from ota_proxy.rules.model import Facts, Finding
from ota_proxy.rules.registry import lints
from ota_proxy.servers.text import Span

_ALWAYS = (*MANIFEST, *PACKAGE)
"""Extensions that every OTA site serves; the others count where such a file lies in the tree."""
_UNCACHED = ("no-store", "no-cache", "private")


# -- media types ---------------------------------------------------------------------------------------------------------


@lints("OTA601")
def media_type_unmapped(facts: Facts) -> Iterator[Finding]:
    """IIS serves no file whose extension has no media type (404.3)."""
    found = readable(facts)
    for extension in ota_types():
        names = [one for one in found.named((extension,)) if extension not in found.at(one).types]
        mapped = any(extension in one.types for one in found.paths)
        if names or (extension in _ALWAYS and not mapped and not any(found.named((extension,)))):
            what = f"{names[0]} " if names else f"{extension} "
            message = f"{what}has no media type, so IIS answers 404.3"
            see_site(found)
            yield point(
                _static_line(found), message, found=found, evidence=f'no <mimeMap fileExtension="{extension}" … />'
            )


def _static_line(found: IisFacts) -> Span:
    """Return where the map is changed already, else the file's beginning."""
    lines = [entry.at for one in found.paths for entry in one.types.values() if entry.at.line]
    return min(lines, default=found.root_line())


def _wrong_type(found: IisFacts, extension: str, kind: str, name: str) -> Iterator[Finding]:
    def problem(path: PathFacts) -> Finding | None:
        entry = path.types.get(extension)
        if entry is None or entry.value.lower() in accepted(kind):
            return None
        wanted = accepted(kind)[0]
        return point(entry.at, f"{extension} is served as {entry.value}; a {name} is {wanted}", found=found)

    return affected(found, (extension,), problem)


@lints("OTA314")
def manifest_wrong_type(facts: Facts) -> Iterator[Finding]:
    """The type of `.plist` is one that devices take."""
    return _wrong_type(readable(facts), ".plist", "manifest", "manifest")


@lints("OTA411")
def package_wrong_type(facts: Facts) -> Iterator[Finding]:
    """The type of `.ipa` is one that devices take."""
    return _wrong_type(readable(facts), ".ipa", "package", "package")


# -- caching -------------------------------------------------------------------------------------------------------------


@lints("OTA315")
def manifest_cacheable(facts: Facts) -> Iterator[Finding]:
    """A cache may not keep a manifest: `no-store`, `no-cache` or `private`."""
    found = readable(facts)

    def problem(path: PathFacts) -> Finding | None:
        why = _cacheable(path)
        return point(path.cache_at or Span(""), why, found=found, evidence="") if why else None

    return affected(found, MANIFEST, problem)


def _cacheable(path: PathFacts) -> str:
    """Say why a cache may keep a manifest of this path, empty where it may not."""
    values = [one.value for one in path.headers if one.name.lower() == "cache-control"]
    values += [one.value for one in path.outbound if _header(one.variable) == "cache-control"]
    if path.cache_mode == "DisableCache" or any(_uncached(one) for one in (*values, path.cache_custom)):
        return ""
    if path.cache_mode == "UseMaxAge":
        return f"A cache may keep the manifest for {path.cache_seconds} s" if path.cache_seconds else ""
    if path.cache_mode == "UseExpires":
        return "A cache may keep the manifest until the date in httpExpires"
    return "" if values else "The manifest gets no Cache-Control, so caches may guess how long to keep it"


def _uncached(value: str) -> bool:
    return any(word in value.lower() for word in _UNCACHED)


def _header(variable: str) -> str:
    """Return the response header that an outbound rule writes, in lower case."""
    return variable.lower().removeprefix("response_").replace("_", "-")


# -- compression ---------------------------------------------------------------------------------------------------------


@lints("OTA605")
def compression_covers_package(facts: Facts) -> Iterator[Finding]:
    """No compression for packages, which would lose length and ranges; a manifest needs none either."""
    found = readable(facts)
    yield from affected(found, PACKAGE, lambda path: _compressed(found, path, ".ipa"))
    for finding in affected(found, MANIFEST, lambda path: _compressed(found, path, ".plist")):
        yield replace(finding, severity="warning")


def _compressed(found: IisFacts, path: PathFacts, extension: str) -> Finding | None:
    """Judge the type that the extension has, or ought to have where it has none yet (OTA601)."""
    entry = path.types.get(extension)
    media_type = entry.value if entry else ota_types()[extension]
    chosen = _first_match(path.static_types, media_type) if path.compresses[0] else None
    if chosen is None or not chosen.on:
        return None
    message = f"{extension} is {media_type}, which static compression covers ({chosen.name})"
    return point(chosen.at, message, found=found)


def _first_match(types: tuple[Entry, ...], media_type: str) -> Entry | None:
    """Return the entry for a type: exact before `text/*` before `*/*`; a `;` begins parameters that do not count."""
    bare = media_type.partition(";")[0].strip().lower()
    exact = [one for one in types if one.name.lower() == bare]
    wild = [one for one in types if "*" in one.name and fnmatchcase(bare, one.name.lower())]
    return next(iter((*exact, *sorted(wild, key=lambda one: len(one.name), reverse=True))), None)


# -- methods and listings ------------------------------------------------------------------------------------------------


@lints("OTA606")
def head_denied(facts: Facts) -> Iterator[Finding]:
    """A device asks with HEAD before it downloads: request filtering lets it through wherever GET may pass."""
    found = readable(facts)

    def problem(path: PathFacts) -> Finding | None:
        head = next((one for one in path.verbs if one.name == "HEAD"), None)
        if head is not None and not head.on:
            return point(head.at, "HEAD is refused (404.6)", found=found)
        if head is None and not path.other_verbs:
            at = path.verbs_at or Span("")
            return point(at, "Only listed verbs are allowed and HEAD is not among them (404.6)", found=found)
        return None

    return affected(found, PACKAGE, problem)


@lints("OTA613")
def listing_enabled(facts: Facts) -> Iterator[Finding]:
    """No directory listing."""
    found = readable(facts)
    for at in dict.fromkeys(one.listing for one in found.paths if one.listing):
        yield point(at, "A folder without a default document is listed to everybody", found=found)
