"""The manifest: `build_manifest` writes one, `parse_manifest` reads what a server sent, as an installer does and without trusting it.

`PackageHashes` recomputes a manifest's package hashes while the bytes pass: one over the whole file, or one for each chunk. Rules of the
chunks: Apple's manifesturl.yaml; a single hash stands for the whole file (observed behaviour).
"""

from __future__ import annotations

import hashlib
import plistlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

from ota_proxy import limits
from ota_proxy.apps.ipa import AppInfo
from ota_proxy.apps.plist import PlistProblem, load_plist, trimmed
from ota_proxy.errors import UsageError
from ota_proxy.facts.app import HashFacts
from ota_proxy.facts.install import Asset


@dataclass(frozen=True, slots=True)
class ParsedManifest:
    """A manifest after one reading. `data` is None exactly when `error` or `unsafe` says why (see `ManifestFacts`).

    `items` are the dictionaries of the list `items`, `metadata` that of the first one, `assets` those of all, in order.
    """

    data: Mapping[str, Any] | None = None
    error: str = ""
    unsafe: str = ""
    passed: str = ""
    """What stands around the property list and is passed over."""
    items: tuple[Mapping[str, Any], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    assets: tuple[Asset, ...] = ()


def build_manifest(
    app: AppInfo,
    package_url: str,
    image_urls: Mapping[str, str] = MappingProxyType({}),
    *,
    sha256s: Sequence[str] = (),
    chunk_size: int = 0,
) -> bytes:
    """Return the XML manifest of Apple's schema (device-management, manifesturl.yaml) for one app.

    URLs are absolute https; `image_urls` maps `display-image` and `full-size-image` to theirs. One entry in `sha256s` is the hash of the whole file, several need `chunk_size` in bytes.
    Raises UsageError for a URL that a device refuses and for a title of less than two characters.
    """
    if len(app.title.strip()) < 2:  # Apple's schema: longer than one character
        raise UsageError(f"the app's title '{app.title}' is too short: a manifest needs at least two characters")
    package: dict[str, Any] = {"kind": "software-package", "url": _https(package_url)}
    if sha256s:
        package |= {"sha256s": list(sha256s)} | ({"sha256-size": chunk_size} if chunk_size else {})
    assets = [package, *({"kind": kind, "url": _https(url)} for kind, url in image_urls.items())]
    metadata = {
        "bundle-identifier": app.bundle_id,
        "bundle-version": app.version,
        "kind": "software",
        "title": app.title,
    }
    return plistlib.dumps({"items": [{"assets": assets, "metadata": metadata}]}, sort_keys=False)


def _https(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not parts.hostname or not url.isascii() or any(char <= " " for char in url):
        raise UsageError(
            f"the URL '{url}' cannot be used in a manifest",
            hint="write it as an absolute https:// URL, with spaces and other characters percent-encoded",
        )
    return url


def parse_manifest(body: bytes) -> ParsedManifest:
    """Read an XML or binary manifest of at most 1 MiB; never raises, whatever the bytes are."""
    plain, passed = trimmed(body)
    try:
        data = load_plist(plain)
    except PlistProblem as problem:
        return ParsedManifest(unsafe=str(problem)) if problem.unsafe else ParsedManifest(error=str(problem))
    if not isinstance(data, dict):
        return ParsedManifest(error=f"the property list's root is {_kind(data)}, not a dictionary")
    items = tuple(item for item in _list(data.get("items")) if isinstance(item, dict))
    many = max(len(items), sum(len(_list(item.get("assets"))) for item in items))
    if many > limits.ASSETS:
        return ParsedManifest(unsafe=f"it names {many} items or assets, more than {limits.ASSETS}")
    metadata = items[0].get("metadata") if items else None
    return ParsedManifest(
        data=data,
        passed=passed,
        items=items,
        metadata=metadata if isinstance(metadata, dict) else {},
        assets=tuple(_asset(entry) for item in items for entry in _list(item.get("assets")) if isinstance(entry, dict)),
    )


def _asset(entry: Mapping[str, Any]) -> Asset:
    """Both hashes given: only SHA-256 counts (manifesturl.yaml)."""
    name = next((name for name in ("sha256", "md5") if _list(entry.get(f"{name}s"))), "")
    size = entry.get(f"{name}-size") if name else None
    return Asset(
        kind=_text(entry.get("kind")),
        url=_text(entry.get("url")),
        hashes=tuple(_text(value) for value in _list(entry.get(f"{name}s"))) if name else (),
        hash_name=name,
        chunk_size=size if isinstance(size, int) and not isinstance(size, bool) else None,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _kind(value: object) -> str:
    names = {list: "an array", str: "a string", bytes: "data", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "something else")


class ChunkHasher:
    """Feed it the package in order, from its first byte on; `seen()` gives the hashes when all of it came."""

    def __init__(self, name: Literal["md5", "sha256"], chunk: int, wanted: tuple[str, ...]) -> None:
        self._name: Literal["md5", "sha256"] = name
        self._chunk = chunk
        self._wanted = wanted
        self._found: list[str] = []
        self._hash = hashlib.new(name, usedforsecurity=False)
        self._room = chunk

    def feed(self, piece: bytes) -> None:
        """Take the next bytes; those beyond one chunk more than the manifest has are not looked at."""
        rest = memoryview(piece)
        while rest and len(self._found) <= len(self._wanted):
            count = min(self._room, len(rest)) if self._chunk else len(rest)
            self._hash.update(rest[:count])
            rest = rest[count:]
            self._room -= count
            if self._chunk and not self._room:
                self._turn()

    def _turn(self) -> None:
        self._found.append(self._hash.hexdigest())
        self._hash = hashlib.new(self._name, usedforsecurity=False)
        self._room = self._chunk

    def seen(self) -> HashFacts:
        """Return the hashes of everything that was fed, the last chunk as long as it is."""
        begun = not self._chunk or self._room < self._chunk
        last = [self._hash.hexdigest()] if begun and len(self._found) <= len(self._wanted) else []
        return HashFacts(self._name, self._chunk, self._wanted, (*self._found, *last))


def hasher_for(assets: Iterable[Asset]) -> ChunkHasher | None:
    """Return a hasher for the first asset whose hashes a device checks; None if there is none.

    Several hashes without a chunk size are ignored by the device (observed behaviour).
    """
    for asset in assets:
        several = len(asset.hashes) > 1
        chunk = (asset.chunk_size or 0) if several else 0
        if asset.hashes and chunk >= (1 if several else 0):
            return ChunkHasher("md5" if asset.hash_name == "md5" else "sha256", chunk, asset.hashes)
    return None
