"""Faults of the server's configuration that the walk or the host shows."""

from __future__ import annotations

from tests.container.faults.model import EXPOSED, fault, replaced
from tests.variants import variant

FAULTS = (
    fault(
        "the content type is added as a second header",
        "OTA604",
        replaced(r"(add_header X-Content-Type-Options nosniff always;)", r"\1 add_header Content-Type text/xml;"),
    ),
    fault(
        "folders are listed",
        "OTA613",
        replaced(r"index index\.html;\s+autoindex off;", "index none.html; autoindex on;"),
        replaced(r"(DirectoryIndex) index\.html((?:.*\n)*?.*Options FollowSymLinks)", r"\1 none.html\2 Indexes"),
    ),
    fault("the key lies where files are served from", "OTA614", site=variant("static", certificates=[EXPOSED])),
    fault(
        "the configuration has a typing error",
        "OTA615",
        replaced(r"absolute_redirect off;", "absolute_redirct off;"),
        replaced(r"UseCanonicalName Off", "UseCanonicalNme Off"),
    ),
    fault(
        "the server dies at its start although its test passes",
        "OTA616",
        None,
        replaced(r"SSLOpenSSLConfCmd Curves .*", "SSLOpenSSLConfCmd Curves no-such-group"),
    ),
)
