"""The sites behind the nginx golden files: name → raw site, version and scope; `relocate` moves one into a temporary folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.nginx.render import render
from ota_proxy.servers.rendered import Rendered, Scope
from ota_proxy.site import Site

Raw = dict[str, Any]

PAIR = {"cert": "/etc/ssl/ota.pem", "key": "/etc/ssl/ota.key"}
STATIC: Raw = {
    "domains": ["ota.example.com"],
    "locations": [{"path": "/", "root": "/srv/ota"}],
    "certificates": [PAIR],
}
PROXIED: Raw = {**STATIC, "locations": [{"path": "/", "upstream": "http://127.0.0.1:8080"}]}
OFFLOADED: Raw = {
    **STATIC,
    "locations": [{"path": "/ota/", "root": "/srv/ota"}, {"path": "/app/", "upstream": "http://127.0.0.1:8080"}],
    "certificates": [],
    "tls": {"offloaded": True},
    "trusted_proxies": ["127.0.0.1", "2001:db8::/32"],
}
NAMES: Raw = {
    **STATIC,
    "domains": ["ota.example.com", "*.example.com", "builds.example.org"],
    "certificates": [
        {"cert": "/etc/ssl/rsa.pem", "key": "/etc/ssl/rsa.key", "domains": ["ota.example.com"]},
        {"cert": "/etc/ssl/ecdsa.pem", "key": "/etc/ssl/ecdsa.key", "domains": ["ota.example.com"]},
        {"cert": "/etc/ssl/wild.pem", "key": "/etc/ssl/wild.key", "domains": ["*.example.com"]},
        {"cert": "/etc/ssl/org.pem", "key": "/etc/ssl/org.key", "domains": ["builds.example.org"]},
    ],
}
EVERYTHING: Raw = {
    "domains": ["ota.example.com", "builds.example.org", "*.team.example.com"],
    "public_url": "https://ota.example.com:8443",
    "listen": {"http": 8080, "https": 4443, "addresses": ["127.0.0.1"]},
    "locations": [
        {"path": "/ota/", "root": "/srv/ota builds"},
        {"path": "/.hidden/", "root": "/srv/hidden"},
        {"path": "/app/", "upstream": "http://127.0.0.1:8080"},
        {"path": "/socket/", "upstream": "unix:/run/ota app.sock"},
        {
            "path": "/safe/",
            "upstream": "https://127.0.0.1:9443",
            "upstream_name": "app.example.net",
            "upstream_ca": "/etc/ssl/app-ca.pem",
        },
    ],
    "certificates": [PAIR, {"cert": "/etc/ssl/ota-rsa.pem", "key": "/etc/ssl/ota-rsa.key"}],
    "redirect": {"status": 301, "acme_root": "/var/www/challenges"},
    "hsts": {"max_age": 63072000, "include_subdomains": True, "preload": True},
    "trusted_proxies": ["10.0.0.0/8"],
    "media_types": {".zip": "application/zip", ".plist": "text/xml; charset=utf-8"},
    "cache": {"packages": "immutable"},
    "headers": {"X-Content-Type-Options": "nosniff", "X-Quoted": 'a "b" \\ c'},
    "access": {"allow": ["127.0.0.0/8", "10.0.0.0/8"], "deny": ["10.9.0.0/16"]},
    "log": {"access": "/var/log/ota/access.log", "error": "/var/log/ota/error.log", "level": "info"},
    "expected_devices": 20_000,
}
FEATURES: Raw = {
    **STATIC,
    "locations": [
        {"path": "/", "root": "/srv/ota"},
        {"path": "/staff/", "root": "/srv/staff"},
        {"path": "/app/", "upstream": "http://127.0.0.1:8080"},
        {"path": "/crew/", "upstream": "http://127.0.0.1:8080"},
    ],
    "http3": True,
    "auth": {"htpasswd": "/etc/ota/htpasswd", "realm": "Builds of our team"},
    "limits": {"requests_per_second": 20, "burst": 30},
    "cors": {"origins": ["https://portal.example.com", "http://127.0.0.1:3000"]},
    "client_certificates": {"ca": "/etc/ota/staff-ca.pem", "locations": ["/staff/", "/crew/"]},
    "error_pages": {"folder": "/srv/ota errors", "statuses": [401, 403, 404, 405, 429, 502]},
}
BALANCED: Raw = {
    **FEATURES,
    "http3": False,
    "listen": {"proxy_protocol": True},
    "trusted_proxies": ["127.0.0.1", "10.0.0.0/8"],
}
"""Behind a balancer that passes TLS on, and says with the PROXY protocol where connections came from."""

VARIANTS: dict[str, tuple[Raw, str, Scope]] = {
    "static-debian11": (STATIC, "debian11", "site"),
    "static-debian12": (STATIC, "debian12", "site"),
    "static-portable": (STATIC, "portable", "site"),
    "static-latest": (STATIC, "official", "site"),
    "names-debian11": (NAMES, "debian11", "site"),
    "names-debian12": (NAMES, "debian12", "site"),
    "proxied-debian13": (PROXIED, "debian13", "site"),
    "modern-latest": ({**STATIC, "tls": {"profile": "modern"}}, "official", "site"),
    "everything-debian12": (EVERYTHING, "debian12", "site"),
    "everything-portable": (EVERYTHING, "portable", "site"),
    "everything-latest": (EVERYTHING, "official", "site"),
    "offloaded-debian12": (OFFLOADED, "debian12", "site"),
    "ignore-ubuntu24.04": ({**STATIC, "unknown_hosts": "ignore", "http2": False}, "ubuntu24.04", "site"),
    "no-http-no-hsts-rhel9": (
        {**STATIC, "listen": {"http": False, "ipv6": False}, "hsts": {"enabled": False}, "log": {"access": False}},
        "rhel9",
        "site",
    ),
    "snippet-debian12": (STATIC, "debian12", "snippet"),
    "snippet-everything-latest": (EVERYTHING, "official", "snippet"),
    "full-portable": (STATIC, "portable", "full"),
    "full-debian12": (STATIC, "debian12", "full"),
    "features-debian13": (FEATURES, "debian13", "site"),
    "features-ignore-latest": ({**FEATURES, "unknown_hosts": "ignore"}, "latest", "full"),
    "features-snippet-debian12": (FEATURES, "debian12", "snippet"),
    "balanced-debian12": (BALANCED, "debian12", "site"),
    "full-everything-rhel10": (EVERYTHING, "rhel10", "full"),
}

GOLDEN = (
    "static-portable",
    "everything-portable",
    "snippet-debian12",
    "snippet-everything-latest",
    "full-portable",
    "full-everything-rhel10",
)
"""Variants whose text is the promise: a plain one and those with everything, of each scope. The others are read as nginx reads them."""


def rendered(name: str) -> Rendered:
    """Render a variant as its golden file has it."""
    raw, version, scope = VARIANTS[name]
    return render(Site.model_validate(raw), resolve("nginx", version), scope, f"ota-proxy render nginx ({name})")


def relocate(raw: Raw, folder: Path, ports: dict[str, int]) -> Site:
    """Return the site with every path under `folder` and its ports replaced by `http`, `https` and `app` of `ports`."""
    moved = Site.model_validate(raw).model_dump(mode="json", exclude_none=True)
    parts = (moved[name] for name in ("redirect", "log", "auth", "client_certificates", "error_pages"))
    for place in (*moved["locations"], *moved["certificates"], *parts):
        for key in ("root", "upstream_ca", "cert", "key", "acme_root", "access", "error", "htpasswd", "ca", "folder"):
            if isinstance(place.get(key), str):
                place[key] = str(folder / place[key].lstrip("/"))
        if place.get("upstream", "").startswith("http://"):
            place["upstream"] = f"http://127.0.0.1:{ports['app']}"
    moved["listen"] |= {"http": moved["listen"]["http"] and ports["http"], "addresses": ["127.0.0.1"]}
    if not moved["tls"]["offloaded"]:
        moved["listen"]["https"] = ports["https"]
    return Site.model_validate(moved)
