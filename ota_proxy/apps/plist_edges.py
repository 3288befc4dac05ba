"""What Apple's own reader of XML property lists passes over and an XML parser does not: white space ahead, anything behind the end."""

from __future__ import annotations

import re

_AHEAD = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]+(?=<)")
_BEGIN, _END = b"<plist", b"</plist>"
_MARKS = (b"\xff\xfe", b"\xfe\xff")


def trimmed(body: bytes) -> tuple[bytes, str]:
    """Return an XML property list without what is passed over, and what that was; a binary one, or one in UTF-16, as it is."""
    if body.startswith((b"bplist", *_MARKS)):
        return body, ""
    passed = []
    ahead = _AHEAD.match(body)
    if ahead and body.startswith(b"<?xml", ahead.end()):
        passed.append("white space before the XML declaration")
        body = body[ahead.end() :]
    end = body.find(_END, max(0, body.find(_BEGIN)))
    behind = body[end + len(_END) :].strip(b" \t\r\n") if end >= 0 else b""
    if behind:
        body = body[: end + len(_END)]
        shown = behind.strip(b"\0")[:40].decode("utf-8", "replace")
        passed.append(f"'{shown}' after </plist>" if shown else "zero bytes after </plist>")
    return body, " and ".join(passed)
