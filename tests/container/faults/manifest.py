"""Faults of the manifest: what it is, what it says, what it comes with."""

from __future__ import annotations

from ota_proxy.harness.served import Content
from tests.container.faults.model import fault, replaced
from tests.variants import variant

FAULTS = (
    fault(
        "manifests have no type of their own",
        "OTA314",
        replaced(r"default_type text/xml;", "default_type application/octet-stream;"),
        replaced(r'ForceType "text/xml"', "ForceType None"),
    ),
    fault(
        "manifests may be cached",
        "OTA315",
        replaced(r"set \$ota_proxy_cache no-store;(\s+if)", r'set $ota_proxy_cache "public, max-age=3600";\1'),
        replaced(r'(Header always set Cache-Control) "no-store"', r'\1 "public, max-age=3600"'),
    ),
    fault(
        "the manifest is a page", "OTA302", content=Content(manifest=b"<!DOCTYPE html><html><body>Hello</body></html>")
    ),
    fault(
        "the manifest is cut off",
        "OTA307",
        content=Content(manifest=b'<?xml version="1.0"?><plist><dict><key>items</key>'),
    ),
    fault(
        "the manifest bombs its reader",
        "OTA318",
        content=Content(manifest=b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaa">]><plist><dict/></plist>'),
    ),
    fault(
        "the application is told http",
        "OTA312",
        replaced(r"X-Forwarded-Proto https;", "X-Forwarded-Proto http;"),
        replaced(r'X-Forwarded-Proto "https"', 'X-Forwarded-Proto "http"'),
        site=variant("proxied"),
    ),
    fault(
        "the application is told an inner name",
        "OTA313",
        replaced(r"X-Forwarded-Host \$\w+;", "X-Forwarded-Host 10.0.0.7;"),
        replaced(r'X-Forwarded-Host "[^"]*"', 'X-Forwarded-Host "10.0.0.7"'),
        site=variant("proxied"),
    ),
)
