"""Faults of the package: the archive and how it is served."""

from __future__ import annotations

from ota_proxy.harness.served import Content
from tests.container.faults.model import NGINX_IPA, fault, replaced

FAULTS = (
    fault(
        "packages are called text",
        "OTA411",
        replaced(r"default_type application/octet-stream;", "default_type text/plain;"),
        replaced(r'(ipa\)\$">\s+ForceType) "application/octet-stream"', r'\1 "text/plain"'),
    ),
    fault(
        "HEAD is denied",
        "OTA403",
        replaced(f"({NGINX_IPA})", r"\1 if ($request_method = HEAD) { return 405; }"),
        replaced(
            r"AllowMethods GET HEAD\n(.*\n *# \(3\))",
            r'<FilesMatch "ipa$">\nRewriteEngine On\nRewriteCond %{REQUEST_METHOD} HEAD\nRewriteRule "^" - [R=405,L]\n</FilesMatch>\n\1',
        ),
    ),
    fault(
        "ranges are off",
        "OTA406",
        replaced(f"({NGINX_IPA})", r"\1 max_ranges 0;"),
        replaced(r"(DirectoryIndex index\.html)", r"\1\n        MaxRanges none"),
    ),
    fault(
        "packages are compressed",
        "OTA409",
        replaced(f"({NGINX_IPA}(?:.*\n)*?.*)gzip off;", r"\1gzip on; gzip_types application/octet-stream;"),
        replaced(
            r"^( *)SetEnvIfNoCase Request_URI .* no-gzip no-brotli$",
            r"\1AddOutputFilterByType DEFLATE application/octet-stream",
        ),
    ),
    fault("the package is no archive", "OTA405", content=Content(package=b"<html>sold out</html>" * 500)),
)
