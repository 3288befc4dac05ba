"""What a package says about itself: `read_info` opens an .ipa (a ZIP with Payload/NAME.app/Info.plist) and names the app.

A person's own file comes through here, so every way it can be wrong ends in one UsageError.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ota_proxy import limits
from ota_proxy.apps.plist import PlistProblem, load_plist
from ota_proxy.errors import UsageError
from ota_proxy.reading import open_file

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML can hold, not even as a reference (XML 1.0 §2.2), and so no manifest; a binary Info.plist can."""
_INFO = re.compile(r"Payload/([^/]+)\.app/Info\.plist")
_LARGEST_INFO = limits.PLIST
_MOST_ENTRIES = limits.ENTRIES
_UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Methods whose unpacking can be bounded; a small bzip2 file becomes gigabytes in one step."""
_BROKEN = (zipfile.BadZipFile, RuntimeError, EOFError, ValueError, OverflowError, zlib.error, struct.error)
"""What zipfile lets out over an archive that is damaged, or made to be."""
_HINT = "give the .ipa that Xcode exports for ad hoc or in-house distribution"


@dataclass(frozen=True, slots=True)
class AppInfo:
    """An app as its Info.plist names it; texts are empty if a key is missing. `version` is what people see, `build` the rest."""

    bundle_id: str
    title: str
    version: str = "1.0"
    build: str = "1"
    minimum_os: str = ""
    platform: str = "iPhoneOS"
    executable: str = ""
    folder: str = ""
    """NAME of Payload/NAME.app."""
    size: int = 0
    """Bytes of the whole package, 0 if there is none yet."""


def read_info(package: Path | str | bytes) -> AppInfo:
    """Read the app's own Info.plist of an .ipa (a path or its bytes); UsageError says what is wrong with the file."""
    name = "the package" if isinstance(package, bytes) else str(package)
    try:
        with _opened(package) as file, zipfile.ZipFile(file) as archive:
            folder, raw = _info_plist(archive, name)
    except OSError as error:
        raise UsageError(f"the package cannot be read: {error.strerror or error}", place=name) from None
    except _BROKEN as error:
        raise UsageError(f"this is not a ZIP archive that can be read: {error}", place=name, hint=_HINT) from None
    size = len(package) if isinstance(package, bytes) else Path(package).stat().st_size
    return _app(_dictionary(raw, name), folder, size, name)


def _opened(package: Path | str | bytes) -> BinaryIO:
    return io.BytesIO(package) if isinstance(package, bytes) else open_file(Path(package))


def _info_plist(archive: zipfile.ZipFile, name: str) -> tuple[str, bytes]:
    entries = archive.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise UsageError(f"the package has {len(entries)} entries, more than {_MOST_ENTRIES}", place=name)
    found = [(match[1], entry) for entry in entries if (match := _INFO.fullmatch(entry.filename))]
    if not found:
        raise UsageError(
            "the archive has no Payload/NAME.app/Info.plist, so it is not an iOS app", place=name, hint=_HINT
        )
    folder, entry = found[0]
    if entry.compress_type not in _UNPACKED:
        raise UsageError(
            f"the app's Info.plist is packed with method {entry.compress_type}, and devices unpack only stored and deflated files",
            place=name,
            hint=_HINT,
        )
    with archive.open(entry) as stream:
        raw = stream.read(_LARGEST_INFO + 1)
    if len(raw) > _LARGEST_INFO:
        raise UsageError("the app's Info.plist is larger than 1 MiB", place=name)
    return folder, raw


def _dictionary(raw: bytes, name: str) -> Mapping[str, Any]:
    try:
        data = load_plist(raw)
    except PlistProblem as problem:
        raise UsageError(f"the app's Info.plist is not a property list: {problem}", place=name) from None
    if not isinstance(data, dict):
        raise UsageError("the app's Info.plist is not a dictionary", place=name)
    return data


def _writable(key: str, text: str, name: str) -> str:
    found = _NO_XML.search(text)
    if found:
        raise UsageError(
            f"{key} in the app's Info.plist has the character U+{ord(found[0]):04X}, which no manifest can hold",
            place=name,
            hint="remove it in Xcode, and export the app again",
        )
    return text


def _app(data: Mapping[str, Any], folder: str, size: int, name: str) -> AppInfo:
    def text(*keys: str) -> str:
        for key in keys:
            if isinstance(data.get(key), str) and data[key]:
                return _writable(key, data[key], name)
        return ""

    bundle_id = text("CFBundleIdentifier")
    if not bundle_id:
        raise UsageError("the app's Info.plist has no CFBundleIdentifier", place=name)
    platforms = data.get("CFBundleSupportedPlatforms")
    return AppInfo(
        bundle_id=bundle_id,
        title=text("CFBundleDisplayName", "CFBundleName") or folder,
        version=text("CFBundleShortVersionString", "CFBundleVersion"),
        build=text("CFBundleVersion"),
        minimum_os=text("MinimumOSVersion"),
        platform=str(platforms[0]) if isinstance(platforms, list) and platforms else text("DTPlatformName"),
        executable=text("CFBundleExecutable"),
        folder=folder,
        size=size,
    )
