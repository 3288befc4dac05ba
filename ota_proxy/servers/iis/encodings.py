"""How a configuration file is encoded: byte order mark first, then the XML declaration, then UTF-8 (XML 1.0, appendix F)."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BARE = ((b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be"))
_DECLARED = re.compile(r"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_CHARACTER_SETS = re.compile(r"utf-8|ascii|iso8859-\d+|cp\d+|koi8-[ru]|gb18030|gbk|gb2312|big5|shift_jis|euc_jp|euc_kr")
"""Those where `<` is one byte 0x3C; other codecs of Python are no character sets (rot13, unicode_escape)."""
_HEAD = 200


def decode(data: bytes) -> tuple[str, str, int]:
    """Return the text, Python's name of its encoding and the length of the byte order mark; ValueError with the reason."""
    codec, bom = _found(data)
    head = data[bom : bom + _HEAD].decode(codec or "latin-1", "replace")
    declared = _codec(match[1]) if (match := _DECLARED.match(head)) else ""
    if codec.startswith("utf-16") != declared.startswith("utf-16") and declared:
        raise ValueError(f"the file says it is {declared}, its bytes are {codec or 'not'}")
    chosen = codec or declared or "utf-8"
    try:
        return data[bom:].decode(chosen), chosen, bom
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + bom} is not {chosen}") from None


def _found(data: bytes) -> tuple[str, int]:
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec, len(mark)
    return next((codec for start, codec in _BARE if data.startswith(start)), ""), 0


def _codec(name: str) -> str:
    """Return Python's name; ValueError for what is no character set that XML files are written in."""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        found = ""
    if found.startswith("utf-16"):
        return "utf-16"
    if not _CHARACTER_SETS.fullmatch(found):
        raise ValueError(f"the encoding {name} is not known")
    return found
