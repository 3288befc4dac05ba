"""Whether bytes are a web page: what browsers take for HTML (WHATWG MIME Sniffing §7.1), XHTML, and pieces of either."""

from __future__ import annotations

import re

from ota_proxy.apps.encoding import page_text

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
