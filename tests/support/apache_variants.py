"""The sites behind the Apache golden files: name → raw site, version and scope, and how each is rendered."""

from __future__ import annotations

from typing import Any

from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.apache.render import render
from ota_proxy.servers.rendered import Rendered, Scope
from ota_proxy.site import Site
from tests.property.apache_reader import Directive

Raw = dict[str, Any]


BASE: Raw = {
    "domains": ["ota.example.com"],
    "locations": [{"path": "/", "root": "/srv/ota"}],
    "certificates": [{"cert": "/etc/ssl/ota.pem", "key": "/etc/ssl/private/ota.key"}],
}


PROXIED: Raw = {
    "locations": [
        {"path": "/", "upstream": "http://127.0.0.1:8080"},
        {"path": "/ota/", "root": "/srv/ota"},
        {"path": "/builds/", "upstream": "unix:/run/builds.sock"},
        {"path": "/store/", "upstream": "https://store.example.net", "upstream_ca": "/etc/ssl/store-ca.pem"},
    ]
}


OFFLOADED: Raw = {"certificates": [], "tls": {"offloaded": True}, "trusted_proxies": ["10.0.0.0/8", "2001:db8::/32"]}


MUCH: Raw = {
    "domains": ["ota.example.com", "builds.example.com", "*.team.example.com"],
    "public_url": "https://builds.example.com:8443",
    "listen": {"http": 8080, "addresses": ["192.0.2.1", "2001:db8::1"]},
    "locations": [{"path": "/ota/", "root": "/srv/o ta"}, {"path": "/b.c+d/", "root": "/srv/b[1]*"}],
    "certificates": [
        {"cert": "/etc/ssl/rsa.pem", "key": "/etc/ssl/rsa.key"},
        {"cert": "/etc/ssl/ec.pem", "key": "/etc/ssl/ec.key"},
    ],
    "redirect": {"status": 301, "acme_root": "/srv/acme"},
    "hsts": {"max_age": 300, "include_subdomains": True},
    "media_types": {".pkg": "application/x-newton-compatible-pkg"},
    "cache": {"packages": "immutable", "max_age": 86400},
    "headers": {"X-Note": '100% "quoted" \\ text'},
    "access": {"allow": ["192.0.2.0/24", "2001:db8::/32"], "deny": ["192.0.2.66"]},
    "trusted_proxies": ["192.0.2.10"],
    "http2": False,
    "unknown_hosts": "ignore",
    "log": {"access": "/var/log/ota/access.log", "error": "/var/log/ota/error.log", "level": "info"},
    "expected_devices": 30_000,
}


NAMES: Raw = {
    "domains": ["ota.example.com", "*.example.com", "builds.example.org"],
    "certificates": [
        {"cert": "/etc/ssl/rsa.pem", "key": "/etc/ssl/rsa.key", "domains": ["ota.example.com"]},
        {"cert": "/etc/ssl/ecdsa.pem", "key": "/etc/ssl/ecdsa.key", "domains": ["ota.example.com"]},
        {"cert": "/etc/ssl/wild.pem", "key": "/etc/ssl/wild.key", "domains": ["*.example.com"]},
        {"cert": "/etc/ssl/org.pem", "key": "/etc/ssl/org.key", "domains": ["builds.example.org"]},
    ],
}


FEATURES: Raw = {
    "locations": [
        {"path": "/", "root": "/srv/ota"},
        {"path": "/staff/", "root": "/srv/staff"},
        {"path": "/staff/open/", "upstream": "http://127.0.0.1:8080"},
    ],
    "listen": {"proxy_protocol": True},
    "trusted_proxies": ["10.0.0.0/8", "2001:db8::/32"],
    "auth": {"htpasswd": "/etc/ota/htpasswd", "realm": "Builds of our team"},
    "cors": {"origins": ["https://portal.example.com", "http://[2001:db8::1]:3000"], "max_age": 60},
    "client_certificates": {"ca": "/etc/ota/staff-ca.pem", "locations": ["/staff/"], "depth": 3},
    "error_pages": {"folder": "/srv/ota errors", "statuses": [401, 403, 404, 405, 503]},
}


EVERYTHING: Raw = {
    **MUCH,
    **FEATURES,
    "listen": MUCH["listen"] | FEATURES["listen"],
    "locations": [
        *MUCH["locations"],
        {"path": "/staff/", "root": "/srv/staff"},
        *PROXIED["locations"][:1],
        {
            "path": "/builds/",
            "upstream": "unix:/run/builds.sock",
            "websocket": True,
            "max_body": "2G",
            "read_timeout": 300,
        },
        *PROXIED["locations"][3:],
        {"path": "/a b/", "upstream": "http://127.0.0.1:9000"},
    ],
}


GOLDEN: dict[str, tuple[Scope, str, Raw]] = {
    "site": ("site", "portable", {}),
    "site-everything": ("site", "debian12", EVERYTHING),
    "snippet": ("snippet", "portable", {}),
    "snippet-everything": ("snippet", "debian12", EVERYTHING),
    "full": ("full", "portable", {}),
    "full-everything": ("full", "rhel10", EVERYTHING),
}


VARIANTS: dict[str, tuple[Scope, str, Raw]] = {
    **GOLDEN,
    "site-names": ("site", "debian12", NAMES),
    "site-debian11": ("site", "debian11", {}),
    "site-modern": ("site", "debian13", {"tls": {"profile": "modern"}}),
    "site-proxied": ("site", "debian12", PROXIED),
    "site-offloaded": ("site", "debian12", OFFLOADED),
    "site-offloaded-proxied": ("site", "ubuntu24.04", OFFLOADED | PROXIED),
    "site-fronted": ("site", "debian12", {"trusted_proxies": ["10.0.0.0/8"]}),
    "site-much": ("site", "ubuntu22.04", MUCH),
    "site-no-http": ("site", "portable", {"listen": {"http": False, "ipv6": False}, "hsts": {"enabled": False}}),
    "snippet-much": ("snippet", "debian12", MUCH | PROXIED),
    "site-features": ("site", "debian12", FEATURES),
    "snippet-features": ("snippet", "debian12", FEATURES),
    "full-offloaded": ("full", "debian13", OFFLOADED),
}


def rendered(
    scope: Scope = "site", version: str = "portable", more: Raw | None = None, tls: str = "", layout: str = ""
) -> Rendered:
    site = Site.model_validate({**BASE, **(more or {})})
    return render(site, resolve("apache", version, tls, layout), scope, "ota-proxy render apache")


def text(
    scope: Scope = "site", version: str = "portable", more: Raw | None = None, tls: str = "", layout: str = ""
) -> str:
    return rendered(scope, version, more, tls, layout).files[0].text


def named(found: list[Directive], name: str) -> list[tuple[str, ...]]:
    return [one.arguments for one in found if one.name == name]
