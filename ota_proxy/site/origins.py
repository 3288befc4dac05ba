"""An origin as a browser writes it into the header Origin (RFC 6454 section 6.2)."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from ota_proxy.addresses import bracketed
from ota_proxy.site.values import host_name, refuse_control


def _origin(text: str) -> str:
    """Accept `https://host[:port]` and return it as browsers write it: lower case, ASCII, without the scheme's own port."""
    refuse_control(text, "the origin")
    if "*" in text or text == "null":
        raise ValueError(f"the origin '{text}' allows sites that nobody named; write each one out")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"the origin '{text}' cannot be read: {error}") from None
    standard = {"http": 80, "https": 443}
    more = parts.path not in ("", "/") or parts.username is not None or "?" in text or "#" in text
    if parts.scheme not in standard or more or port == 0:
        raise ValueError(f"the origin '{text}' must be scheme, host and port only, such as https://portal.example.com")
    host = bracketed(host_name(parts.hostname or "", "the origin's host"))
    return f"{parts.scheme}://{host}" + ("" if port in (None, standard[parts.scheme]) else f":{port}")


Origin = Annotated[str, AfterValidator(_origin)]
