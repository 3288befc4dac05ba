"""Faults of the way to the server: redirects, certificates, TLS, HSTS, strangers' names."""

from __future__ import annotations

from ota_proxy.harness.served import Content
from tests.container.faults.model import NGINX_OPEN, fault, replaced
from tests.variants import variant

FAULTS = (
    fault(
        "plain http serves the content",
        "OTA201",
        replaced(r"return 308 https://ota\.example\.com\$request_uri; # \(2\)", "root /srv/ota;"),
        replaced(r'^( *)RewriteRule "\^" "https://ota\.example\.com%1" \[R=308,NE,L\]$', r'\1Alias "/" "/srv/ota/"'),
    ),
    fault(
        "the redirect drops path and query",
        "OTA202",
        replaced(r"(return 308 https://ota\.example\.com)\$request_uri;", r"\1/;"),
        replaced(r"(https://ota\.example\.com)%1(\" \[R=308,NE),L\]", r"\1/\2,QSD,L]"),
    ),
    fault(
        "the redirect is temporary",
        "OTA203",
        replaced(r"return 308 (https://ota\.example\.com\$request_uri; # \(2\))", r"return 302 \1"),
        replaced(r"\[R=308,NE,L\]", "[R=302,NE,L]"),
    ),
    fault("the intermediate is not served", "OTA210", content=Content(flaw="missing-intermediate")),
    fault("the certificate authority is unknown", "OTA207", content=Content(flaw="unknown-ca")),
    fault("the certificate has expired", "OTA208", content=Content(flaw="expired")),
    fault("the certificate is not valid yet", "OTA208", content=Content(flaw="not-yet-valid")),
    fault("the certificate is for another host", "OTA209", content=Content(flaw="wrong-host")),
    fault("the certificate lives too long", "OTA212", content=Content(flaw="too-long")),
    fault(
        "no HSTS",
        "OTA219",
        replaced(r"add_header Strict-Transport-Security [^;]*;", ""),
        replaced(r"^ *Header always set Strict-Transport-Security .*$", ""),
    ),
    fault(
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
    fault(
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
    fault(
        "a stranger's name gets the content",
        "OTA223",
        replaced(r"ssl_reject_handshake on;(?:\n.*)??\n *return 421;", NGINX_OPEN),
        replaced(r"^ *RewriteCond .*\n *RewriteCond .*SSL_TLS_SNI.*\n *RewriteRule \"\^\" - \[R=421,L\]$", ""),
    ),
    fault(
        "the redirect does not believe the proxy in front",
        "OTA204",
        replaced(r"front:https on;", 'front:https "";'),
        replaced(r"^ *RewriteCond expr .*CONN_REMOTE_ADDR.*$", ""),
        site=variant("static behind an offloading proxy"),
    ),
)
