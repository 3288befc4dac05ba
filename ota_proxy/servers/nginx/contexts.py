"""What an nginx file is, by the names of the directives in it: a whole configuration, a fragment for one level, or no file of nginx at all."""

from __future__ import annotations

from typing import Final

CONTEXTS: Final = {
    "main": {
        "http",
        "events",
        "stream",
        "mail",
        "user",
        "worker_processes",
        "load_module",
        "pid",
        "error_log",
        "daemon",
    },
    "http": {"server", "upstream", "map", "geo", "split_clients", "limit_req_zone", "proxy_cache_path", "log_format"},
    "server": {"location", "listen", "server_name", "ssl_certificate", "ssl_certificate_key", "ssl_protocols"},
}
"""Context of a fragment → the directives that say so, outermost first."""
ANYWHERE: Final = frozenset(
    {
        *(
            "add_header",
            "alias",
            "allow",
            "auth_basic",
            "autoindex",
            "charset",
            "default_type",
            "deny",
            "error_page",
            "etag",
            "expires",
        ),
        *(
            "fastcgi_pass",
            "fastcgi_param",
            "gzip",
            "gzip_types",
            "if",
            "index",
            "internal",
            "limit_except",
            "log_not_found",
            "access_log",
        ),
        *(
            "proxy_pass",
            "proxy_set_header",
            "proxy_redirect",
            "proxy_http_version",
            "return",
            "rewrite",
            "root",
            "satisfy",
            "set",
            "types",
        ),
        *(
            "sendfile",
            "server_tokens",
            "sub_filter",
            "try_files",
            "uwsgi_pass",
            "max_ranges",
            "client_max_body_size",
            "include",
        ),
    }
)
"""Directives of locations (and of levels around them) by which a file is known for nginx's."""
ABOUT: Final = {
    "mime.types": "types",
    "options-ssl-nginx.conf": "tls",
    **dict.fromkeys(("fastcgi_params", "fastcgi.conf", "proxy_params", "scgi_params", "uwsgi_params"), "upstream"),
}
"""Files of distributions and of certbot that hold one kind of directives only."""
INSIDE: Final = {"http": "http", "server": "server", "location": "location"}
"""Context of a fragment → the block that it stands in."""


def recognised(names: set[str]) -> str:
    """Return the level at which directives of these names stand."""
    return next((context for context, signs in CONTEXTS.items() if names & signs), "location" if names else "main")


def is_nginx(names: set[str]) -> bool:
    """Say whether any of these names is a directive of nginx that is known here."""
    return bool(names & ANYWHERE) or any(names & signs for signs in CONTEXTS.values())
