"""A request as nginx takes it in: the URI with `%xx` decoded, `.` and `..` resolved and slashes merged, and the arguments apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ota_proxy.errors import UsageError
from ota_proxy.limits import URL

_PORTS: Final = {"http": 80, "https": 443}
_METHODS: Final = ("GET", "HEAD")
_FIELD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)


class BadUriError(Exception):
    """nginx answers 400 to this URI."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: URL and header fields; `host` is lower case and without a port, `target` is what stands in the request line."""

    url: str
    method: str
    scheme: str
    host: str
    port: int
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    read: bool = True
    """Whether nginx came as far as the Host field before it refused the request."""

    @property
    def tls(self) -> bool:
        """Say whether the request comes over TLS."""
        return self.scheme == "https"

    @property
    def host_header(self) -> str:
        """Return the Host field: the person's own, else host and port of the URL."""
        if self.has("host"):
            return self.header("host")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def sni(self) -> str:
        """Return the name that a TLS client asks for; clients send none for an address."""
        literal = ":" in self.host or self.host.replace(".", "").isdigit()
        return self.host if self.tls and not literal else ""

    def header(self, name: str) -> str:
        """Return the last field of a name, empty if there is none."""
        return next((value for key, value in reversed(self.headers) if key == name), "")

    def has(self, name: str) -> bool:
        """Say whether there is a field of a name, be it empty."""
        return any(key == name for key, _ in self.headers)


def asked(url: str, method: str = "GET", headers: Iterable[str] = ()) -> Request:
    """Read what a person asks; UsageError where URL, method or a field is not valid."""
    if len(url) > URL:
        raise UsageError(f"the URL has more than {URL} characters", hint="name one that a phone would ask for")
    if method not in _METHODS:
        raise UsageError(f"'{method}' is not a method that is answered", hint="--method GET or --method HEAD")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"'{url}' is not a URL: {error}", hint="name it as https://host/path") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UsageError(f"'{url}' is not a URL of http or https", hint="name it as https://host/path")
    try:
        host = parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
    except UnicodeError:
        raise UsageError(f"'{parts.hostname}' is not a host name", hint="name it as https://host/path") from None
    target = re.sub(r"[^\x21-\x7e]", _percent, parts.path or "/") + (
        f"?{parts.query}" if "?" in url.partition("#")[0] else ""
    )
    fields = tuple(_field(one) for one in headers)
    return Request(url, method, parts.scheme, host.lower(), port or _PORTS[parts.scheme], target, fields)


def served_host(field: str) -> str | None:
    """Return the name in a Host field, in lower case and without its port, after `ngx_http_validate_host`; None where nginx answers 400."""
    if re.search(r"\.\.|[/\x00-\x20\x7f]", field):
        return None
    literal = re.match(r"\[[^\]]*\]", field)
    name = (literal[0] if literal else field.partition(":")[0]).lower().removesuffix(".")
    return name or None


def _field(text: str) -> tuple[str, str]:
    name, sign, value = text.partition(":")
    if not sign or not _FIELD.fullmatch(name) or re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        raise UsageError(f"'{text}' is not a header field", hint="write it as 'Name: value'")
    return name.lower(), value.strip()


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))


def split(target: str) -> tuple[str, str]:
    """Return path and arguments of a target."""
    path, _, args = target.partition("?")
    return path, args


def normal(path: str, *, merge_slashes: bool = True) -> str:
    """Return the URI that locations are compared with, after `ngx_http_parse_complex_uri`; BadUriError where nginx answers 400."""
    text = _decoded(path)
    if "/" not in text[:1]:
        raise BadUriError
    found: list[str] = []
    steps = text.split("/")[1:]
    for position, step in enumerate(steps):
        last = position == len(steps) - 1
        if step == "..":
            if not found:
                raise BadUriError
            found.pop()
        if step in {".", ".."}:
            if last:
                found.append("")
        elif step or last or not merge_slashes:
            found.append(step)
    return "/" + "/".join(found)


def _decoded(path: str) -> str:
    if "%" not in path:
        return path
    if re.search(r"%(?![0-9A-Fa-f]{2})|%00", path):
        raise BadUriError
    data = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), path.encode("ascii"))
    return data.decode("utf-8", "surrogateescape")


def extension(uri: str) -> str:
    """Return the extension that types are looked up by, in lower case, after `ngx_http_set_exten`."""
    name = uri.rpartition("/")[2]
    stem, dot, found = name.rpartition(".")
    return found.lower() if dot and stem else ""


def wants_gzip(text: str) -> bool:
    """Say whether an Accept-Encoding asks for gzip."""
    for part in text.lower().split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip() == "gzip":
            return not re.fullmatch(r"\s*q=0(\.0{0,3})?\s*", weight)
    return False
