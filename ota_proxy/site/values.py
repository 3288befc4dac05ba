"""The kinds of value a site is made of, each with the check that keeps unsafe text out of every server's grammar.

A check returns the normalised value or raises ValueError with one clear sentence. What only *one* server cannot quote
(a `$` for nginx, a `%` in an IIS path) is refused by that server's renderer, by name.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote_to_bytes, urlsplit

import idna
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from ota_proxy.addresses import bracketed

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_PREFIX_SIGNS = " ._~@+,=:!-'()&;$*"
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""A last label that makes readers of URLs take the whole name for an IPv4 address (URL standard, "ends in a number")."""
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*", re.ASCII)
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#&^_.+-]+/[A-Za-z0-9!#&^_.+-]+(?:; ?charset=[A-Za-z0-9-]+)?", re.ASCII)
_SIZE = re.compile(r"([1-9][0-9]{0,12})([KMG]?)", re.ASCII | re.IGNORECASE)
_UNITS = ("", "K", "M", "G")  # each 1024 times the one before it
_MOST_BYTES = 1 << 40
_EXTENSION = re.compile(r"\.?[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
_NOWHERE = (0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF)
"""Line separators, the byte order mark, and what XML 1.0 §2.2 excludes."""
_FRAMING = frozenset(
    [
        "accept-ranges",
        "age",
        "allow",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "etag",
        "expires",
        "keep-alive",
        "last-modified",
        "location",
        "proxy-authenticate",
        "proxy-connection",
        "retry-after",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
    ]
)
"""Headers that say what an answer is, or that servers write themselves; a fixed one would be a lie, or a second one (RFC 9110, 9111, 9112)."""


class PartError(ValueError):
    """What is wrong with a part of a site, and the `key` inside that part which is to blame."""

    def __init__(self, text: str, *key: str | int) -> None:
        super().__init__(text)
        self.key = key


def refuse_control(text: str, what: str) -> str:
    """Return `text` unless it holds a character no configuration file can carry: control, separator, surrogate, no character."""
    for char in text:
        code = ord(char)
        if code < 0x20 or 0x7F <= code <= 0x9F or code in _NOWHERE or 0xD800 <= code <= 0xDFFF:
            raise ValueError(f"{what} has the character U+{code:04X}, which no server configuration can carry")
    return text


def _ascii_host(text: str, what: str) -> str:
    refuse_control(text, what)
    try:
        host = text if text.isascii() else idna.encode(text, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{what} '{text}' is not a valid international name: {error}") from None
    host = host.lower().removesuffix(".")
    if len(host) > 253 or not host or not all(_LABEL.fullmatch(label) for label in host.split(".")):  # RFC 1035 §2.3.4
        raise ValueError(f"{what} '{text}' is not a host name: letters, digits and hyphens between dots")
    return host


def _domain(text: str) -> str:
    """Accept `ota.example.com`, `*.example.com` and international names (converted to their ASCII form, RFC 5891)."""
    star = "*." if text.startswith("*.") else ""
    host = _ascii_host(text.removeprefix("*."), "the domain")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise ValueError(f"the domain '{text}' is an address; SNI and certificates of a site need a name (RFC 6066 §3)")
    if star and "." not in host:
        raise ValueError(f"the domain '{text}' would cover a whole top-level domain")
    return star + host


def _public_url(text: str) -> str:
    """Accept `https://host[:port]`: what the device sees, without path, query or user."""
    refuse_control(text, "the public URL")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"the public URL '{text}' cannot be read: {error}") from None
    if parts.scheme != "https":
        raise ValueError(f"the public URL '{text}' must start with https://, a device refuses everything else")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(
            f"the public URL '{text}' must be scheme, host and port only, such as https://ota.example.com:8443"
        )
    if port == 0:
        raise ValueError(f"the public URL '{text}' has port 0; a port is 1 to 65535")
    host = _ascii_host(parts.hostname or "", "the public URL's host")
    return f"https://{host}" + ("" if port in (None, 443) else f":{port}")


def _file_path(text: str) -> str:
    """Accept an absolute POSIX path or a Windows path with a drive; no `;`, no control characters, no `..` step."""
    refuse_control(text, "the path")
    if ";" in text:
        raise ValueError(f"the path '{text}' has a ';', which ends a directive in nginx; rename the file or folder")
    if not (text.startswith("/") or _WINDOWS.match(text)):
        raise ValueError(f"the path '{text}' is not absolute; write it from / (or from a drive such as C:\\)")
    if ".." in re.split(r"[\\/]", text):
        raise ValueError(f"the path '{text}' has a '..' step; write the folder it leads to")
    if _WINDOWS.match(text):
        return text[:3] + text[3:].rstrip("\\/")
    return text.rstrip("/") or "/"


def _prefix(text: str) -> str:
    """Accept a URL prefix from slash to slash, `/`, `/ota/`, `/über uns (1)/`, also percent-encoded; return it decoded and composed (NFC)."""
    refuse_control(text, "the location path")
    plain = unicodedata.normalize("NFC", _percent_decoded(text))
    steps = plain.split("/")
    if (steps[0], steps[-1]) != ("", "") or "" in steps[1:-1] or plain == "" or {".", ".."} & set(steps):
        raise ValueError(
            f"the location path '{text}' must start and end with '/', with one slash between two names and no . or .. among them"
        )
    if bad := next((char for step in steps for char in step if not _in_prefix(char)), ""):
        raise ValueError(
            f"the location path '{text}' has '{bad}', which no prefix can have; letters and digits of any script, spaces"
            f" and {_PREFIX_SIGNS.strip()} are allowed between the slashes"
        )
    return plain


def _in_prefix(char: str) -> bool:
    return char in _PREFIX_SIGNS or char.isalnum() or (not char.isascii() and char.isprintable())


def _percent_decoded(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError(f"the location path '{text}' has a '%' without two hexadecimal digits after it")
    try:
        plain = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"the location path '{text}' is not UTF-8 where it is percent-encoded") from None
    if plain.count("/") != text.count("/"):
        raise ValueError(
            f"the location path '{text}' has an encoded slash (%2F), which a server does not take for a slash"
        )
    return refuse_control(plain, "the location path")


def _header_name(text: str) -> str:
    refuse_control(text, "the header name")
    if not _HEADER.fullmatch(text):
        raise ValueError(f"'{text}' is not a header name: letters, digits and hyphens")
    if text.lower() in {"content-type", "cache-control", "strict-transport-security"}:
        raise ValueError(f"the header {text} is written by ota-proxy; use media_types, cache or hsts instead")
    if text.lower() in _FRAMING:
        raise ValueError(f"the header {text} is set by the server for each file; it cannot have one value for all")
    return text


def _header_value(text: str) -> str:
    refuse_control(text, "the header value")
    if not text.isascii() or text != text.strip() or not text:
        raise ValueError("a header value is printable ASCII, not empty, without spaces at its ends (RFC 9110 §5.5)")
    return text


def _media_type(text: str) -> str:
    refuse_control(text, "the media type")
    if not _MEDIA_TYPE.fullmatch(text):
        raise ValueError(f"'{text}' is not a media type such as application/octet-stream or text/xml; charset=utf-8")
    return text


def _extension(text: str) -> str:
    refuse_control(text, "the file extension")
    if not _EXTENSION.fullmatch(text):
        raise ValueError(f"'{text}' is not a file extension such as .ipa")
    return "." + text.lower().removeprefix(".")


def _size(value: object) -> int:
    """Read a size: a whole number of bytes, or a text such as 500M, whose K, M or G stands for 1024 of the one before it."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    number = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if match:
        number = int(match[1]) << 10 * _UNITS.index(match[2].upper())
    if not 0 < number <= _MOST_BYTES:
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        raise ValueError(
            f'{shown[:60]} is not a size: write bytes, or a number and K, M or G (of 1024 each) in quotes, such as "500M",'
            f" at most {size_text(_MOST_BYTES)}; or false for no limit"
        )
    return number


def size_text(number: int) -> str:
    """Write a number of bytes in the largest unit that leaves it whole: 1536 → 1536, 2048 → 2K."""
    power = next(power for power in (3, 2, 1, 0) if number % (1 << 10 * power) == 0)
    return f"{number >> 10 * power}{_UNITS[power]}"


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a proxied location goes: `scheme` http, https or unix; `host` and `port`, or the socket's `path`."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        """Write it as it stands in a site file."""
        if self.scheme == "unix":
            return f"unix:{self.path}"
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"


def parse_upstream(text: str) -> Upstream:
    """Read `http://host:port`, `https://host:port` or `unix:/run/app.sock`; ValueError says what is wrong."""
    refuse_control(text, "the upstream")
    if len(re.findall(r"https?://|unix:", text)) > 1 or (
        not text.startswith("unix:") and re.search(r"[\s,;|]", text.strip())
    ):
        raise _several(text)
    if text.startswith("unix:"):
        path = _file_path(text.removeprefix("unix:").removeprefix("//"))
        if ":" in path or _WINDOWS.match(path):
            raise ValueError(f"the upstream '{text}': a socket path has no ':' in it")
        return Upstream("unix", path=path)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"the upstream '{text}' cannot be read: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"the upstream '{text}' must be http://host:port, https://host:port or unix:/path.sock")
    if parts.path or parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError(
            f"the upstream '{text}' has a path or query: it gets the device's path unchanged, so write host and port only"
        )
    if parts.username is not None:
        raise ValueError("the upstream must not carry a user or password: a configuration file is not the place for it")
    if port == 0:
        raise ValueError(f"the upstream '{text}' has port 0; a port is 1 to 65535")
    return Upstream(
        parts.scheme,
        host_name(parts.hostname or "", "the upstream's host"),
        port or (443 if parts.scheme == "https" else 80),
    )


def _several(text: str) -> ValueError:
    shown = "..." if "@" in text else text  # what stands before an @ may be a password
    return ValueError(
        f"the upstream '{shown}' looks like several, and a location has one: name a load balancer in front of"
        " them (HAProxy, or an nginx with an upstream block and a server line for each)"
    )


def _one_upstream(value: object) -> object:
    if isinstance(value, (list, tuple)):
        raise _several(", ".join(map(str, value)))
    return value


def host_name(text: str, what: str) -> str:
    """Return an address without a zone, or a name in its ASCII form; `what` begins the sentence of the refusal."""
    if "%" in text:
        raise ValueError(f"{what} '{text}' has a '%': write an address without a zone, or a name")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        host = _ascii_host(text, what)
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise ValueError(
            f"{what} '{text}' ends in a number and is not an address: four numbers from 0 to 255, with dots"
        )
    return host


def _upstream(text: str) -> str:
    return str(parse_upstream(text))


Domain = Annotated[str, AfterValidator(_domain)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
FilePath = Annotated[str, AfterValidator(_file_path)]
UrlPrefix = Annotated[str, AfterValidator(_prefix)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
MediaType = Annotated[str, AfterValidator(_media_type)]
Extension = Annotated[str, AfterValidator(_extension)]
UpstreamUrl = Annotated[str, BeforeValidator(_one_upstream), AfterValidator(_upstream)]
Size = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": _MOST_BYTES},
                {"type": "string", "pattern": "^[1-9][0-9]{0,12}[KMGkmg]?$"},
            ]
        }
    ),
]
