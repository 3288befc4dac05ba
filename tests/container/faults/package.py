"""Faults of the package: whether it comes, and how it is served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ota_proxy.apps.package import build_package
from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.served import Content
from tests.container.faults import apache_edits, nginx_edits
from tests.container.faults.behind import FOLDER, behind
from tests.container.faults.manifest import BASE, ROOT, written
from tests.container.faults.model import SMALL, Fault, both, fault, replaced


def _other_build() -> bytes:
    """The example package with other bytes in its middle."""
    data = build_package()
    start, end = len(data) // 3, 2 * len(data) // 3
    return data[:start] + bytes(end - start) + data[end:]


FILES = f"root {FOLDER}; types {{ }} default_type application/octet-stream;"
"""What a location for packages of the application needs."""


def _node(port: int, tag: str) -> str:
    """One of several servers of the same files."""
    return f"""server {{ listen 127.0.0.1:{port}; {FILES} etag off; add_header ETag '"{tag}"'; }}\n"""


_DELIVERY = (
    fault(
        "packages are not found",
        "OTA401",
        nginx_edits.files("ipa", "return 404;"),
        replaced(ROOT, r'\1RedirectMatch 404 "\\.ipa$"\n\g<0>'),
        site=SMALL,
        door="check",
    ),
    fault(
        "packages answer with a server error",
        "OTA401",
        nginx_edits.files("ipa", "return 500;"),
        replaced(ROOT, r'\1RedirectMatch 500 "\\.ipa$"\n\g<0>'),
        site=SMALL,
        door="check",
    ),
    fault(
        "packages are not answered",
        "OTA401",
        nginx_edits.files("ipa", "return 444;"),
        site=SMALL,
        door="check",
    ),
    behind("the application of packages is down", "OTA401", r"location ~ \.ipa$ { proxy_pass http://127.0.0.1:1; }"),
    behind(
        "packages are asked for too often",
        "OTA401",
        rf"location ~ \.ipa$ {{ limit_req zone=often; limit_req_status 429; {FILES} }}",
        "limit_req_zone $uri zone=often:1m rate=1r/m;",
    ),
    fault(
        "packages are denied",
        "OTA402",
        nginx_edits.files("ipa", "deny all;"),
        apache_edits.packages("Require all denied"),
        site=SMALL,
        door="check",
    ),
    fault(
        "packages lead to a login",
        "OTA402",
        nginx_edits.files("ipa", "return 302 /login?next=$uri;"),
        replaced(ROOT, rf'\1RedirectMatch 302 "\\.ipa$" "{BASE}/login"\n\g<0>'),
        site=SMALL,
        door="check",
    ),
    behind(
        "packages want a password",
        "OTA402",
        rf"location ~ \.ipa$ {{ auth_basic builds; auth_basic_user_file no; {FILES} }}",
    ),
    fault(
        "HEAD is denied",
        "OTA403",
        nginx_edits.files("ipa", "if ($request_method = HEAD) { return 405; }"),
        apache_edits.packages("RewriteEngine On", "RewriteCond %{REQUEST_METHOD} HEAD", 'RewriteRule "^" - [R=405,L]'),
        site=SMALL,
    ),
    behind(
        "the signature of the address is for GET only",
        "OTA403",
        rf"location ~ \.ipa$ {{ if ($request_method = HEAD) {{ return 403; }} {FILES} }}",
    ),
    behind(
        "the address of the package is used up by HEAD",
        "OTA401",
        rf"location ~ \.ipa$ {{ limit_req zone=once; limit_req_status 410; {FILES} }}",
        "limit_req_zone $uri zone=once:1m rate=1r/m;",
    ),
    behind(
        "the address of the package works twice",
        "OTA404",
        rf"location ~ \.ipa$ {{ limit_req zone=once burst=1 nodelay; limit_req_status 403; {FILES} }}",
        "limit_req_zone $uri zone=once:1m rate=1r/m;",
    ),
    behind(
        "HEAD says that the package is empty",
        "OTA410",
        rf"location ~ \.ipa$ {{ if ($request_method = HEAD) {{ return 200; }} {FILES} }}",
    ),
    behind(
        "HEAD has a type of its own",
        "OTA410",
        rf"location ~ \.ipa$ {{ error_page 418 = @head; if ($request_method = HEAD) {{ return 418; }} {FILES} }}"
        f"location @head {{ root {FOLDER}; types {{ }} default_type text/html; }}",
    ),
    fault(
        "packages are called text",
        "OTA411",
        nginx_edits.files("ipa", "default_type text/plain;"),
        apache_edits.packages("ForceType text/plain"),
        site=SMALL,
    ),
    fault(
        "packages have no type",
        "OTA411",
        nginx_edits.files("ipa", 'default_type "";'),
        apache_edits.packages("ForceType None"),
        site=SMALL,
        door="check",
    ),
)

_RESUME = (
    fault(
        "ranges are off",
        "OTA406",
        nginx_edits.files("ipa", "max_ranges 0;"),
        replaced(r"(DirectoryIndex index\.html)", r"\1\n        MaxRanges none"),
        site=SMALL,
    ),
    behind(
        "ranges are refused",
        "OTA407",
        rf"location ~ \.ipa$ {{ if ($http_range) {{ return 416; }} {FILES} }}",
    ),
    behind(
        "every range is the first one",
        "OTA407",
        r"location ~ \.ipa$ { error_page 418 = @part; if ($http_range) { return 418; } "
        f"{FILES} }} location @part {{ add_header Content-Range 'bytes 0-9/10'; return 206 0123456789; }}",
    ),
    behind(
        "a range does not say where it is from",
        "OTA407",
        r"location ~ \.ipa$ { error_page 418 = @part; if ($http_range) { return 418; } "
        f"{FILES} }} location @part {{ return 206 0123456789; }}",
    ),
    behind(
        "a resumed download gets the whole file",
        "OTA407",
        r"location ~ \.ipa$ { error_page 418 = @whole; if ($http_if_range) { return 418; } "
        f"{FILES} }} location @whole {{ max_ranges 0; {FILES} }}",
    ),
    fault(
        "ranges come from another build of the same size and time",
        "OTA407",
        nginx_edits.files("ipa", "if ($http_range) { rewrite ^/App /other.ipa last; }"),
        replaced(ROOT, r'\1RewriteCond %{HTTP:Range} .\n\1RewriteRule "^/App\\.ipa$" "/other.ipa" [PT]\n\g<0>'),
        content=Content(extra=(TestFile("/srv/ota/other.ipa", _other_build()),)),
        site=SMALL,
        door="check",
    ),
    behind(
        "the application sends less than it declares",
        "OTA413 OTA407",  # ranges, which come from the file, name its true size
        r"location ~ \.ipa$ { error_page 418 = @part; if ($http_range) { return 418; } etag off; "
        f"sub_filter_types application/octet-stream; sub_filter no-such-bytes-anywhere -; {FILES} "
        "chunked_transfer_encoding off; add_header Content-Length 2000000; }"
        f"location @part {{ etag off; {FILES} }}",
    ),
    behind(
        "packages come in chunks of unknown number",
        "OTA408 OTA406",
        rf"location ~ \.ipa$ {{ sub_filter_types application/octet-stream; sub_filter no-such-bytes-anywhere -; {FILES} }}",
    ),
    behind(
        "only whole packages come in chunks",
        "OTA408",
        r"location ~ \.ipa$ { error_page 418 = @part; if ($http_range) { return 418; } etag off; "
        f"sub_filter_types application/octet-stream; sub_filter no-such-bytes-anywhere -; {FILES} }}"
        f"location @part {{ etag off; {FILES} }}",
    ),
    fault(
        "packages are compressed",
        "OTA409",
        nginx_edits.files("ipa", "gzip on; gzip_types application/octet-stream;"),
        replaced(
            r"^( *)SetEnvIfNoCase Request_URI .* no-gzip no-brotli$",
            r"\1AddOutputFilterByType DEFLATE application/octet-stream",
        ),
        site=SMALL,
    ),
    fault(
        "packages are called compressed",
        "OTA409",
        both(
            nginx_edits.folder("add_header Content-Encoding $packed always;"),
            lambda text: 'map $uri $packed { default ""; "~[.]ipa$" gzip; }\n' + text,
        ),
        apache_edits.packages("Header set Content-Encoding gzip"),
        site=SMALL,
        door="check",
    ),
    fault(
        "packages of one name may be kept for a year",
        "OTA414",
        nginx_edits.cached("ipa", "public, max-age=31536000, immutable"),
        apache_edits.packages('Header always set Cache-Control "public, max-age=31536000, immutable"'),
        site=SMALL,
        door="check",
    ),
    behind(
        "every node has its own validator",
        "OTA414 OTA407",
        rf"location ~ \.ipa$ {{ etag off; add_header ETag '\"$request_id\"'; {FILES} }}",
    ),
    behind(
        "two nodes have a validator each",
        "OTA414 OTA407",
        r"location ~ \.ipa$ { proxy_pass http://nodes; }",
        "upstream nodes { server 127.0.0.1:8091; server 127.0.0.1:8092; }"
        + "".join(_node(8091 + number, f"{number}") for number in range(2)),
    ),
)


_ICONS: Mapping[str, str] = {
    "the display image is not there": f"{BASE}/no-icon.png",
    "the display image is a page": f"{BASE}/index.html",
}


def _icon(name: str, url: str) -> Fault:
    def change(manifest: dict[str, Any]) -> None:
        assets = manifest["items"][0]["assets"]
        next(asset for asset in assets if asset["kind"] == "display-image")["url"] = url

    return fault(name, "", content=written(change), site=SMALL, door="check", notes="OTA415")


FAULTS = (*_DELIVERY, *_RESUME, *(_icon(name, url) for name, url in _ICONS.items()))
