"""Server variables of a request, and the strings with braces that rules write: variables, back references, rewrite maps, functions.

Source: iis-docs, web-dev-reference/server-variables.md; URL Rewrite configuration reference, "Using server variables", "back-references",
"String functions", "Rewrite maps".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote

from ota_proxy.iis_emulator.ecma import Groups
from ota_proxy.iis_emulator.message import Request
from ota_proxy.iis_emulator.modelled import UnmodelledError

SERVER = "Microsoft-IIS/10.0"
_NOT_MODELLED = frozenset(
    [
        "ALL_HTTP",
        "ALL_RAW",
        "APPL_MD_PATH",
        "APP_POOL_CONFIG",
        "AUTH_PASSWORD",
        "AUTH_TYPE",
        "AUTH_USER",
        "CERT_COOKIE",
        "CERT_FLAGS",
        "CERT_ISSUER",
        "CERT_KEYSIZE",
        "CERT_SECRETKEYSIZE",
        "CERT_SERIALNUMBER",
        "CERT_SERVER_ISSUER",
        "CERT_SERVER_SUBJECT",
        "CERT_SUBJECT",
        "CRYPT_CIPHER_ALG_ID",
        "CRYPT_HASH_ALG_ID",
        "CRYPT_KEYEXCHANGE_ALG_ID",
        "CRYPT_PROTOCOL",
        "FORWARDED_URL",
        "HTTPS_KEYSIZE",
        "HTTPS_SECRETKEYSIZE",
        "HTTPS_SERVER_ISSUER",
        "HTTPS_SERVER_SUBJECT",
        "INSTANCE_META_PATH",
        "LOGON_USER",
        "MANAGED_PIPELINE_MODE",
        "REMOTE_USER",
        "REQUEST_FLAGS",
        "SCRIPT_TRANSLATED",
        "UNMAPPED_REMOTE_USER",
        "WEBSOCKET_VERSION",
        "URL_PATH_INFO",
        "SSI_EXEC_DISABLED",
    ]
)


def check_name(name: str, where: str) -> None:
    """UnmodelledError for a documented variable that has no value here, and for what cannot be a name."""
    if name.upper() in _NOT_MODELLED:
        raise UnmodelledError(f"the server variable {{{name}}} of {where}")
    if not name or not all(char.isalnum() or char in "_-" for char in name):
        raise UnmodelledError(f"'{{{name}}}' of {where}", why="it is not a server variable")


@dataclass(slots=True)
class Variables:
    """The variables of one request. `path` and `query` are the current URL's and change when rules rewrite it."""

    request: Request
    path: str
    query: str
    physical: Callable[[str], Path]
    root: Path
    site_name: str
    site_id: str
    pool: str
    own: dict[str, str] = field(default_factory=dict)
    """What rules have set, in upper case."""
    response: Callable[[str], str] | None = None
    """Response headers by name, and `status`; None before there is a response."""

    def get(self, name: str) -> str:
        """Return a value, empty for a name that nobody has set."""
        upper = name.upper()
        if upper in self.own:
            return self.own[upper]
        if upper.startswith("RESPONSE_") and self.response is not None:
            return self.response(upper.removeprefix("RESPONSE_").replace("_", "-"))
        if (known := _KNOWN.get(upper)) is not None:
            return known(self)
        if upper.startswith("HTTP_"):
            return self.request.header(upper.removeprefix("HTTP_").replace("_", "-"))
        return ""

    def set(self, name: str, value: str, *, replace: bool) -> None:
        """Set a variable; a name that begins with HTTP_ is a request header."""
        upper = name.upper()
        if not replace and self.get(upper):
            return
        if upper.startswith("HTTP_"):
            self.request.set_header(upper.removeprefix("HTTP_").replace("_", "-").lower(), value)
        else:
            self.own[upper] = value


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


_KNOWN: Mapping[str, Callable[[Variables], str]] = {
    "APPL_PHYSICAL_PATH": lambda v: f"{v.root}/",
    "APP_POOL_ID": lambda v: v.pool,
    "CACHE_URL": lambda v: f"{v.request.scheme}://{v.request.header('host')}{_with_query(v.path, v.query)}",
    "CONTENT_LENGTH": lambda v: v.request.header("content-length") or "0",
    "CONTENT_TYPE": lambda v: v.request.header("content-type"),
    "DOCUMENT_ROOT": lambda v: str(v.root),
    "GATEWAY_INTERFACE": lambda _: "CGI/1.1",
    "HTTPS": lambda v: "on" if v.request.secure else "off",
    "HTTP_METHOD": lambda v: v.request.method,
    "HTTP_URL": lambda v: v.request.target,
    "HTTP_VERSION": lambda v: v.request.protocol,
    "HTTP_X_ORIGINAL_URL": lambda v: _with_query(v.request.path, v.request.query),
    "INSTANCE_ID": lambda v: v.site_id,
    "INSTANCE_NAME": lambda v: v.site_name,
    "LOCAL_ADDR": lambda v: v.request.local[0],
    "PATH_INFO": lambda v: v.path,
    "PATH_TRANSLATED": lambda v: str(v.physical(v.path)),
    "QUERY_STRING": lambda v: v.query,
    "REMOTE_ADDR": lambda v: v.request.remote[0],
    "REMOTE_HOST": lambda v: v.request.remote[0],
    "REMOTE_PORT": lambda v: str(v.request.remote[1]),
    "REQUEST_FILENAME": lambda v: str(v.physical(v.path)),
    "REQUEST_METHOD": lambda v: v.request.method,
    "REQUEST_URI": lambda v: _with_query(v.path, v.query),
    "SCRIPT_FILENAME": lambda v: str(v.physical(v.path)),
    "SCRIPT_NAME": lambda v: v.path,
    "SERVER_ADDR": lambda v: v.request.local[0],
    "SERVER_NAME": lambda v: v.request.host,
    "SERVER_PORT": lambda v: str(v.request.local[1]),
    "SERVER_PORT_SECURE": lambda v: "1" if v.request.secure else "0",
    "SERVER_PROTOCOL": lambda v: v.request.protocol,
    "SERVER_SOFTWARE": lambda _: SERVER,
    "UNENCODED_URL": lambda v: v.request.target,
    "URL": lambda v: v.path,
}


_HIGHEST = 9
"""Back references are {R:0} to {R:9}; {C:n} goes on where all captures are tracked."""


@dataclass(frozen=True, slots=True)
class RewriteMap:
    """A map by name: keys are compared without case unless it says otherwise; `default` stands for every other key."""

    entries: Mapping[str, str]
    default: str = ""
    ignore_case: bool = True

    def look_up(self, key: str) -> str:
        """Return the value of a key."""
        if not self.ignore_case:
            return self.entries.get(key, self.default)
        wanted = key.lower()
        return next((value for name, value in self.entries.items() if name.lower() == wanted), self.default)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a string may refer to while it is expanded."""

    variable: Callable[[str], str]
    rule: Groups
    conditions: Groups
    maps: Mapping[str, RewriteMap]


Part = Callable[[Scope], str]


@dataclass(frozen=True, slots=True)
class Template:
    """A string in parts; `text` is how it was written."""

    text: str
    parts: tuple[Part, ...]

    def expand(self, scope: Scope) -> str:
        """Return the string with everything filled in."""
        return "".join(part(scope) for part in self.parts)


def template(text: str, maps: Collection[str], where: str) -> Template:
    """Read a string; UnmodelledError for a brace, name or function whose meaning is not documented."""
    reader = _Reader(text, {name.lower(): name for name in maps}, where)
    parts = reader.parts(inside=False)
    return Template(text, parts)


class _Reader:
    def __init__(self, text: str, maps: Mapping[str, str], where: str) -> None:
        self.text, self.maps, self.where, self.at = text, maps, where, 0

    def parts(self, *, inside: bool) -> tuple[Part, ...]:
        found: list[Part] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "}":
                if inside:
                    return tuple(found)
                raise self._bad("a closing brace without its opening one")
            found.append(self._reference() if char == "{" else self._literal())
        if inside:
            raise self._bad("an opening brace without its closing one")
        return tuple(found)

    def _literal(self) -> Part:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in "{}":
            self.at += 1
        literal = self.text[start : self.at]
        return lambda _: literal

    def _reference(self) -> Part:
        self.at += 1
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ":{}":
            self.at += 1
        name, sign = self.text[start : self.at], self.text[self.at : self.at + 1]
        self.at += 1
        if sign == "}":
            return self._variable(name)
        if sign != ":":
            raise self._bad("braces that are not closed, or nested without a function")
        argument = self.parts(inside=True)
        self.at += 1
        return self._called(name, argument, self.text[start + len(name) + 1 : self.at - 1])

    def _variable(self, name: str) -> Part:
        check_name(name, self.where)
        return lambda scope: scope.variable(name)

    def _called(self, name: str, argument: tuple[Part, ...], written: str) -> Part:
        if name in ("R", "C"):
            return self._back_reference(name, written)
        inner = Template(written, argument)
        if name.lower() in _FUNCTIONS:
            change = _FUNCTIONS[name.lower()]
            return lambda scope: change(inner.expand(scope))
        if name.lower() not in self.maps:
            raise self._bad(f"{{{name}:…}}, which is neither a function nor a rewrite map that is defined")
        known = self.maps[name.lower()]
        return lambda scope: scope.maps[known].look_up(inner.expand(scope))

    def _back_reference(self, name: str, written: str) -> Part:
        if not (written.isascii() and written.isdigit() and len(written) < 4) or (
            name == "R" and int(written) > _HIGHEST
        ):
            raise self._bad(f"{{{name}:{written}}}, which is not a back reference")
        number = int(written)

        def value(scope: Scope) -> str:
            groups = scope.rule if name == "R" else scope.conditions
            return (groups[number] or "") if number < len(groups) else ""

        return value

    def _bad(self, why: str) -> UnmodelledError:
        return UnmodelledError(
            f"'{self.text}' of {self.where}", why=f"it has {why}; what IIS does then is not documented"
        )


def url_encode(text: str) -> str:
    """Return the text percent-encoded as UTF-8, all but letters, digits and `-._~`."""
    return quote(text, safe="", errors="surrogateescape")


def _url_decode(text: str) -> str:
    return unquote(text, errors="replace")


_FUNCTIONS: Mapping[str, Callable[[str], str]] = {
    "tolower": str.lower,
    "urlencode": url_encode,
    "urldecode": _url_decode,
    "htmlencode": escape,
}
