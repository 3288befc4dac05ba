"""HTTP Strict Transport Security as IIS itself sends it (iis-docs, sites/site/hsts; Windows 1709 and later)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from ota_proxy.iis_emulator.message import Request


@dataclass(frozen=True, slots=True)
class HstsSettings:
    """The attributes of the hsts element of a site."""

    enabled: bool = False
    max_age: int = 0
    subdomains: bool = False
    preload: bool = False
    redirect: bool = False

    @property
    def value(self) -> str:
        """The header's value; the order of its directives is not documented."""
        parts = [f"max-age={self.max_age}"]
        parts += ["includeSubDomains"] if self.subdomains else []
        return "; ".join([*parts, "preload"] if self.preload else parts)


def https_location(request: Request) -> str:
    """Return the URL of the redirect: the scheme becomes https and the port is ignored."""
    target = request.target if request.target.startswith("/") else quote(request.path)
    return f"https://{request.host}{target}"
