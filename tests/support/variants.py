"""The sites of the matrix: every way of hosting that the project promises, as raw site files."""

from __future__ import annotations

from typing import Any

from ota_proxy.site import Site

ECDSA = {"cert": "/etc/ssl/ota/ecdsa.pem", "key": "/etc/ssl/private/ecdsa.key"}
RSA = {"cert": "/etc/ssl/ota/rsa.pem", "key": "/etc/ssl/private/rsa.key"}
STATIC: list[dict[str, str]] = [
    {"path": "/", "root": "/srv/ota"},
    {"path": "/team/ios/", "root": "/srv/other builds/ios"},
]
PROXIED: list[dict[str, str]] = [
    {"path": "/", "upstream": "http://127.0.0.1:8080"},
    {"path": "/socket/", "upstream": "unix:/run/ota/app.sock"},
    {"path": "/named/", "upstream": "https://app.internal:9443", "upstream_ca": "/etc/ssl/ota/app-ca.pem"},
]
OFFLOADED: dict[str, Any] = {
    "tls": {"offloaded": True},
    "trusted_proxies": ["10.20.0.0/16"],
    "listen": {"http": 8080},
    "certificates": [],
}

_VARIANTS: dict[str, dict[str, Any]] = {
    "static": {
        "locations": STATIC,
        "certificates": [ECDSA, RSA],
        "domains": ["ota.example.com", "*.builds.example.com"],
    },
    "modern": {"locations": STATIC[:1], "tls": {"profile": "modern"}, "cache": {"packages": "immutable"}},
    "proxied": {"locations": PROXIED},
    "mixed on port 8443": {
        "public_url": "https://ota.example.com:8443",
        "locations": [STATIC[0], {"path": "/app/", "upstream": "http://127.0.0.1:8080"}],
        "redirect": {"status": 301},
        "http2": False,
    },
    "static behind a TLS-terminating proxy": {"locations": STATIC[:1], **OFFLOADED},
    "proxied behind a TLS-terminating proxy": {
        "locations": [{"path": "/", "upstream": "http://127.0.0.1:9000"}],
        **OFFLOADED,
    },
}
NAMES = tuple(_VARIANTS)


def variant(name: str, **changes: Any) -> Site:  # noqa: ANN401 - raw keys of a site file
    """Return one site of the matrix, with some of its keys changed."""
    return Site.model_validate({"domains": ["ota.example.com"], "certificates": [ECDSA], **_VARIANTS[name], **changes})
