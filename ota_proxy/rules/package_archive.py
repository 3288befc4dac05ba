"""OTA412, OTA413: whether the archive can be unpacked while it arrives, and all of it (ZIP: APPNOTE 6.3.10 §4.3.16); OTA317: whether its hashes are right.

What was not read is "no verdict", never "passed". The manifest's hashes are those of Apple's manifesturl.yaml; ones that a device ignores are OTA316's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ota_proxy.apps.archive import ends_whole
from ota_proxy.apps.manifest import hasher_for
from ota_proxy.facts.app import HashFacts
from ota_proxy.facts.install import PackageFacts, Response
from ota_proxy.rules.catalogue import remedy_for
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.support.evidence import bytes_shown, file_name, proof
from ota_proxy.rules.support.predicates import END_RECORD, delivered, end_bytes, is_encoded, readable_manifest

_END = struct.Struct("<4s4H2IH")


def _unencoded(facts: Facts) -> tuple[list[tuple[PackageFacts, Response]], str]:
    """Return the packages that came as they are stored, with their answers, and why others say nothing; empty if none does."""
    packages = [(package, package.get.response) for package in delivered(facts)]
    plain = [(package, response) for package, response in packages if response and not is_encoded(response)]
    return plain, "the package was sent encoded" if len(plain) < len(packages) else ""


@checks("OTA412")
def package_not_streamable(facts: Facts) -> Iterator[Finding]:
    """iOS unpacks while the bytes arrive and cannot look ahead to the central directory (reported by several users)."""
    plain, unseen = _unencoded(facts)
    for package, _ in plain:
        seen = package.unpacked
        problem, cause = (seen.problem, seen.cause) if seen and seen.problem else _elsewhere(package)
        if problem:
            shown = (
                f"at byte {seen.end}: {bytes_shown(seen.at)}"
                if seen and seen.problem
                else f"in its directory: {problem}"
            )
            message = f"{file_name(package.url)} cannot be unpacked while it arrives: {problem}"
            evidence = f"{proof(package.get.last)}\n{shown}"
            yield Finding(package.url, message, evidence, remedy=remedy_for("OTA412", cause))
        elif seen is None or not seen.whole:
            unseen = unseen or f"only {seen.end if seen else 0} bytes of {file_name(package.url)} were looked at"
    if unseen:
        raise NoVerdict(unseen)


def _elsewhere(package: PackageFacts) -> tuple[str, str]:
    """What the end of the archive says of the rest, which was not read front to back."""
    disks = _disks(package)
    if disks:
        return disks, "disks"
    return (package.app.odd, "method") if package.app and package.app.odd else ("", "")


def _disks(package: PackageFacts) -> str:
    tail = end_bytes(package)
    at = tail.rfind(END_RECORD)
    if at < 0 or at + _END.size > len(tail):
        return ""
    _, disk, central_disk, *_ = _END.unpack_from(tail, at)
    return "it is one part of a multi-disk archive" if disk or central_disk else ""


@checks("OTA413")
def package_truncated(facts: Facts) -> Iterator[Finding]:
    """Fewer bytes than declared, or no end of central directory record."""
    plain, unseen = _unencoded(facts)
    for package, response in plain:
        short = _short(response)
        tail = end_bytes(package)
        if short:
            evidence = f"{proof(package.get.last, 'content-length')}\nreceived: {response.received} bytes"
            yield Finding(package.url, f"{file_name(package.url)} ends early: {short}", evidence)
        elif tail and END_RECORD not in tail:
            evidence = f"{proof(package.tail.last, 'content-range')}\nlast bytes: {bytes_shown(tail[-16:])}"
            yield Finding(package.url, f"{file_name(package.url)} has no end record: it was cut off", evidence)
        elif tail and not ends_whole(tail):
            evidence = f"{proof(package.tail.last, 'content-range')}\nlast bytes: {bytes_shown(tail[-16:])}"
            yield Finding(package.url, f"{file_name(package.url)} ends inside its end record: it was cut off", evidence)
        elif response.truncated:
            unseen = unseen or f"only {response.received} bytes of {file_name(package.url)} were read"
        elif not tail and package.app is None:  # an app is found by way of the end record
            unseen = unseen or f"the end of {file_name(package.url)} was not seen"
    if unseen:
        raise NoVerdict(unseen)


def _short(response: Response) -> str:
    if response.truncated or (response.complete and response.received == (response.length or response.received)):
        return ""
    why = f" ({response.broken.message})" if response.broken else ""
    return f"{response.received} of {response.length if response.length is not None else 'an unknown number of'} bytes came{why}"


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
