"""Turns the bytes of a web page into text as browsers do: byte order mark, then the charset of the header, of `<meta>`, or UTF-8.

Source: WHATWG Encoding §4.2 and HTML §13.2.3 (encoding sniffing). Never raises: what does not decode becomes U+FFFD.
"""

from __future__ import annotations

import codecs
import re

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([^\s"';,/>]+)""", re.IGNORECASE)
_DECLARED = re.compile(r"""<\?xml[^>]{0,200}encoding\s*=\s*["']([^"']{1,40})["']""", re.IGNORECASE)
_META = re.compile(r"""<meta\b[^>]{0,300}?charset\s*=\s*["']?\s*([^\s"';,/>]+)""", re.IGNORECASE)
_SCANNED = 1024
"""Bytes that browsers look through for a declaration."""
_OTHER_NAMES = {
    "utf-16": "utf-16-le",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "unicode": "utf-16-le",
    "latin1": "cp1252",
    "iso-8859-1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift-jis": "cp932",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "big5": "big5hkscs",
    "iso-8859-9": "cp1254",
    "tis-620": "cp874",
}
"""Labels that mean another encoding than Python's of the same name, or one that Python has another name for."""
_KNOWN = re.compile(
    r"utf-?8|utf-16-[lb]e|cp(?:125\d|874|932|949|866)|gb18030|big5hkscs|euc-jp|iso-?8859-\d{1,2}|koi8-[ru]"
)
"""Encodings that pages have; Python knows further codecs, and some of them are no character sets."""


def page_text(body: bytes, content_type: str = "") -> str:
    """Return the text of a page; `content_type` is the header's value."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    return body.decode(_named(body, content_type), "replace").removeprefix("\ufeff")


def _named(body: bytes, content_type: str) -> str:
    head = body[:_SCANNED]
    if (header := _CHARSET.search(content_type)) and (name := _codec(header[1])):
        return name
    for start, name in ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be")):
        if head.startswith(start):  # no character set that a page could declare begins like this
            return name
    text = head.decode("latin-1")
    declared = _DECLARED.match(text) or _META.search(text)
    name = _codec(declared[1]) if declared else ""
    return "utf-8" if name.startswith("utf-16") else name or "utf-8"  # a declaration that could be read is not UTF-16


def _codec(label: str) -> str:
    """Return the codec of a label, or an empty string for one that browsers do not know either."""
    plain = label.strip().lower()
    name = _OTHER_NAMES.get(plain, plain)
    if not _KNOWN.fullmatch(name):
        return ""
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""
