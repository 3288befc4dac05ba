"""Server variables of a request, by the names IIS documents (iis-docs, web-dev-reference/server-variables.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ota_proxy.iis_emulator.message import Request
from ota_proxy.iis_emulator.refused import UnmodelledError

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
