"""The bytes of a web page as text, as browsers take them, and whether bytes are a web page at all.

A byte order mark counts first, then the charset of the header, of `<meta>`, or UTF-8. Sources: WHATWG Encoding §4.2, HTML §13.2.3 (encoding sniffing) and MIME Sniffing §7.1. Never raises: what does not decode becomes U+FFFD.
"""

from __future__ import annotations

import re

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([^\s"';,/>]+)""", re.IGNORECASE)
_DECLARED = re.compile(r"""<\?xml[^>]{0,200}encoding\s*=\s*["']([^"']{1,40})["']""", re.IGNORECASE)
_META = re.compile(r"""<meta\b[^>]{0,300}?charset\s*=\s*["']?\s*([^\s"';,/>]+)""", re.IGNORECASE)
_SCANNED = 1024
"""Bytes that browsers look through for a declaration."""
_LABELS = {
    "utf-8": "utf-8 utf8 unicode11utf8 unicode20utf8 unicode-1-1-utf-8 x-unicode20utf8",
    "utf-16-le": "utf-16 utf-16le csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff",
    "utf-16-be": "utf-16be unicodefffe",
    "cp1252": "windows-1252 cp1252 x-cp1252 iso-8859-1 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 iso-ir-100 csisolatin1 "
    "latin1 l1 cp819 ibm819 ascii us-ascii ansi_x3.4-1968",
    "cp1250": "windows-1250 cp1250 x-cp1250",
    "cp1251": "windows-1251 cp1251 x-cp1251",
    "cp1253": "windows-1253 cp1253 x-cp1253",
    "cp1254": "windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 iso-ir-148 csisolatin5 latin5 l5",
    "cp1255": "windows-1255 cp1255 x-cp1255",
    "cp1256": "windows-1256 cp1256 x-cp1256",
    "cp1257": "windows-1257 cp1257 x-cp1257",
    "cp1258": "windows-1258 cp1258 x-cp1258",
    "cp874": "windows-874 dos-874 tis-620 iso-8859-11 iso8859-11 iso885911",
    "cp866": "ibm866 cp866 866 csibm866",
    "iso8859-2": "iso-8859-2 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 iso-ir-101 csisolatin2 latin2 l2",
    "iso8859-3": "iso-8859-3 iso8859-3 iso88593 iso_8859-3 iso-ir-109 csisolatin3 latin3 l3",
    "iso8859-4": "iso-8859-4 iso8859-4 iso88594 iso_8859-4 iso-ir-110 csisolatin4 latin4 l4",
    "iso8859-5": "iso-8859-5 iso8859-5 iso88595 iso_8859-5 iso-ir-144 csisolatincyrillic cyrillic",
    "iso8859-6": "iso-8859-6 iso8859-6 iso88596 iso_8859-6 iso-8859-6-e iso-8859-6-i iso-ir-127 csisolatinarabic arabic asmo-708 ecma-114",
    "iso8859-7": "iso-8859-7 iso8859-7 iso88597 iso_8859-7 iso-ir-126 csisolatingreek greek greek8 elot_928 ecma-118 sun_eu_greek",
    "iso8859-8": "iso-8859-8 iso8859-8 iso88598 iso_8859-8 iso-8859-8-e iso-8859-8-i iso-ir-138 csisolatinhebrew hebrew visual logical",
    "iso8859-10": "iso-8859-10 iso8859-10 iso885910 iso-ir-157 csisolatin6 latin6 l6",
    "iso8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859-15": "iso-8859-15 iso8859-15 iso885915 iso_8859-15 csisolatin9 l9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "koi8-r koi8_r koi8 koi cskoi8r",
    "koi8-u": "koi8-u koi8-ru",
    "mac-roman": "macintosh mac x-mac-roman csmacintosh",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gb18030": "gb18030 gbk x-gbk gb2312 gb_2312 gb_2312-80 csgb2312 csiso58gb231280 iso-ir-58 chinese",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc_jp": "euc-jp x-euc-jp cseucpkdfmtjapanese",
    "iso2022_jp": "iso-2022-jp csiso2022jp",
    "cp932": "shift_jis shift-jis sjis x-sjis csshiftjis windows-31j ms932 ms_kanji",
    "cp949": "euc-kr ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 cseuckr csksc56011987 iso-ir-149 korean windows-949",
}
"""Python's codecs and the labels that browsers take for them (WHATWG Encoding §4.2); Python knows others, and some are no character sets."""
_CODECS = {label: codec for codec, labels in _LABELS.items() for label in labels.split()}


_PACKED = ((b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))


def packing(body: bytes) -> str:
    """Return what nobody can read a page for that is compressed once more than its headers say; empty for another one."""
    name = next((name for start, name in _PACKED if body.startswith(start)), "")
    return f"the body is {name}-compressed, and no Content-Encoding says so" if name else ""


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
    return _CODECS.get(label.strip().lower(), "")


_LOOKED_AT = 8192
_AHEAD = re.compile(r"(?:\s+|<!--.*?-->|<\?(?!xml-stylesheet\b)[^>]*>)*+", re.DOTALL)
"""What may stand before the first tag: blanks, comments, the XML declaration and other instructions."""
_TAG = re.compile(
    r"<(?:!doctype\s+html\b|(?:\w+:)?html\b|/?(?:head|body|script|iframe|h[1-6]|div|font|table|a|style|title|b|br|p|meta|link|base|center|span|"
    r"section|main|header|footer|nav|form|input|ul|ol|li|img|svg|pre|hr|article|noscript|frameset|strong|em|i|label|button|template)(?:[\s>]|/>))",
    re.IGNORECASE,
)
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})


def is_markup(body: bytes, content_type: str = "") -> bool:
    """Say whether a body is a web page or a piece of one. A page of plain words is one where its type says so."""
    text = page_text(body[:_LOOKED_AT], content_type)
    ahead = _AHEAD.match(text)
    rest = text[ahead.end() if ahead else 0 :]
    if _TAG.match(rest):
        return True
    typed = content_type.partition(";")[0].strip().lower() in HTML_TYPES
    return (
        typed
        and bool(rest)
        and rest[0] not in "<{[\0"
        and "<plist" not in text
        and not body.startswith((b"PK", b"bplist"))
    )
