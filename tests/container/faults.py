"""Faults: each breaks one thing in a working set-up, on a real server, and names the rules that must report it, no others."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ota_proxy.harness.served import Content
from ota_proxy.model import Site
from tests.variants import variant

Edit = Callable[[str], str]

NGINX_IPA = r"location ~\* \\\.\(\?:ipa\|mobileprovision\)\$ \{"
"""The rendered location of packages, as a pattern."""
NGINX_OPEN = "ssl_certificate /etc/ssl/ota/ecdsa.pem; ssl_certificate_key /etc/ssl/private/ecdsa.key; root /srv/ota;"
EXPOSED = {"cert": "/etc/ssl/ota/ecdsa.pem", "key": "/srv/ota/ecdsa.key"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is broken: in the rendered text (by server), or in what is served; `ids` must be exactly what is found."""

    name: str
    ids: frozenset[str]
    edits: Mapping[str, Edit] = field(default_factory=dict)
    content: Content = field(default_factory=Content)
    site: Site = field(default_factory=lambda: variant("static"))

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers this fault can be injected into."""
        return tuple(self.edits) or ("nginx", "apache")


def replaced(pattern: str, new: str, *, count: int = 0) -> Edit:
    """Return an edit that must find its place: a fault that changes nothing would prove nothing."""

    def edit(text: str) -> str:
        changed, times = re.subn(pattern, new, text, count=count, flags=re.MULTILINE)
        assert times, f"the rendered text has no {pattern}"
        assert changed != text, f"{pattern} changes nothing"
        return changed

    return edit


def _fault(name: str, ids: str, nginx: Edit | None = None, apache: Edit | None = None, **more: object) -> Fault:
    edits = {server: edit for server, edit in (("nginx", nginx), ("apache", apache)) if edit}
    return Fault(name, frozenset(ids.split()), edits, **more)  # type: ignore[arg-type]  # only Fault's own fields


FAULTS = (
    _fault(
        "plain http serves the content",
        "OTA201",
        replaced(r"return 308 https://ota\.example\.com\$request_uri; # \(2\)", "root /srv/ota;"),
        replaced(r'^( *)RewriteRule "\^" "https://ota\.example\.com%1" \[R=308,NE,L\]$', r'\1Alias "/" "/srv/ota/"'),
    ),
    _fault(
        "the redirect drops path and query",
        "OTA202",
        replaced(r"(return 308 https://ota\.example\.com)\$request_uri;", r"\1/;"),
        replaced(r"(https://ota\.example\.com)%1(\" \[R=308,NE),L\]", r"\1/\2,QSD,L]"),
    ),
    _fault(
        "the redirect is temporary",
        "OTA203",
        replaced(r"return 308 (https://ota\.example\.com\$request_uri; # \(2\))", r"return 302 \1"),
        replaced(r"\[R=308,NE,L\]", "[R=302,NE,L]"),
    ),
    _fault("the intermediate is not served", "OTA210", content=Content(flaw="missing-intermediate")),
    _fault("the certificate authority is unknown", "OTA207", content=Content(flaw="unknown-ca")),
    _fault("the certificate has expired", "OTA208", content=Content(flaw="expired")),
    _fault("the certificate is not valid yet", "OTA208", content=Content(flaw="not-yet-valid")),
    _fault("the certificate is for another host", "OTA209", content=Content(flaw="wrong-host")),
    _fault("the certificate lives too long", "OTA212", content=Content(flaw="too-long")),
    _fault(
        "no HSTS",
        "OTA219",
        replaced(r"add_header Strict-Transport-Security [^;]*;", ""),
        replaced(r"^ *Header always set Strict-Transport-Security .*$", ""),
    ),
    _fault(
        "HSTS is sent over http too",
        "OTA219",
        replaced(
            r"(return 308 https://ota\.example\.com\$request_uri; # \(2\))",
            r'add_header Strict-Transport-Security "max-age=63072000" always; \1',
        ),
        replaced(
            r"Header always unset Strict-Transport-Security",
            'Header always set Strict-Transport-Security "max-age=63072000"',
        ),
    ),
    _fault(
        "TLS 1.1 is still spoken",
        "OTA215 OTA217",
        replaced(
            r"ssl_protocols TLSv1\.2 TLSv1\.3;.*\n *ssl_ciphers [^;]*;",
            "ssl_protocols TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers DEFAULT@SECLEVEL=0;",
        ),
        replaced(
            r"SSLProtocol -all \+TLSv1\.2 \+TLSv1\.3\n *SSLCipherSuite ECDHE\S*",
            "SSLProtocol -all +TLSv1.1 +TLSv1.2 +TLSv1.3\n    SSLCipherSuite DEFAULT@SECLEVEL=0",
        ),
    ),
    _fault(
        "a stranger's name gets the content",
        "OTA223",
        replaced(r"ssl_reject_handshake on;(?:\n.*)??\n *return 421;", NGINX_OPEN),
        replaced(r"^ *RewriteCond .*\n *RewriteCond .*SSL_TLS_SNI.*\n *RewriteRule \"\^\" - \[R=421,L\]$", ""),
    ),
    _fault(
        "manifests have no type of their own",
        "OTA314",
        replaced(r"default_type text/xml;", "default_type application/octet-stream;"),
        replaced(r'ForceType "text/xml"', "ForceType None"),
    ),
    _fault(
        "packages are called text",
        "OTA411",
        replaced(r"default_type application/octet-stream;", "default_type text/plain;"),
        replaced(r'(ipa\)\$">\s+ForceType) "application/octet-stream"', r'\1 "text/plain"'),
    ),
    _fault(
        "manifests may be cached",
        "OTA315",
        replaced(r"set \$ota_proxy_cache no-store;(\s+if)", r'set $ota_proxy_cache "public, max-age=3600";\1'),
        replaced(r'(Header always set Cache-Control) "no-store"', r'\1 "public, max-age=3600"'),
    ),
    _fault(
        "HEAD is denied",
        "OTA403",
        replaced(f"({NGINX_IPA})", r"\1 if ($request_method = HEAD) { return 405; }"),
        replaced(
            r"AllowMethods GET HEAD\n(.*\n *# \(3\))",
            r'<FilesMatch "ipa$">\nRewriteEngine On\nRewriteCond %{REQUEST_METHOD} HEAD\nRewriteRule "^" - [R=405,L]\n</FilesMatch>\n\1',
        ),
    ),
    _fault(
        "ranges are off",
        "OTA406",
        replaced(f"({NGINX_IPA})", r"\1 max_ranges 0;"),
        replaced(r"(DirectoryIndex index\.html)", r"\1\n        MaxRanges none"),
    ),
    _fault(
        "packages are compressed",
        "OTA409",
        replaced(f"({NGINX_IPA}(?:.*\n)*?.*)gzip off;", r"\1gzip on; gzip_types application/octet-stream;"),
        replaced(
            r"^( *)SetEnvIfNoCase Request_URI .* no-gzip no-brotli$",
            r"\1AddOutputFilterByType DEFLATE application/octet-stream",
        ),
    ),
    _fault(
        "the manifest is a page", "OTA302", content=Content(manifest=b"<!DOCTYPE html><html><body>Hello</body></html>")
    ),
    _fault(
        "the manifest is cut off",
        "OTA307",
        content=Content(manifest=b'<?xml version="1.0"?><plist><dict><key>items</key>'),
    ),
    _fault(
        "the manifest bombs its reader",
        "OTA318",
        content=Content(manifest=b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaa">]><plist><dict/></plist>'),
    ),
    _fault("the package is no archive", "OTA405", content=Content(package=b"<html>sold out</html>" * 500)),
    _fault(
        "the content type is added as a second header",
        "OTA604",
        replaced(r"(add_header X-Content-Type-Options nosniff always;)", r"\1 add_header Content-Type text/xml;"),
    ),
    _fault(
        "folders are listed",
        "OTA613",
        replaced(r"index index\.html;\s+autoindex off;", "index none.html; autoindex on;"),
        replaced(r"(DirectoryIndex) index\.html((?:.*\n)*?.*Options FollowSymLinks)", r"\1 none.html\2 Indexes"),
    ),
    _fault("the key lies where files are served from", "OTA614", site=variant("static", certificates=[EXPOSED])),
    _fault(
        "the configuration has a typing error",
        "OTA615",
        replaced(r"absolute_redirect off;", "absolute_redirct off;"),
        replaced(r"UseCanonicalName Off", "UseCanonicalNme Off"),
    ),
    _fault(
        "the server dies at its start although its test passes",
        "OTA616",
        None,
        replaced(r"SSLOpenSSLConfCmd Curves .*", "SSLOpenSSLConfCmd Curves no-such-group"),
    ),
    _fault(
        "the application is told http",
        "OTA312",
        replaced(r"X-Forwarded-Proto https;", "X-Forwarded-Proto http;"),
        replaced(r'X-Forwarded-Proto "https"', 'X-Forwarded-Proto "http"'),
        site=variant("proxied"),
    ),
    _fault(
        "the application is told an inner name",
        "OTA313",
        replaced(r"X-Forwarded-Host \$\w+;", "X-Forwarded-Host 10.0.0.7;"),
        replaced(r'X-Forwarded-Host "[^"]*"', 'X-Forwarded-Host "10.0.0.7"'),
        site=variant("proxied"),
    ),
    _fault(
        "the redirect does not believe the proxy in front",
        "OTA204",
        replaced(r"front:https on;", 'front:https "";'),
        replaced(r"^ *RewriteCond expr .*CONN_REMOTE_ADDR.*$", ""),
        site=variant("static behind an offloading proxy"),
    ),
)
