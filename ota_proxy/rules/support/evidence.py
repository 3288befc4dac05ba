"""What a finding shows: the request line and the line of the answer that proves it, harmless to print and without secrets.

`safe` makes anything a server sent fit for a report: cut, printable, and with tokens and passwords in URLs shortened to four characters.
"""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import urlsplit

from ota_proxy import limits
from ota_proxy.facts.install import Exchange, Visit
from ota_proxy.printable import clipped, printable

_TELLING_KEYS = (
    r"(?:access|auth|api|id|refresh|security|session)?[_-]?(?:token|key|secret)|sig|signature|password|passwd|pwd|"
    r"x-amz-(?:signature|security-token|credential)|key-pair-id|policy|jwt|code"
)
_QUERY = re.compile(rf"(?i)([?&;](?:amp;)?(?:{_TELLING_KEYS})=)([^&\s\"'<>;#]{{1,4}})([^&\s\"'<>;#]*)")
_ENCODED_QUERY = re.compile(rf"(?i)(%(?:3F|26)(?:{_TELLING_KEYS})%3D)([^%&\s\"'<>]{{1,4}})((?:(?!%26)[^&\s\"'<>])*)")
_USERINFO = re.compile(r"(?i)(\bhttps?://)[^/\s@?#]+@")
_WORD = re.compile(r"[A-Za-z0-9_-]{20,}")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
"""A name such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256."""
_LONGEST = 300  # characters of one header or line; a report is read by people


def redact(text: str) -> str:
    """Shorten secrets inside URLs: values of keys such as token or sig, user:password@, and long random path segments."""
    text = _USERINFO.sub(r"\1…@", text)
    text = _QUERY.sub(r"\1\2…", text)
    text = _ENCODED_QUERY.sub(r"\1\2…", text)
    return _WORD.sub(lambda match: f"{match[0][:4]}…" if _random(match[0]) else match[0], text)


def safe(text: str) -> str:
    """Return text for a report: cut where it is too long, every line printable, secrets shortened."""
    rows = clipped(text, limits.TEXT).split("\n")
    return "\n".join(printable(redact(clipped(row))) for row in rows)


def request_line(exchange: Exchange) -> str:
    """Return `GET https://… [Range: bytes=1-]`: what was asked, with the headers that matter for the answer."""
    asked = [
        f"{name.title()}: {value}" for name, value in exchange.request_headers if _telling(name, value, exchange.url)
    ]
    return f"{exchange.method} {exchange.url}" + (f" [{'; '.join(asked)}]" if asked else "")


def _telling(name: str, value: str, url: str) -> bool:
    """Ranges always, an encoding that was offered, and a host only where it is not the URL's."""
    if name.lower() == "accept-encoding":
        return value != "identity"
    return name.lower() in {"range", "if-range"} or (name.lower() == "host" and value not in url)


def answer(exchange: Exchange) -> str:
    """Return the status line of the answer, or why there is none."""
    if exchange.response is None:
        return f"no answer: {exchange.error.message if exchange.error else 'unknown reason'}"
    response = exchange.response
    return f"HTTP/{response.http_version} {response.status} {response.reason}".rstrip()


def proof(exchange: Exchange, *headers: str) -> str:
    """Return request line, status line and the named headers as they came.

    `(no name)` stands for one that is not there; a name with `?` at its end is left out then.
    """
    lines = [request_line(exchange), answer(exchange)]
    if exchange.response is not None:
        for wanted in headers:
            name = wanted.removesuffix("?")
            values = exchange.response.headers_all(name)
            lines += [f"{name}: {value[:_LONGEST]}" for value in values] or [f"(no {name})"] * (name == wanted)
    return "\n".join(lines)


def hops(visit: Visit) -> str:
    """Return one line for each hop: the request, the status and where it points."""
    return "\n".join(
        f"{request_line(hop)} → {answer(hop)}"
        + (f", Location: {location[:_LONGEST]}" if (location := _location(hop)) else "")
        for hop in visit.hops
    )


def bytes_shown(data: bytes, count: int = 16) -> str:
    """Return the first bytes as hexadecimal pairs and as the text they spell."""
    head = data[:count]
    return f"{head.hex(' ')} ({head.decode('ascii', 'replace')!r})" if head else "(empty body)"


def file_name(url: str) -> str:
    """Return the last segment of a URL's path, for messages."""
    try:
        return urlsplit(url).path.rpartition("/")[2] or url
    except ValueError:
        return url


def _location(hop: Exchange) -> str:
    return (hop.response.header("location") or "") if hop.response else ""


def _random(word: str) -> bool:
    """A token rather than a name: letters and digits change places often, as they never do in words with a version."""
    if _CONSTANT.fullmatch(word):
        return False
    kinds = [char.isdigit() for char in word if char.isalnum()]
    changes = sum(before != after for before, after in pairwise(kinds))
    return changes >= 5 or (len(word) >= 32 and changes >= 3)  # 20 random hex characters change kind about nine times
