"""OTA317: whether the package still is what the manifest's hashes were made of (Apple's manifesturl.yaml).

Hashes that a device ignores are OTA316's. A package that was not read in full gives no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.apps.manifest import hasher_for
from ota_proxy.facts.app import HashFacts
from ota_proxy.facts.install import PackageFacts
from ota_proxy.rules.evidence import file_name, proof
from ota_proxy.rules.model import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.predicates import delivered, is_encoded, readable_manifest
from ota_proxy.rules.registry import checks


@checks("OTA317")
def manifest_hash_mismatch(facts: Facts) -> Iterator[Finding]:
    """Every hash of the manifest is that of its chunk; one alone stands for the whole file (observed behaviour)."""
    assets = readable_manifest(facts).assets
    hashed = [asset for asset in assets if hasher_for([asset])]
    if not hashed:
        raise NotApplicable("the manifest has no hashes that a device checks")
    unseen = ""
    for package in delivered(facts):
        if not any(asset.url == package.url for asset in hashed):
            continue
        if package.hashed is None:
            unseen = unseen or _unread(package)
        elif difference := _difference(package.hashed):
            message = f"{file_name(package.url)} is not what the manifest's hashes were made of: {difference}"
            yield Finding(package.url, message, f"{proof(package.get.last)}\n{_pair(package.hashed)}")
    if unseen:
        raise NoVerdict(unseen)


def _unread(package: PackageFacts) -> str:
    response = package.get.response
    if is_encoded(response):
        return "the package was sent encoded"
    got = response.received if response else 0
    return f"only {got} bytes of {file_name(package.url)} were read; check --full reads all of them"


def _first(hashes: HashFacts) -> int | None:
    """Return the index of the first chunk whose hash differs, or None."""
    pairs = zip(hashes.wanted, hashes.found, strict=False)
    return next((index for index, (want, have) in enumerate(pairs) if want.strip().lower() != have), None)


def _difference(hashes: HashFacts) -> str:
    index = _first(hashes)
    kind = {"md5": "MD5", "sha256": "SHA-256"}[hashes.name]
    if index is not None:
        if not hashes.chunk:
            return f"its {kind} differs"
        begin = index * hashes.chunk
        return f"the {kind} of chunk {index + 1} differs (from byte {begin}, chunks of {hashes.chunk} bytes)"
    if len(hashes.found) > len(hashes.wanted):
        return f"it is longer than {len(hashes.wanted)} chunks of {hashes.chunk} bytes"
    if len(hashes.found) < len(hashes.wanted):
        return f"it has {len(hashes.found)} chunks of {hashes.chunk} bytes, the manifest {len(hashes.wanted)}"
    return ""


def _pair(hashes: HashFacts) -> str:
    index = _first(hashes)
    if index is None:
        return f"{hashes.name}s: {len(hashes.wanted)}, of {hashes.chunk} bytes each"
    return f"manifest: {hashes.wanted[index]}\npackage: {hashes.found[index]}"
