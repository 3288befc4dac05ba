"""Finds the app in an archive and reads what it says about itself, over byte ranges: Info.plist, profiles, extensions, icons.

No input of its own: `read_app` yields the spans it needs, as `content.archive` does. Layout: Apple's Bundle Programming
Guide; extensions lie in PlugIns and Extensions, App Clips in AppClips.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ota_proxy.apps.archive import USUAL, ArchiveProblem, Entry, Reading, method_name, read_directory, read_entry
from ota_proxy.apps.file_kind import archive_kind
from ota_proxy.apps.plist import LARGEST, PlistProblem, load_plist
from ota_proxy.apps.profile import LARGEST as LARGEST_PROFILE
from ota_proxy.apps.profile import read_profile
from ota_proxy.facts.app import AppFacts, Bundle, Profile

MOST_EXTENSIONS = 16
"""Extensions whose profiles are read."""
_MOST_ICONS = 50
_APP = re.compile(r"(Payload/[^/]+\.app)/.*", re.DOTALL)
_EXTENSION = re.compile(r"((?:PlugIns|Extensions)/[^/]+\.appex|AppClips/[^/]+\.app)/.*", re.DOTALL)
_INFO, _PROFILE, _SEAL = "Info.plist", "embedded.mobileprovision", "_CodeSignature/CodeResources"

Names = Mapping[str, Entry]


def read_app(size: int) -> Reading[AppFacts]:
    """Read the app of an archive of `size` bytes. ArchiveProblem where the archive itself, or its Info.plist, is out of reach.

    Throw an ArchiveProblem in where a span cannot be had: a profile that is missed for it is `unseen`.
    """
    entries = yield from read_directory(size)
    names = {entry.name: entry for entry in entries}
    folder = _app_folder(names)
    odd = _odd(entries)
    if not folder:
        kind = archive_kind([entry.name for entry in entries])
        return AppFacts(problem=f"it is {kind.words}", cause=kind.cause, odd=odd, entries=len(entries))
    info = yield from _info(names.get(f"{folder}/{_INFO}"), size)
    app = yield from _bundle(folder, names, size)
    inner = _extension_folders(folder, names)
    extensions = []
    for place in inner[:MOST_EXTENSIONS]:
        extensions.append((yield from _bundle(place, names, size)))  # noqa: PERF401 - a generator cannot yield from a comprehension
    unread = len(inner) - len(extensions)
    base = AppFacts(odd=odd, app=app, extensions=tuple(extensions), unread_extensions=unread, entries=len(entries))
    return replace(base, problem=info) if isinstance(info, str) else _named(base, info, _icons(info, folder, names))


def _odd(entries: Sequence[Entry]) -> str:
    """Name the first file that is neither stored nor deflated."""
    found = next((one for one in entries if one.method not in USUAL and not one.is_folder), None)
    return f"'{found.name[:120]}' is compressed with {method_name(found.method)}" if found else ""


def _app_folder(names: Names) -> str:
    """Return the first app with an Info.plist, else the first app; empty if there is none."""
    apps = list(dict.fromkeys(match[1] for name in names if (match := _APP.fullmatch(name))))
    return next((app for app in apps if f"{app}/{_INFO}" in names), apps[0] if apps else "")


def _extension_folders(folder: str, names: Names) -> list[str]:
    inside = (name[len(folder) + 1 :] for name in names if name.startswith(f"{folder}/"))
    found = [match[1] for name in inside if (match := _EXTENSION.fullmatch(name))]
    return [f"{folder}/{place}" for place in dict.fromkeys(found)]


def _info(entry: Entry | None, size: int) -> Reading[Mapping[str, Any] | str]:
    """Return the Info.plist, or why the app has none that can be read."""
    if entry is None:
        return "the app has no Info.plist"
    raw = yield from read_entry(entry, size, LARGEST)
    try:
        data = load_plist(raw)
    except PlistProblem as problem:
        return f"its Info.plist is not a property list: {problem}"
    return data if isinstance(data, dict) else "its Info.plist is not a dictionary"


def _bundle(folder: str, names: Names, size: int) -> Reading[Bundle]:
    signed = f"{folder}/{_SEAL}" in names
    entry = names.get(f"{folder}/{_PROFILE}")
    if entry is None:
        return Bundle(folder, signed)
    try:
        raw = yield from read_entry(entry, size, LARGEST_PROFILE)
    except ArchiveProblem as problem:
        return Bundle(folder, signed, profile_state="unseen", profile_problem=str(problem))
    found = read_profile(raw)
    if isinstance(found, Profile):
        return Bundle(folder, signed, found, "read")
    return Bundle(folder, signed, profile_state="broken", profile_problem=found)


def _named(base: AppFacts, info: Mapping[str, Any], icons: tuple[str, ...]) -> AppFacts:
    def text(*keys: str) -> str:
        return next((info[key] for key in keys if isinstance(info.get(key), str) and info[key]), "")

    return replace(
        base,
        bundle_id=text("CFBundleIdentifier"),
        version=text("CFBundleShortVersionString"),
        build=text("CFBundleVersion"),
        title=text("CFBundleDisplayName", "CFBundleName"),
        minimum_os=text("MinimumOSVersion"),
        platforms=_texts(info.get("CFBundleSupportedPlatforms")) or _texts([text("DTPlatformName")]),
        icons=icons,
    )


def _icons(info: Mapping[str, Any], folder: str, names: Names) -> tuple[str, ...]:
    """Return the images whose names begin as CFBundleIcons (on iPad CFBundleIcons~ipad) says."""
    wanted: list[str] = []
    for key in ("CFBundleIcons", "CFBundleIcons~ipad"):
        primary = _mapping(_mapping(info.get(key)).get("CFBundlePrimaryIcon"))
        wanted += _texts(primary.get("CFBundleIconFiles"))
    begun = tuple(f"{folder}/{name.removesuffix('.png')}" for name in wanted)
    found = (name.rpartition("/")[2] for name in names if begun and name.startswith(begun) and name.endswith(".png"))
    return tuple(found)[:_MOST_ICONS]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> tuple[str, ...]:
    given: Sequence[object] = value if isinstance(value, list) else ()
    return tuple(item for item in given if isinstance(item, str) and item)
