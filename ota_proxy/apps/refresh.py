"""Where a refresh leads, the `<meta>` element's or the header's: seconds, and perhaps a URL (WHATWG HTML, shared declarative refresh steps)."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from ota_proxy import limits

_REFRESH = re.compile(
    r"""\s*[\d.]+(?:\s*[;,]\s*|\s+)(?:url\s*=\s*)?(?:"(?P<double>[^"]*)|'(?P<single>[^']*)|(?P<bare>(?!url\s*=)[^"'].*))""",
    re.IGNORECASE | re.DOTALL,
)
"""The URL with its quotes; one that is quoted ends at the next such quote."""


def refresh_url(content: str) -> str:
    """Return the URL of a refresh as it stands there; empty where it only loads the page again."""
    found = _REFRESH.match(content)
    return next((value.strip() for value in found.groups() if value), "") if found else ""


def refresh_target(content: str, base: str) -> str:
    """Return the absolute http(s) URL that a refresh leads to, without fragment; empty where it leads to none."""
    raw = refresh_url(content)
    try:
        url = urljoin(base, raw).partition("#")[0] if raw else ""
        urlsplit(url)
    except ValueError:
        return ""
    return url if url.lower().startswith(("https:", "http:")) and len(url) <= limits.URL else ""
