"""The site: one frozen, validated value that says what is hosted. Three renderers read it; nothing else describes a site."""

from ota_proxy.site.response import Access, Cache, Hsts
from ota_proxy.site.site import Certificate, Listen, Location, Log, Redirect, Site, Tls
from ota_proxy.site.values import Upstream

__all__ = [
    "Access",
    "Cache",
    "Certificate",
    "Hsts",
    "Listen",
    "Location",
    "Log",
    "Redirect",
    "Site",
    "Tls",
    "Upstream",
]
