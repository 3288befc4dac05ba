"""OTA307 to OTA313, OTA316: what the property list says. `ManifestFacts.data` is read here key by key, by Apple's schema.

Schema: apple/device-management other/manifesturl.yaml; where the device is observed to be more lenient, so are we.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ota_proxy.apps.file_kind import file_kind
from ota_proxy.facts.install import Asset, ManifestFacts, origin
from ota_proxy.rules.catalogue import remedy_for
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.support.evidence import bytes_shown, proof
from ota_proxy.rules.support.ownership import internal
from ota_proxy.rules.support.predicates import manifest_of, manifest_state, readable_manifest

_ITEM_KEYS = ("assets", "metadata")
_METADATA_REQUIRED = ("bundle-identifier", "title")
_METADATA_KEYS = (
    *_METADATA_REQUIRED,
    "kind",
    "bundle-version",
    "subtitle",
    "platform-identifier",
    "items",
    "sizeInBytes",
)
_ASSET_REQUIRED = ("kind", "url")
_ASSET_KEYS = (*_ASSET_REQUIRED, "md5-size", "md5s", "sha256-size", "sha256s", "needs-shine")
_PACKAGE = "software-package"
_KINDS = (_PACKAGE, "display-image", "full-size-image", "asset-pack-manifest", "messages-display-image")
_PLATFORMS = ("com.apple.platform.iphoneos", "com.apple.platform.watchos")
"""An iPhone skips an item for another platform; watchOS items go to the paired watch (observed behaviour)."""

_NO_URL = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]|%(?![0-9A-Fa-f]{2})")
"""What RFC 3986 does not allow in a URL. Code built for iOS 17 encodes it, older code gets no URL (Apple, NSURL URLWithString:)."""


@dataclass(frozen=True, slots=True)
class _Problem:
    """A problem of the property list: the rule that reports it, where it stands, what is wrong."""

    rule: str
    place: str
    message: str
    mild: bool = False


def _problems(manifest: ManifestFacts) -> Iterator[_Problem]:
    """Yield every problem of keys and values, each for exactly one of OTA308, OTA309, OTA310."""
    root = manifest.data or {}
    yield from _keys(root, ("items",), ("items",), "the root")
    items = root.get("items")
    if "items" not in root:
        return
    if not isinstance(items, Sequence) or isinstance(items, (str, bytes)):
        yield _Problem("OTA309", "items", "items is not an array")
    elif not items:
        yield _Problem("OTA310", "items", "items is empty")
    else:
        for index, item in enumerate(items):
            yield from _item(item, f"items[{index}]")


def _keys(holder: Mapping[str, Any], required: Sequence[str], known: Sequence[str], place: str) -> Iterator[_Problem]:
    """A misspelt key is OTA309; a required one that is absent, and not misspelt, is OTA308."""
    missing = [key for key in required if key not in holder]
    strange = [key for key in holder if isinstance(key, str) and key not in (*known, *required)]
    optional = [key for key in known if key not in holder and key not in required]
    guesses = {key: near for key in strange if (near := _near(key, missing, 0.65) or _near(key, optional, 0.9))}
    for key, meant in guesses.items():
        yield _Problem("OTA309", place, f"{place} has the key '{key}'; did you mean '{meant}'?")
    for key in missing:
        if key not in guesses.values():
            yield _Problem("OTA308", place, f"{place} lacks the key '{key}'")


def _near(word: str, known: Sequence[str], cutoff: float) -> str:
    """A key that is required and absent is guessed at generously, an optional one only where hardly a letter differs."""
    folded = {_folded(name): name for name in known}
    near = difflib.get_close_matches(_folded(word), list(folded), n=1, cutoff=cutoff)
    return folded[near[0]] if near else ""


def _folded(word: str) -> str:
    return "".join(char for char in word.lower() if char.isalnum())


def _item(item: object, place: str) -> Iterator[_Problem]:
    if not isinstance(item, Mapping):
        yield _Problem("OTA309", place, f"{place} is not a dictionary")
        return
    yield from _keys(item, _ITEM_KEYS, _ITEM_KEYS, place)
    metadata, assets = item.get("metadata"), item.get("assets")
    if isinstance(metadata, Mapping):
        yield from _metadata(metadata, f"{place}.metadata")
    elif "metadata" in item:
        yield _Problem("OTA309", place, f"{place}.metadata is not a dictionary")
    if isinstance(assets, Sequence) and not isinstance(assets, (str, bytes)):
        yield from _assets(assets, f"{place}.assets")
    elif "assets" in item:
        yield _Problem("OTA309", place, f"{place}.assets is not an array")


def _metadata(metadata: Mapping[str, Any], place: str) -> Iterator[_Problem]:
    yield from _keys(metadata, _METADATA_REQUIRED, _METADATA_KEYS, place)
    for key in _METADATA_REQUIRED:
        value = metadata.get(key)
        if key in metadata and not (isinstance(value, str) and value.strip()):
            yield _Problem("OTA309", place, f"{place}.{key} is {'empty' if isinstance(value, str) else 'no text'}")
    title = metadata.get("title")
    if isinstance(title, str) and len(title.strip()) == 1:
        message = f"{place}.title is one character; Apple asks for more, devices are observed to take it"
        yield _Problem("OTA309", place, message, mild=True)
    if metadata.get("kind", "software") != "software":
        yield _Problem("OTA309", place, f"{place}.kind is {metadata['kind']!r}; the only value is 'software'")
    if metadata.get("platform-identifier", _PLATFORMS[0]) not in _PLATFORMS:
        shown = metadata["platform-identifier"]
        yield _Problem("OTA309", place, f"{place}.platform-identifier is {shown!r}; an iPhone wants {_PLATFORMS[0]!r}")


def _assets(assets: Sequence[object], place: str) -> Iterator[_Problem]:
    found: list[_Problem] = []
    usable = False
    for index, asset in enumerate(assets):
        here = f"{place}[{index}]"
        if isinstance(asset, Mapping):
            found += _asset(asset, here)
            usable = usable or asset.get("kind") == _PACKAGE
        else:
            found.append(_Problem("OTA309", here, f"{here} is not a dictionary"))
    yield from found
    if not usable and not found:
        yield _Problem("OTA310", place, f"{place} has no asset of the kind '{_PACKAGE}'")


def _asset(asset: Mapping[str, Any], place: str) -> Iterator[_Problem]:
    yield from _keys(asset, _ASSET_REQUIRED, _ASSET_KEYS, place)
    kind, url = asset.get("kind"), asset.get("url")
    if "kind" in asset and kind not in _KINDS:
        near = difflib.get_close_matches(str(kind), _KINDS, n=1, cutoff=0.6)
        if near or not isinstance(kind, str):
            hint = f"; did you mean '{near[0]}'?" if near else ""
            yield _Problem("OTA309", place, f"{place}.kind is {kind!r}{hint}")
    if "url" in asset and not (isinstance(url, str) and url.strip()):
        yield _Problem("OTA309", place, f"{place}.url is empty")
    elif isinstance(url, str) and (odd := _NO_URL.search(url)):
        message = f"{place}.url has {odd[0]!r}, which no URL has unencoded; systems before iOS 17 refuse it"
        yield _Problem("OTA309", place, message, mild=True)


def _found(facts: Facts, rule: str) -> Iterator[Finding]:
    manifest = readable_manifest(facts)
    for problem in _problems(manifest):
        if problem.rule == rule:
            message = f"In the manifest, {problem.message}"
            evidence = f"{proof(manifest.visit.last)}\nat: {problem.place}"
            yield Finding(manifest.visit.last.url, message, evidence, severity="warning" if problem.mild else None)


@checks("OTA307")
def manifest_malformed(facts: Facts) -> Iterator[Finding]:
    """Neither an XML nor a binary property list with a dictionary at its root."""
    manifest = manifest_of(facts)
    state = manifest_state(manifest)
    if state == "malformed":
        visit = manifest.visit
        body = visit.response.body if visit.response else b""
        evidence = f"{proof(visit.last, 'content-type')}\nfirst bytes: {bytes_shown(body, 32)}"
        why, cause = _malformed(manifest)
        yield Finding(visit.last.url, why, evidence, remedy=remedy_for("OTA307", cause))
    elif state != "ok":
        raise NoVerdict("no property list was delivered")
    elif manifest.passed:
        message = f"The manifest has {manifest.passed}; devices pass over it, other readers of XML do not"
        remedy = remedy_for("OTA307", "around")
        yield Finding(manifest.visit.last.url, message, proof(manifest.visit.last), severity="note", remedy=remedy)


def _malformed(manifest: ManifestFacts) -> tuple[str, str]:
    """Say what is wrong with it, and the cause; where it was cut short on its way, that comes first."""
    answer = manifest.visit.response
    if answer is not None and answer.broken is not None:
        return f"The manifest did not arrive whole, {answer.received} bytes did: {answer.broken.message}", "cut"
    body = manifest.head or (answer.body if answer else b"")
    if manifest.cut:
        return "The manifest did not arrive whole: its compressed body ends early", "cut"
    kind = file_kind(body)
    if not body.strip():
        return "The manifest is empty", "empty"
    if kind is not None and kind.cause != "swapped" and body.lstrip()[:1] != b"<":
        words = kind.words if kind.cause != "answer" else f"{kind.words}, not a property list"
        return f"The manifest is {words}: {manifest.parse_error}", _FILES.get(kind.cause, "other")
    if body.startswith((b"PK\x03\x04", b"bplist")):
        what = "the package" if body.startswith(b"PK") else "damaged"
        return f"The manifest is {what}: {manifest.parse_error}", "swapped" if body.startswith(b"PK") else "binary"
    cause = "xml" if b"<plist" in body[:4096] else "other-xml"
    return f"The manifest is not a property list: {manifest.parse_error or 'it cannot be read'}", cause


_FILES = {"answer": "answer", "pointer": "pointer", "base64": "base64"}
"""Causes of what is no markup at all."""


@checks("OTA308")
def manifest_missing_key(facts: Facts) -> Iterator[Finding]:
    """A required key is absent; metadata.kind and bundle-version may be."""
    yield from _found(facts, "OTA308")


@checks("OTA309")
def manifest_bad_value(facts: Facts) -> Iterator[Finding]:
    """A key is there with a value the installer refuses, or its name is misspelt."""
    yield from _found(facts, "OTA309")


@checks("OTA310")
def manifest_no_package(facts: Facts) -> Iterator[Finding]:
    """Nothing in the manifest can be installed: no item, or no asset of the kind software-package."""
    yield from _found(facts, "OTA310")


def _with_url(facts: Facts) -> tuple[ManifestFacts, tuple[Asset, ...]]:
    manifest = readable_manifest(facts)
    assets = tuple(asset for asset in manifest.assets if asset.url.strip())
    if not assets:
        raise NotApplicable("the manifest names no asset")
    return manifest, assets


def _about(asset: Asset, manifest: ManifestFacts, message: str) -> Finding:
    """An image's address does not stop an install: a warning there."""
    mild = asset.kind != _PACKAGE
    evidence = f"{proof(manifest.visit.last)}\n{asset.kind} url: {asset.url}"
    return Finding(asset.url, message, evidence, severity="warning" if mild else None)


def _parts(url: str) -> tuple[str, str]:
    """Scheme (as written, lower case) and host of an asset's URL; empty if there is none."""
    scheme, host, _ = origin(url)
    return scheme.lower(), host


@checks("OTA311")
def asset_url_relative(facts: Facts) -> Iterator[Finding]:
    """An asset's url has no host; the device does not resolve it against the manifest's (observed behaviour)."""
    manifest, assets = _with_url(facts)
    for asset in assets:
        scheme, host = _parts(asset.url)
        if not host and scheme in {"", "https"}:
            yield _about(asset, manifest, f"The {asset.kind} URL {asset.url} has no host")


@checks("OTA312")
def asset_url_not_https(facts: Facts) -> Iterator[Finding]:
    """Apple asks for https; reports of http packages that install exist, and of others that fail."""
    manifest, assets = _with_url(facts)
    for asset in assets:
        scheme, host = _parts(asset.url)
        if scheme != "https" and (scheme or host) and not internal(facts, asset.url):
            shown = scheme or "no scheme"
            message = f"The {asset.kind} URL has {shown} instead of https; Apple forbids it, some systems are reported to take it"
            yield _about(asset, manifest, message)


@checks("OTA313")
def asset_url_internal(facts: Facts) -> Iterator[Finding]:
    """An address that only your network (or the server itself) knows: a proxy does not pass scheme, host and port on."""
    manifest, assets = _with_url(facts)
    for asset in assets:
        why = internal(facts, asset.url)
        if why:
            yield _about(asset, manifest, f"The {asset.kind} URL {asset.url} is internal: {why}")


@checks("OTA316")
def manifest_hash_ignored(facts: Facts) -> Iterator[Finding]:
    """Several hashes need a chunk size of at least one byte, otherwise verification is skipped (observed behaviour)."""
    manifest, assets = _with_url(facts)
    hashed = [asset for asset in assets if asset.hashes]
    if not hashed:
        raise NotApplicable("the manifest has no hashes")
    for asset in hashed:
        if len(asset.hashes) > 1 and not (asset.chunk_size or 0) >= 1:
            key = asset.hash_name or "md5"
            message = f"The {asset.kind} has {len(asset.hashes)} hashes and no {key}-size, so none is checked"
            yield _about(asset, manifest, message)
