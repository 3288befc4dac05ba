"""What a file is that was taken for a package or a manifest, by its first and last bytes; in words for people, with a cause that has a remedy.

Signatures: the formats' own specifications, as collected by the WHATWG (MIME Sniffing §6) and in file(1)'s magic.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

_TAR, _TAR_AT = b"ustar", 257
_DISK_IMAGE, _DISK_IMAGE_FROM_END = b"koly", 512
_LOOKED_AT = 4096
_JSON = re.compile(rb"""\{\s*(?:["}]|\Z)|\[\s*(?:["{\[\]\d-]|true|false|null|\Z)""")
"""How JSON begins (RFC 8259 §4, §5); braces alone may be a property list of the old kind, or text."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: words that follow "is", and a cause of `rules/remedy_causes.toml`."""

    words: str
    cause: str


_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"xar!", Kind("an installer package for macOS (.pkg)", "mac")),
    (b"\x1f\x8b", Kind("a gzip file (.gz or .tar.gz)", "archive")),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7-Zip archive", "archive")),
    (b"Rar!\x1a\x07", Kind("a RAR archive", "archive")),
    (b"BZh", Kind("a bzip2 file", "archive")),
    (b"\xfd7zXZ\0", Kind("an XZ file", "archive")),
    (b"\x28\xb5\x2f\xfd", Kind("a Zstandard file", "archive")),
    (b"\x04\x22\x4d\x18", Kind("an LZ4 file", "archive")),
    (b"AA01", Kind("an Apple Archive (.aar)", "archive")),
    (b"pbze", Kind("an Apple Archive (.aar)", "archive")),
    (b"MSCF", Kind("a cabinet file (.cab)", "archive")),
    (b"!<arch>\n", Kind("a Debian package or a library (.deb, .a)", "other")),
    (b"Cr24", Kind("a browser extension (.crx)", "other")),
    (b"\xca\xfe\xba\xbe", Kind("a program without its app around it (Mach-O)", "binary")),
    (b"\xcf\xfa\xed\xfe", Kind("a program without its app around it (Mach-O)", "binary")),
    (b"\xce\xfa\xed\xfe", Kind("a program without its app around it (Mach-O)", "binary")),
    (b"MZ", Kind("a program for Windows", "other")),
    (b"\x7fELF", Kind("a program for Linux or Android", "other")),
    (b"%PDF-", Kind("a PDF document", "other")),
    (b"\x89PNG\r\n\x1a\n", Kind("an image", "other")),
    (b"\xff\xd8\xff", Kind("an image", "other")),
    (b"bplist", Kind("a binary property list", "other")),
    (b"version https://git-lfs.github.com/", Kind("a pointer of Git LFS instead of the file", "pointer")),
    (b"PK\x07\x08", Kind("one part of a ZIP archive that was split", "parts")),
)


def file_kind(head: bytes, tail: bytes = b"") -> Kind | None:
    """Return what a file is by its first bytes, and its last where they are known; None where they say nothing."""
    found = next((kind for start, kind in _STARTS if head.startswith(start)), None)
    if found is not None:
        return found
    if head[_TAR_AT:].startswith(_TAR):
        return Kind("a tar archive", "archive")
    if tail[-_DISK_IMAGE_FROM_END:].startswith(_DISK_IMAGE):
        return Kind("a disk image for macOS (.dmg)", "mac")
    if _is_base64_of_zip(head):
        return Kind("a ZIP archive written as base64", "base64")
    return _written(head)


def _is_base64_of_zip(head: bytes) -> bool:
    text = b"".join(head[:_LOOKED_AT].split()).partition(b",")[2] if head.startswith(b"data:") else head.lstrip()
    try:
        return base64.b64decode(text[:8], validate=True).startswith(b"PK\x03\x04")
    except (binascii.Error, ValueError):
        return False


def _written(head: bytes) -> Kind | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:_LOOKED_AT]
    if b"<plist" in start:
        return Kind("a property list, perhaps the manifest", "swapped")
    if _JSON.match(start):
        return Kind("JSON", "answer")
    if start.startswith(b"<?xml") or (start[:1] == b"<" and start[1:2].isalpha()):
        return Kind("XML, perhaps an error of a storage service", "answer")
    if start and not any(byte < 0x20 and byte not in b"\t\r\n" for byte in start):
        return Kind("text", "answer")
    return None


_INSIDE: tuple[tuple[str, Kind], ...] = (
    ("AndroidManifest.xml", Kind("an Android app (.apk): AndroidManifest.xml is in it", "android")),
    ("base/manifest/AndroidManifest.xml", Kind("an Android bundle (.aab)", "android")),
    ("[Content_Types].xml", Kind("a document of an office program", "other")),
    ("META-INF/MANIFEST.MF", Kind("a Java archive", "other")),
)
_MOST_NAMES = 20_000


def archive_kind(names: Sequence[str]) -> Kind:
    """Return what an archive without Payload/NAME.app at its top is, and where the app is if there is one."""
    looked = names[:_MOST_NAMES]
    known = set(looked)
    place = next((found for name in looked if (found := _app_in(name))), "")
    if place:
        return _misplaced(place)
    kind = next((kind for inside, kind in _INSIDE if inside in known), None)
    if kind is not None:
        return kind
    packed = next((name for name in looked if name.lower().endswith((".ipa", ".apk", ".xapk"))), "")
    if packed:
        ours = packed.lower().endswith(".ipa")
        return Kind(f"a ZIP archive with '{packed[:120]}' in it", "wrapped" if ours else "android")
    return Kind("a ZIP archive, and the archive has no folder Payload/NAME.app", "empty")


def _app_in(name: str) -> str:
    """Return the path of the app that a name lies in, its own slashes kept; empty if it lies in none."""
    plain = name.replace("\\", "/")
    at = f"{plain}/".lower().find(".app/")
    if plain.startswith("__MACOSX/") or at <= 0 or "/.app/" in f"/{plain}/".lower():
        return ""
    return name[: at + len(".app")]


def _misplaced(place: str) -> Kind:
    if "\\" in place:
        return Kind(f"not unpacked into folders: its names have backslashes ('{place[:120]}')", "backslashes")
    inside = place.split("/")
    if len(inside) == 2 and inside[0].lower() == "payload":
        return Kind(f"a ZIP archive whose folder is called '{inside[0]}' instead of Payload", "deeper")
    if "Payload" in inside:
        return Kind(f"a ZIP archive with Payload not at its top: the app is at '{place[:120]}'", "deeper")
    if ".xcarchive/" in place or place.startswith("Products/Applications/"):
        return Kind(f"an archive of Xcode that was not exported: the app is at '{place[:120]}'", "exported")
    return Kind(f"a ZIP archive without Payload: the app is at '{place[:120]}'", "deeper")
